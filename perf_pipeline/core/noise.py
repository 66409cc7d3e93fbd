"""The statistics below the verdict: log quantiles, what endpoints share, spread of identical runs, intervals.

Everything is in natural logarithms of milliseconds, so that an effect is a factor and its error is relative.
Arrays are of shape (baseline runs, endpoints) or (endpoints,); NaN means "not enough samples for this
quantile". No function here raises on odd data.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from perf_pipeline.core.model import Samples

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantile:
    """One quantile and what is assumed about its noise: standard deviations of the log between runs."""

    name: str
    q: float
    min_samples: int  # fewer successful requests: the quantile is not taken seriously
    assumed_spread: float  # floor while there are fewer than FEW_RUNS baseline runs
    least_spread: float  # floor afterwards
    assumed_shared: float  # as assumed_spread, for what all endpoints have in common


# Identical runs on a shared two-core machine differ by 0.15 (p50) and 0.6 (p95), and by about 0.04 and
# 0.1-0.2 after the common part is removed. Five runs or more are believed themselves, but five can agree by
# chance, and neighbouring runs resemble each other more than those of another day (medians wander over an
# hour): hence a smaller floor that stays.
P50 = Quantile("p50", 0.5, min_samples=20, assumed_spread=0.04, least_spread=0.02, assumed_shared=0.15)
P95 = Quantile("p95", 0.95, min_samples=60, assumed_spread=0.20, least_spread=0.06, assumed_shared=0.60)

FEW_RUNS = 5
PRIOR_RUNS = 4  # the assumed or pooled spread counts as much as that many degrees of freedom
MIN_ENDPOINTS = 3  # fewer: a median over endpoints cannot tell the machine from an endpoint
# Endpoints feel a slow machine differently: 18 % slower on average was 15-21 % for single endpoints.
UNEVEN_MACHINE = 0.15

_SHORTEST_MS, _LONGEST_MS = 1e-6, 1e12  # outside: not a duration


def durations(samples: Samples | None) -> Floats:
    """Milliseconds of the successful requests that have a sane duration."""
    if samples is None:
        return np.empty(0)
    value = samples.successful_ms()
    with np.errstate(invalid="ignore"):
        return value[(value >= _SHORTEST_MS) & (value <= _LONGEST_MS)]


def log_quantile(samples: Samples | None, quantile: Quantile) -> tuple[float, float]:
    """(log of the quantile, its standard error within the run); NaN with too few samples."""
    value = durations(samples)
    if len(value) < quantile.min_samples:
        return math.nan, math.nan
    log = np.log(value)
    return float(np.quantile(log, quantile.q)), _sampling_error(log, quantile)


def _sampling_error(log: Floats, quantile: Quantile) -> float:
    """Half the distance between the order statistics one binomial standard error to each side.

    Needs no density, and is large exactly when the quantile sits on the edge of a rare slow mode. It takes
    requests as independent; that neighbours are alike shows in the spread between runs.
    """
    step = math.sqrt(quantile.q * (1 - quantile.q) / len(log))
    below, above = np.quantile(log, (max(quantile.q - step, 0.0), min(quantile.q + step, 1.0)))
    return float(above - below) / 2


@dataclass(frozen=True)
class Effects:
    """Candidate against baseline for one quantile; arrays of shape (endpoints,), NaN where not comparable."""

    quantile: Quantile
    baseline_log: Floats  # mean over the baseline runs
    candidate_log: Floats
    effect: Floats  # log ratio, what all endpoints share removed
    error: Floats  # standard error of the effect
    spread: Floats  # of identical runs, per run
    degrees: Floats  # of freedom, for Student's t
    runs: npt.NDArray[np.int64]  # baseline runs that have this endpoint
    common: float  # log ratio that all endpoints share; 0 when it cannot be told
    common_error: float  # how much identical runs differ in it; inf when it cannot be told
    common_removed: bool

    def half_width(self, probability: float) -> Floats:
        """Half the width of the two-sided interval that holds the truth with this probability."""
        t: Floats = stats.t.ppf(0.5 + probability / 2, self.degrees)
        return t * self.error

    def p_values(self, direction: int) -> Floats:
        """One-sided: how easily identical runs differ so much, slower (+1) or faster (-1)."""
        p: Floats = stats.t.sf(direction * self.effect / self.error, self.degrees)
        return p


def measure(
    baseline: Sequence[Mapping[str, Samples]],
    candidate: Mapping[str, Samples],
    names: Sequence[str],
    quantile: Quantile,
) -> Effects:
    """Compare one quantile of all endpoints (``names``) with the baseline runs."""
    shape = (len(baseline), len(names))
    pairs = np.array([[log_quantile(run.get(name), quantile) for name in names] for run in baseline], float)
    old, old_error = np.moveaxis(pairs.reshape(*shape, 2), -1, 0)
    new, new_error = (
        np.array([log_quantile(candidate.get(name), quantile) for name in names]).reshape(-1, 2).T
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # mean and median of nothing are NaN: that is meant
        return _effects(quantile, old, old_error, new, new_error)


def _effects(quantile: Quantile, old: Floats, old_error: Floats, new: Floats, new_error: Floats) -> Effects:
    runs = np.sum(np.isfinite(old), axis=0)
    removable = int(np.sum(np.isfinite(new) & (runs > 0))) >= MIN_ENDPOINTS
    mean = np.nanmean(old, axis=0) if len(old) else np.full_like(new, math.nan)
    shared = np.zeros(len(old))
    if removable:
        for _ in range(2):  # once more, because runs without some endpoint shift the mean of the others
            shared = np.nan_to_num(np.nanmedian(old - mean, axis=1))
            mean = np.nanmean(old - shared[:, None], axis=0)
    residual = old - shared[:, None] - mean
    difference = new - mean
    common = float(np.nanmedian(difference)) if removable else 0.0
    effect = difference - common

    spread, degrees = _spread(quantile, residual, runs)
    within = np.nan_to_num(np.nanmedian(old_error, axis=0)) if len(old) else np.zeros(len(new))
    spread = np.maximum(spread, within)
    of_candidate = np.maximum(spread, np.nan_to_num(new_error)) ** 2 + (UNEVEN_MACHINE * common) ** 2
    error = np.sqrt(of_candidate + spread**2 / np.maximum(runs, 1))
    known = np.isfinite(effect)
    return Effects(
        quantile=quantile,
        baseline_log=mean,
        candidate_log=new,
        effect=effect,
        error=np.where(known, error, math.nan),
        spread=np.where(known, spread, math.nan),
        degrees=degrees,
        runs=runs,
        common=common,
        common_error=_common_error(quantile, shared) if removable else math.inf,
        common_removed=removable,
    )


def _spread(quantile: Quantile, residual: Floats, runs: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(standard deviation of identical runs, its degrees of freedom) per endpoint.

    An endpoint's own variance from a handful of runs is a poor figure: too small by chance, and a harmless
    run looks slow. So it is drawn towards a typical one: the assumed spread while there are few runs, the
    median over endpoints later. It is only ever drawn upwards: a write with fsync really is that noisy.
    """
    endpoints = residual.shape[1]
    own_degrees = np.maximum(runs - 1, 0)
    # Removing the median over endpoints takes a part of each endpoint's own noise with it.
    taken = endpoints / (endpoints - 1) if endpoints >= MIN_ENDPOINTS else 1.0
    own = np.nansum(residual**2, axis=0) / np.maximum(own_degrees, 1) * taken
    settled = own[runs >= FEW_RUNS]
    typical = max(float(np.median(settled)) if len(settled) else 0.0, quantile.least_spread**2)
    prior = np.where(runs >= FEW_RUNS, typical, quantile.assumed_spread**2)
    drawn = (PRIOR_RUNS * prior + own_degrees * own) / (PRIOR_RUNS + own_degrees)
    floor = np.where(runs >= FEW_RUNS, quantile.least_spread, quantile.assumed_spread)
    variance = np.maximum(np.maximum(drawn, own), floor**2)
    return np.sqrt(variance), (PRIOR_RUNS + own_degrees).astype(float)


