"""How much identical runs differ, learnt from the baseline: per endpoint, what all endpoints share set apart.

Everything is in natural logarithms of milliseconds. The model of one quantile of endpoint e in run r:

    log quantile = level(e) + (1 + lean(e)) * common(r) + own noise(e, r)

``common`` is the machine (or whatever makes everything slower); for each endpoint it is taken from the
*other* witnesses, so that no endpoint hides its own change in it. ``lean`` says that endpoints feel the
machine with different strength; where the baseline could not show it, it is uncertain by ``LEAN_SPREAD``. The
variance of the own noise from a handful of runs is a poor figure and is shrunk over the endpoints (Smyth
2004, "Linear models and empirical Bayes methods", section 6, as in R's limma; the degrees of freedom never
exceed those of all endpoints together). docs/verdict.md has the formulas and what each step is worth.

Arrays are of shape (runs, witnesses) or (witnesses,); the witnesses are the endpoints and, where a run has
one, the control as the last. NaN means "not enough samples". Nothing here raises on odd data.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perf_pipeline.core.quantiles import Floats, Quantile
from perf_pipeline.core.shrinkage import ASSUMED_DEGREES, shrunk

MIN_OTHERS = 2  # endpoints beside an endpoint that can say what all have in common
LEAN_SPREAD = 0.2  # endpoints feel a slow machine with a strength of 1 +- 0.2 (measured: 0.85 to 1.15)
_LEAN_WEIGHT = 3.0  # LEAN_SPREAD counts as so many endpoints that were seen leaning
_LEAST_LEAN = 0.1
_HEAVIEST_VOTE = 4.0  # times that of a typical endpoint: none with little noise is the measure of all
_CUT = 4.685  # Tukey's biweight: full efficiency is 95 % for normal noise
_CHUNK = 4_000_000  # numbers held at once


@dataclass(frozen=True)
class Noise:
    """What the baseline taught about one quantile; arrays of shape (witnesses,)."""

    quantile: Quantile
    level: Floats  # log ms, at the baseline's usual common part; NaN: unknown
    usual: Floats  # that common part: what the others' robust mean gives for the baseline's own average
    variance: Floats  # of one run's own noise
    degrees: Floats  # of freedom of ``variance``
    runs: npt.NDArray[np.int64]  # baseline runs that have this witness
    error: Floats  # typical standard error within a run, a part of ``variance``
    lean: Floats
    lean_variance: Floats
    common_spread: float  # standard deviation of what all endpoints share between runs
    voters: npt.NDArray[np.bool_]  # (witnesses, witnesses): whose votes make up the common part of each

    def next_run(self) -> Noise:
        """The same noise learnt from one more baseline run."""
        grown = self.degrees * (self.runs + 1) / np.maximum(self.runs, 1)
        return replace(self, runs=self.runs + 1, degrees=grown)


def learn(log: Floats, error: Floats, quantile: Quantile, *, control: bool) -> Noise:
    """Noise of one quantile. ``log``, ``error``: (runs, witnesses); ``control``: the last witness is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean and median of nothing are NaN: meant
        return _learn(log, error, quantile, control)


def _learn(log: Floats, error: Floats, quantile: Quantile, control: bool) -> Noise:
    runs = np.isfinite(log).sum(axis=0)
    endpoints = log.shape[1] - control
    voters = _voters(log.shape[1], control)
    within = np.nan_to_num(np.nanmedian(error, axis=0)) if len(error) else np.zeros(log.shape[1])
    level = _first_level(log, endpoints)
    variance = np.full(log.shape[1], quantile.assumed_spread**2) + within**2
    degrees = np.full(log.shape[1], ASSUMED_DEGREES)
    lean, lean_variance = np.zeros(log.shape[1]), np.full(log.shape[1], LEAN_SPREAD**2)
    common = np.zeros_like(log)
    for _ in range(3 if len(log) > 1 else 0):
        common = common_part(log - level, variance, voters)
        level += np.nan_to_num(np.nanmean(log - level - common, axis=0))
        rest = log - level - common
        centred = np.where(np.isfinite(rest), common - np.nanmean(common, axis=0), 0.0)
        rest -= np.nanmean(rest, axis=0)
        lean, lean_variance, seen = _leaning(rest, centred, variance)
        rest -= lean * centred
        own_degrees = np.maximum(runs - 1 - 2 * seen + seen**2, 0.0)
        own = np.nansum(rest**2, axis=0) / np.maximum(own_degrees, 0.5)
        variance, degrees = shrunk(own, own_degrees, within, quantile)
    shared = common_part(log - level, variance, _of_all(log.shape[1], control))
    # A robust mean of deviations whose plain mean is 0 is not 0 itself: what a figure is said against is.
    usual = np.nan_to_num(np.nanmean(np.where(np.isfinite(log), common, np.nan), axis=0))
    return Noise(
        quantile=quantile,
        level=np.where(runs > 0, level + usual, np.nan),
        usual=usual,
        variance=variance,
        degrees=degrees,
        runs=runs,
        error=within,
        lean=lean,
        lean_variance=lean_variance,
        common_spread=_common_spread(shared[:, 0], quantile) if endpoints else quantile.assumed_shared,
        voters=voters,
    )


# ------------------------------------------------------------------ what witnesses have in common


