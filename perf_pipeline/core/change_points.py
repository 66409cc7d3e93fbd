"""Where the level of a series of numbers changed: mean shifts, dated, with few false alarms.

The best place to cut a series in two is the one with the largest Student's t between its parts. That is the
largest of many, so its p-value is not Student's: it is that of the supremum of a standardized Brownian bridge
(Csörgő and Horváth, Limit Theorems in Change-Point Analysis, 1997, equation 1.3.26, after Vostrikova 1981),
into which t is carried at equal tail probability, so that short series keep their heavy tails. Neighbouring
runs resemble each other, which inflates t: their correlation is taken from what is left after the cut,
corrected for its bias in short series (Kendall 1954), and t is divided by what it does to a mean (Gallagher,
Lund and Robbins 2013). Several changes are found by cutting again (binary segmentation, Vostrikova 1981),
then each is dated and tested once more between its neighbours. Single bad runs are drawn in first (Hampel).

Why this and not a library: benchmarks/history/RESULTS.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import ndtri, stdtr

MIN_SEGMENT = 5  # values on each side: fewer are a streak of luck as often as a level
LAGS = 6  # correlation is looked for up to this part of the series
NEIGHBOURS = 7  # values, the middle one included, that say whether it is an outlier
THERE_AND_BACK = 0.01  # share of alpha for a change that is taken back
OUTLIER = 3.0  # standard deviations
TO_DEVIATION = 1.4826  # from the median absolute deviation, of normal noise
MOST_CORRELATION = 0.9  # with more, a series has no level that could change
_HAIR = 1e-9  # relative: differences below it are rounding, not noise

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """The level differs from ``index`` on. ``p``: chance of one so clear in a series without a change."""

    index: int
    p: float


def find_cuts(values: Floats, *, alpha: float) -> list[Cut]:
    """Changes of level in ``values`` (shape (n,), finite), in order; each has ``p`` of at most ``alpha``.

    A series without any gets one with a chance of about ``alpha``; fewer than ``2 * MIN_SEGMENT`` values
    get none.
    """
    values = without_outliers(values)
    found: list[int] = []
    waiting = [(0, len(values))]
    while waiting:
        start, end = waiting.pop()
        part = values[start:end]
        cut = best_cut(part)
        inside = [cut.index] if cut is not None and cut.p <= alpha else _there_and_back(part, alpha)
        found += [start + index for index in inside]
        edges = [start, *(start + index for index in inside), end]
        waiting += pairwise(edges) if inside else []
    return _settled(values, sorted(found), alpha)


def _settled(values: Floats, found: list[int], alpha: float) -> list[Cut]:
    """Each cut again between its neighbours, without the weakest one until all of them hold."""
    cuts: list[Cut] = []
    for _ in range(2 * len(found)):  # dates could go to and fro between two places
        ends = [0, *found, len(values)]
        again = [best_cut(values[before:after]) for before, after in zip(ends[:-2], ends[2:], strict=True)]
        cuts = [
            Cut(before + cut.index, cut.p) if cut else Cut(index, 1.0)
            for index, before, cut in zip(found, ends, again, strict=False)
        ]
        weakest = max(cuts, key=lambda cut: cut.p, default=None)
        if weakest is None:
            return []
        if weakest.p > alpha:
            found = [cut.index for cut in cuts if cut is not weakest]
        elif [cut.index for cut in cuts] == found:
            return cuts
        else:
            found = [cut.index for cut in cuts]
        found = sorted(set(found))
    return [cut for cut in cuts if cut.p <= alpha]


def best_cut(values: Floats) -> Cut | None:
    """The place that parts the values best, however badly; None: too few of them, or all equal."""
    n = len(values)
    if n < 2 * MIN_SEGMENT or _equal(values):
        return None
    sums = np.cumsum(values - values.mean())
    left = np.arange(MIN_SEGMENT, n - MIN_SEGMENT + 1)
    index = int(left[np.argmax(sums[left - 1] ** 2 / (left * (n - left)))])
    t = _t(values, np.arange(n) >= index)
    return Cut(index, _supremum_tail(t, n))


def _there_and_back(values: Floats, alpha: float) -> list[int]:
    """The two places between which the level is another one than before and after; none: not beyond doubt.

    One cut cannot see it: half of the change stays in what it takes for noise (circular binary segmentation,
    Olshen and others 2004). Bonferroni's p-value over all pairs of places promises too little where runs are
    independent, and too much where waves pass, so it has to be far smaller than that of a cut.
    """
    n = len(values)
    if n < 3 * MIN_SEGMENT or _equal(values):
        return []
    sums = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    first, last = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    length = last - first
    allowed = (first >= MIN_SEGMENT) & (last <= n - MIN_SEGMENT) & (length >= MIN_SEGMENT)
    first, last, length = first[allowed], last[allowed], length[allowed]
    best = int(np.argmax((sums[last] - sums[first]) ** 2 / (length * (n - length))))
    there, back = int(first[best]), int(last[best])
    place = np.arange(n)
    t = _t(values, (place >= there) & (place < back))
    return [there, back] if 2.0 * float(stdtr(n - 2, -t)) * len(first) <= alpha * THERE_AND_BACK else []


def _equal(values: Floats) -> bool:
    return float(np.ptp(values)) <= _HAIR * max(float(np.abs(values).max()), 1.0)


def _t(values: Floats, other: npt.NDArray[np.bool_]) -> float:
    """Student's t of the ``other`` values against the rest, neighbours' resemblance considered; 0 or more."""
    level = np.where(other, values[other].mean(), values[~other].mean())
    noise = values - level
    variance = float(noise @ noise) / (len(values) - 2)
    if variance <= (_HAIR * max(float(np.abs(values).max()), 1.0)) ** 2:
        return math.inf
    share = 1.0 / other.sum() + 1.0 / (~other).sum()
    off = abs(float(values[other].mean() - values[~other].mean()))
    return off / math.sqrt(variance * share * inflation(noise))


def inflation(noise: Floats) -> float:
    """How much larger the variance of a mean is than without the correlation of neighbours; 1 or more.

    The larger of two estimates: that of neighbours alone (an AR(1) process), and that of all lags up to a
    sixth of the series (Newey and West 1987), which sees slow waves under noise that hides them from
    neighbours. ``noise``: shape (n,), mean 0.
    """
    n = len(noise)
    power = float(noise @ noise)

    def correlation(lag: int) -> float:
        return (float(noise[lag:] @ noise[:-lag]) / power + 2.0 / n) / (1.0 - 6.0 / n)

    near = min(max(correlation(1), 0.0), MOST_CORRELATION)
    most = n // LAGS
    far = 1.0 + 2.0 * sum((1.0 - lag / (most + 1.0)) * correlation(lag) for lag in range(1, most + 1))
    return max((1.0 + near) / (1.0 - near), far)


def without_outliers(values: Floats) -> Floats:
    """Values farther than OUTLIER standard deviations from their neighbours' median, drawn in to there."""
    half = NEIGHBOURS // 2
    if len(values) < NEIGHBOURS:
        return values
    around = np.median(sliding_window_view(np.pad(values, half, mode="reflect"), NEIGHBOURS), axis=1)
    off = values - around
    reach = OUTLIER * TO_DEVIATION * float(np.median(np.abs(off)))
    return around + np.clip(off, -reach, reach) if reach > 0 else values


def _supremum_tail(t: float, n: int) -> float:
    """Chance that the largest of all t of n independent values is at least this."""
    x = -float(ndtri(stdtr(n - 2, -t)))
    if not math.isfinite(x):
        return 0.0
    if x < 1.5:  # the approximation is one of the tail
        return 1.0
    edge = MIN_SEGMENT / n
    span = 2.0 * math.log((1.0 - edge) / edge)
    tail = x * math.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi) * (span - span / x**2 + 4.0 / x**2)
    return min(1.0, tail)