def _common_error(quantile: Quantile, shared: Floats) -> float:
    """Half-width (95 %) of what identical runs have in common: it wanders more than any single endpoint."""
    own_degrees = max(len(shared) - 1, 0)
    degrees = PRIOR_RUNS + own_degrees
    squares = float(np.sum((shared - np.mean(shared)) ** 2))
    if len(shared) < FEW_RUNS:
        variance = (PRIOR_RUNS * quantile.assumed_shared**2 + squares) / degrees
    else:  # only a floor: drawing towards it would halve what five runs have shown
        variance = max(squares / own_degrees, quantile.least_spread**2)
    return t_half_width(0.95, degrees) * math.sqrt(variance * (1 + 1 / len(shared)))


def t_half_width(probability: float, degrees: float) -> float:
    """Student's two-sided quantile: an interval is this many standard errors to each side."""
    return float(stats.t.ppf(0.5 + probability / 2, degrees))


def holm(p_values: Floats, rate: float) -> npt.NDArray[np.bool_]:
    """Which tests stand if at most ``rate`` of such families may hold a false one. NaN never stands."""
    flat = p_values.ravel()
    stands = np.zeros(len(flat), bool)
    order = [index for index in np.argsort(flat) if np.isfinite(flat[index])]
    for position, index in enumerate(order):
        if flat[index] > rate / (len(order) - position):
            break
        stands[index] = True
    return stands.reshape(p_values.shape)