def _voters(witnesses: int, control: bool) -> npt.NDArray[np.bool_]:
    """Each witness is judged beside all others; with fewer than three endpoints, beside the control alone."""
    voters = np.ones((witnesses, witnesses), bool)
    np.fill_diagonal(voters, False)
    if not control:
        return voters if witnesses > MIN_OTHERS else np.zeros_like(voters)
    if witnesses - 1 > MIN_OTHERS:
        return voters
    voters[:, :-1] = False
    return voters


def _of_all(witnesses: int, control: bool) -> npt.NDArray[np.bool_]:
    """One row of voters: every endpoint, not the control."""
    every = np.ones((1, witnesses), bool)
    if control:
        every[0, -1] = False
    return every


def common_part(deviation: Floats, variance: Floats, voters: npt.NDArray[np.bool_]) -> Floats:
    """What the voters of each row of ``voters`` have in common: (..., rows) for (..., witnesses).

    A mean weighted by 1/variance, made robust with Tukey's biweight so that a changed endpoint is outvoted,
    not averaged in; starts at the median. 0 where nobody votes.
    """
    weight = 1.0 / np.maximum(variance, float(np.median(variance)) / _HEAVIEST_VOTE)
    many = max(1, _CHUNK // max(1, deviation.size))
    parts = [
        _robust_mean(deviation[..., None, :], weight, variance, voters[first : first + many])
        for first in range(0, len(voters), many)
    ]
    return np.concatenate(parts, axis=-1) if parts else np.zeros_like(deviation)


def _robust_mean(
    deviation: Floats, weight: Floats, variance: Floats, voters: npt.NDArray[np.bool_]
) -> Floats:
    votes = np.where(voters, deviation, np.nan)
    known = np.isfinite(votes)
    middle = _weighted_median(votes, np.where(known, weight, 0.0))
    value, scale = np.where(known, votes, 0.0), _CUT * np.sqrt(variance)
    for _ in range(3):
        distance = np.minimum(np.abs(value - middle) / scale, 1.0)
        counts = np.where(known, weight * (1 - distance**2) ** 2, 0.0)
        total = counts.sum(axis=-1, keepdims=True)
        mean = (value * counts).sum(axis=-1, keepdims=True) / np.where(total > 0, total, 1.0)
        middle = np.where(total > 0, mean, middle)
    found: Floats = middle[..., 0]
    return found


def _weighted_median(votes: Floats, weight: Floats) -> Floats:
    """Along the last axis, which stays with length 1; unknown votes weigh nothing; 0 where nobody votes.

    An unweighted one would start a precise endpoint's vote far from where it is when noisy ones disagree.
    """
    order = np.argsort(votes, axis=-1)  # NaN last
    sums = np.cumsum(np.take_along_axis(weight, order, axis=-1), axis=-1)
    half = sums[..., -1:] / 2
    low, high = (
        (sums < half * (1 - 1e-9)).sum(-1, keepdims=True),
        (sums <= half * (1 + 1e-9)).sum(-1, keepdims=True),
    )
    last = votes.shape[-1] - 1
    ends = [np.take_along_axis(order, np.minimum(place, last), axis=-1) for place in (low, high)]
    below, above = (np.nan_to_num(np.take_along_axis(votes, end, axis=-1)) for end in ends)
    return np.where(half > 0, (below + above) / 2, 0.0)


def _first_level(log: Floats, endpoints: int) -> Floats:
    """Mean over the runs, once more without what they share: a run that lacks endpoints shifts the others."""
    shared = np.zeros(len(log))
    level = np.full(log.shape[1], np.nan)
    for _ in range(2):
        level = np.nanmean(log - shared[:, None], axis=0) if len(log) else level
        if endpoints > MIN_OTHERS:
            shared = np.nan_to_num(np.nanmedian((log - level)[:, :endpoints], axis=1))
    return level


def _leaning(rest: Floats, common: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """(lean, its variance, share of a degree of freedom it uses) by ridge regression of ``rest``.

    The ridge is the spread of leans over endpoints, estimated by moments around LEAN_SPREAD.
    """
    size = np.maximum((common**2).sum(axis=0), 1e-12)
    slope = np.nansum(rest * common, axis=0) / size
    known = LEAN_SPREAD**2 / (LEAN_SPREAD**2 + variance / size)
    told = np.sum(known**2 * (slope**2 - variance / size))
    spread2 = (_LEAN_WEIGHT * LEAN_SPREAD**2 + told) / (_LEAN_WEIGHT + np.sum(known**2))
    spread2 = min(max(float(spread2), _LEAST_LEAN**2), 1.0)
    seen = size / (size + variance / spread2)
    return slope * seen, variance / (size + variance / spread2), seen


def _common_spread(shared: Floats, quantile: Quantile) -> float:
    """Standard deviation between runs; drawn towards the assumed one while there are few."""
    degrees = max(len(shared) - 1, 0)
    squares = float(np.sum((shared - shared.mean()) ** 2)) if len(shared) else 0.0
    weight = max(0.0, ASSUMED_DEGREES - degrees)
    variance = (weight * quantile.assumed_shared**2 + squares) / max(weight + degrees, 1.0)
    return math.sqrt(max(variance, quantile.least_spread**2))
