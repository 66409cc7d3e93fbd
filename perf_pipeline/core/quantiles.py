"""p50 and p95 of one run, freed of what all endpoints suffered at the same moments.

A stall of the machine (a neighbour, a checkpoint of the host) makes every request slow that is in flight,
whatever it asks for. In the p95 of a two-minute run four stalls of a second each are most of the noise. They
are seen in the samples themselves: the level of all endpoints together in short windows of time.

- Windows in which everything is slow together are left out (a *stall*).
- A slower common wave (tens of seconds) is subtracted.

An endpoint that is slow by itself moves one vote among many and stays as it is. The level is taken relative
to each endpoint's own median of this run: a run that is slower from beginning to end keeps that; separating
*that* needs other runs (``core.noise``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perf_pipeline.core.model import Samples

Floats = npt.NDArray[np.float64]

MIN_WITNESSES = 3  # fewer: one endpoint's own slowness would pass for everybody's
_WINDOW_MS = 500.0
_WINDOW_SAMPLES = 24  # fewer and the level of a window is mostly chance
_MOST_LEVEL_SAMPLES = 60_000  # for the levels; more change nothing and cost time
_WAVE_MS = 10_000.0
_STALL_LOG = 0.35  # everything slower by 40 % and more at the same moment
_MOST_STALLED = 0.5  # of a run: more is no interruption but how the run was
_SHORTEST_MS, _LONGEST_MS = 1e-6, 1e12  # outside: not a duration


@dataclass(frozen=True)
class Quantile:
    """One quantile and what is assumed about its noise: standard deviations of the log between runs."""

    name: str
    q: float
    min_samples: int  # fewer successful requests: the quantile is not taken seriously
    assumed_spread: float  # of one endpoint, what all share removed; counts as one more degree of freedom
    assumed_shared: float  # of what all endpoints have in common
    least_spread: float  # no machine repeats itself better than this


P50 = Quantile("p50", 0.5, 20, assumed_spread=0.04, assumed_shared=0.15, least_spread=0.004)
P95 = Quantile("p95", 0.95, 60, assumed_spread=0.12, assumed_shared=0.40, least_spread=0.010)
QUANTILES = (P50, P95)


@dataclass(frozen=True)
class RunFigures:
    """Log quantiles (natural, of ms) of one run; arrays of shape (quantiles, names); NaN: too few samples."""

    log: Floats
    error: Floats  # standard error from the samples of this run, taken as independent
    stalled_ratio: float  # share of the samples in windows in which everything was slow


def durations(samples: Samples | None) -> tuple[Floats, Floats]:
    """(start ms, duration ms) of the successful requests that have a sane duration."""
    if samples is None:
        return np.empty(0), np.empty(0)
    t, value = samples.t_ms[samples.ok], samples.successful_ms()
    with np.errstate(invalid="ignore"):
        sane = (value >= _SHORTEST_MS) & (value <= _LONGEST_MS)
    return t[sane], value[sane]


def figures(run: Mapping[str, Samples], names: Sequence[str]) -> RunFigures:
    """Quantiles of ``names`` in this run. Never raises on odd data."""
    pairs = [durations(run.get(name)) for name in names]
    logs = [np.log(value) for _, value in pairs]
    kept, stalled_ratio = _without_the_common_wave([t for t, _ in pairs], logs)
    log, error = np.full((2, len(QUANTILES), len(names)), np.nan)
    for place, value in enumerate(kept):
        ordered, ranks = np.sort(value), np.linspace(0.0, 1.0, len(value))
        for row, quantile in enumerate(QUANTILES):
            if len(value) >= quantile.min_samples:
                # One binomial standard error to each side needs no density, and is large exactly when the
                # quantile sits on the edge of a rare slow mode.
                step = np.sqrt(quantile.q * (1 - quantile.q) / len(value))
                places = np.clip((quantile.q, quantile.q - step, quantile.q + step), 0.0, 1.0)
                middle, below, above = np.interp(places, ranks, ordered)
                log[row, place], error[row, place] = middle, (above - below) / 2
    return RunFigures(log=log, error=error, stalled_ratio=stalled_ratio)


def _without_the_common_wave(times: Sequence[Floats], logs: Sequence[Floats]) -> tuple[list[Floats], float]:
    """The logs of each endpoint without stalled samples and without the common wave; share left out."""
    windows = _Windows.of(times, logs)
    if windows is None:
        return list(logs), 0.0
    kept, left_out = [], 0
    for t, log in zip(times, logs, strict=True):
        place = windows.place(t)
        stays = ~windows.stalled[place]
        kept.append((log - windows.wave[place])[stays])
        left_out += len(log) - int(stays.sum())
    return kept, left_out / sum(len(log) for log in logs)


@dataclass(frozen=True)
class _Windows:
    """Stretches of time of one run; arrays of shape (windows,)."""

    start_ms: float
    width_ms: float
    wave: Floats
    stalled: npt.NDArray[np.bool_]

    def place(self, t_ms: Floats) -> npt.NDArray[np.int64]:
        """Which window each moment falls into."""
        with np.errstate(invalid="ignore"):
            place = np.floor((t_ms - self.start_ms) / self.width_ms)
        number: npt.NDArray[np.int64] = np.clip(np.nan_to_num(place), 0, len(self.wave) - 1).astype(np.int64)
        return number

    @classmethod
    def of(cls, times: Sequence[Floats], logs: Sequence[Floats]) -> _Windows | None:
        """None when there are too few witnesses, or the run is too short, to tell anything."""
        t, level = _level_samples(times, logs)
        if not len(t):
            return None
        start, span = float(t.min()), float(t.max() - t.min())
        width = max(_WINDOW_MS, span * _WINDOW_SAMPLES / len(t))
        number = int(span / width) + 1
        wide = max(1, round(_WAVE_MS / width)) | 1
        if number <= 2 * wide:
            return None
        levels = _medians(np.clip((t - start) / width, 0, number - 1).astype(np.int64), level, number)
        padded = np.pad(levels, wide // 2, mode="reflect")
        wave = np.median(np.lib.stride_tricks.sliding_window_view(padded, wide), axis=1)
        above = levels - wave
        spread = 1.4826 * float(np.median(np.abs(above - np.median(above))))
        stalled = above > max(_STALL_LOG, 4 * spread)
        if stalled.mean() > _MOST_STALLED:
            stalled[:] = False
        return cls(start, width, wave, stalled)


def _level_samples(times: Sequence[Floats], logs: Sequence[Floats]) -> tuple[Floats, Floats]:
    """(moment, log relative to the endpoint's median in this run) with about one voice per endpoint."""
    usable = [number for number, log in enumerate(logs) if len(log) >= P50.min_samples]
    if len(usable) < MIN_WITNESSES:
        return np.empty(0), np.empty(0)
    fair = int(np.median([len(logs[number]) for number in usable]))
    most = max(1, min(fair, _MOST_LEVEL_SAMPLES // len(usable)))
    t, level = [], []
    for number in usable:
        stride = -(-len(logs[number]) // most)
        t.append(times[number][::stride])
        level.append(logs[number][::stride] - np.median(logs[number]))
    moments, levels = np.concatenate(t), np.concatenate(level)
    known = np.isfinite(moments)
    return moments[known], levels[known]


def _medians(place: npt.NDArray[np.int64], value: Floats, number: int) -> Floats:
    """Median of the values in each window; 0 in an empty one."""
    order = np.lexsort((value, place))
    place, value = place[order], value[order]
    first = np.searchsorted(place, np.arange(number))
    count = np.searchsorted(place, np.arange(number), side="right") - first
    low, high = first + (count - 1) // 2, first + count // 2
    last = len(value) - 1
    middle = (value[np.clip(low, 0, last)] + value[np.clip(high, 0, last)]) / 2
    return np.where(count > 0, middle, 0.0)
