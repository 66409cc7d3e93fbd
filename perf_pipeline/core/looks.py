"""When is an effect beyond doubt, if it may be looked at up to three times? And is another look worth it?

Each run of a revision is a look at the same question. The false alarms that are allowed in all are spent over
the looks as O'Brien and Fleming (1979) would, by the spending function of Lan and DeMets (1983), and what is
spent at each look is divided among the endpoints and quantiles by Holm's method (1979), weighted: p50 sees
most changes of a whole endpoint, p95 those of its tail alone.

Stopping early because nothing is suspicious can only lower the number of false alarms. Most false alarms of a
third look are never looked for: that is why ``ALARMS`` may be larger than the rate that is measured (about
1 %; docs/verdict.md).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from perf_pipeline.core.effects import Effects, student
from perf_pipeline.core.quantiles import Floats

ALARMS = {1: 0.01, 2: 0.016, 3: 0.02}  # runs at most -> share of identical series with a false alarm, nominal
IMPROVED_SHARE = 0.5  # of that for "improved": nobody is woken by a missing "improved"
SERVICE_SHARE = 0.15  # of that for "everything is slower"
LEANING_RATE = 0.2  # of identical runs may have an endpoint called perhaps slower (and as many faster)
WEIGHTS = np.array([[1.4], [0.6]])  # of p50 and p95 among the tests; one test counts 1 on average
NEAR = (
    0.5  # of the noise between runs is shared by those made in a row, within minutes (fact: medians wander)
)
P95_MARGIN_SHARE = 0.25  # of its tolerance: p95 alone must be shown to have changed by more than that
_SUSPECT = (0.025, 0.006)  # one-sided, after the first and the second run
_SUSPECT_LARGE = 0.05  # an estimate beyond the tolerance needs less to be looked at again
_SUSPECT_FASTER = 0.002


def level(rate: float, look: int, looks: int, baseline_runs: int, near: float) -> float:
    """What of ``rate`` may be spent at ``look`` (from 1) of at most ``looks`` candidate runs.

    ``near``: share of the noise that these runs have in common.
    """
    if baseline_runs == 0:
        return 0.0
    last = _information(looks, baseline_runs, near)
    spent = [
        _spent(rate, _information(number, baseline_runs, near) / last) if number else 0.0
        for number in (look, look - 1)
    ]
    return spent[0] - spent[1]


def _information(candidates: int, baseline_runs: int, near: float) -> float:
    return 1 / (near + (1 - near) / candidates + 1 / baseline_runs)


def _spent(rate: float, fraction: float) -> float:
    """Lan and DeMets' spending function that resembles O'Brien and Fleming's bounds."""
    return float(2 * ndtr(ndtri(rate / 2) / math.sqrt(fraction)))


def holm(p_values: Floats, rate: float) -> npt.NDArray[np.bool_]:
    """Which tests stand if at most ``rate`` of such families may hold a false one. NaN never stands.

    ``p_values``: of shape (quantiles, tests), divided by ``WEIGHTS`` (Holm 1979, section 4).
    """
    weight = np.broadcast_to(WEIGHTS, p_values.shape).ravel()
    flat = p_values.ravel()
    stands = np.zeros(len(flat), bool)
    left = float(weight[np.isfinite(flat)].sum())
    for index in np.argsort(flat):
        if not flat[index] <= rate / max(left, 1e-9):
            break
        stands[index] = True
        left -= weight[index]
    return stands.reshape(p_values.shape)


def suspects(
    slower: Floats, faster: Floats, effect: Floats, beyond: Floats, look: int
) -> npt.NDArray[np.bool_]:
    """Which tests another run should look at; all of shape (quantiles, endpoints).

    ``slower``, ``faster``: weighted p-values; ``beyond``: log ratio from which on a change is large.
    """
    bar = np.full_like(slower, _SUSPECT[min(look, 2) - 1])
    if look == 1:
        bar[effect > beyond] = _SUSPECT_LARGE
    return (slower < bar) | (faster < _SUSPECT_FASTER)


def chance_to_fit(effects: Effects, low: float, high: float) -> Floats:
    """Per witness: how probable it is that after one more run the 95 % interval lies within the tolerance.

    The estimate wanders as much as the error shrinks. ``low``, ``high``: the tolerance as log ratios.
    """
    later = effects.error_with(effects.runs + 1)
    half = later / effects.error * effects.half_width(0.95)
    wander = np.sqrt(np.maximum(effects.error**2 - later**2, 1e-12))
    inside = ndtr((high - half - effects.effect) / wander) - ndtr((low + half - effects.effect) / wander)
    chance: Floats = np.where(high - half > low + half, inside, 0.0)
    return chance


def smallest_seen(effects: Effects, rate: float, weights: tuple[float, float], looks: int) -> Floats:
    """Log ratio of the smallest slowdown that is found in four of five cases, per witness.

    It must first look suspicious, or no second run is asked for, and then stand with all runs there may be.
    ``weights``: of this quantile, and of all tests together.
    """
    power = 1.28  # standard errors above each bar: 90 % for each of the two, 80 % for both
    weight, of_all = weights
    runs = max(int(np.max(effects.noise.runs, initial=1)), 1)
    last = level(rate, looks, looks, runs, effects.near) * weight / max(of_all, 1.0)
    bars = [(last, looks), (_SUSPECT[0] * weight, 1)] if looks > 1 else [(last, 1)]
    seen = [
        (student(1 - p, effects.degrees) + power) * effects.error_with(np.full_like(effects.runs, number))
        for p, number in bars
    ]
    largest: Floats = np.max(seen, axis=0)
    return largest
