"""What the plots of a run are drawn from: thinned and binned samples. Pure.

Times are seconds since the first request of the measured phase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perf_pipeline.core.model import NO_SAMPLES, RunRecord, RunSamples
from perf_pipeline.suite import Profile, Suite

Floats = npt.NDArray[np.float64]
DOTS = 700  # requests drawn one by one per endpoint; the slowest are always among them
SLOWEST_SHARE = 0.3  # of those dots
MARKS = 200  # failures drawn one by one per endpoint
REQUESTS_PER_BIN = 30  # below that a p95 within a bin means little
MAX_BINS = 48
CURVE_POINTS = 160  # per cumulative curve
RATE_BINS = 90


@dataclass(frozen=True)
class Curve:
    """A cumulative distribution: ``share`` of the requests took at most ``ms``."""

    ms: Floats
    share: Floats


@dataclass(frozen=True)
class Trace:
    """One endpoint. All arrays are empty when no request succeeded or the samples are gone."""

    endpoint: str
    span_s: float
    objective_ms: float
    dots_t_s: Floats
    dots_ms: Floats
    bins_t_s: Floats
    bins_p50_ms: Floats
    bins_p95_ms: Floats
    failed_t_s: Floats
    lost_s: float | None
    curve: Curve | None
    baseline_curves: tuple[Curve, ...]

    @property
    def empty(self) -> bool:
        return len(self.dots_ms) == 0


@dataclass(frozen=True)
class RateTrace:
    """All requests of the run per second, in bins."""

    span_s: float
    bins_t_s: Floats  # edges, one more than the values
    sent_per_s: Floats
    failed_per_s: Floats
    planned_t_s: Floats  # corner points of the plan; empty in a closed model
    planned_per_s: Floats
    users_t_s: Floats  # from Prometheus; empty when it is not there
    users: Floats
    lost_s: float | None

    @property
    def empty(self) -> bool:
        return len(self.sent_per_s) == 0


def endpoint_trace(
    endpoint: str, *, record: RunRecord, samples: RunSamples, baseline: Sequence[RunSamples]
) -> Trace:
    """``baseline``: samples of the baseline runs, oldest first."""
    objective = next(slo.p95_objective_ms for slo in record.slo.endpoints if slo.endpoint == endpoint)
    mine = samples.get(endpoint, NO_SAMPLES)
    t_s, durations = mine.t_ms[mine.ok] / 1000.0, mine.successful_ms()
    shown = _thin(durations)
    bins_t, p50, p95 = _binned(t_s, durations)
    failed = mine.t_ms[~mine.ok] / 1000.0
    return Trace(
        endpoint=endpoint,
        span_s=_span(record, samples),
        objective_ms=objective,
        dots_t_s=t_s[shown],
        dots_ms=durations[shown],
        bins_t_s=bins_t,
        bins_p50_ms=p50,
        bins_p95_ms=p95,
        failed_t_s=failed[_evenly(len(failed), MARKS)],
        lost_s=_lost_s(record),
        curve=_curve(durations),
        baseline_curves=tuple(
            curve
            for run in baseline
            if (curve := _curve(run.get(endpoint, NO_SAMPLES).successful_ms())) is not None
        ),
    )


def rate_trace(
    *,
    record: RunRecord,
    suite: Suite,
    profile: Profile | None,
    samples: RunSamples,
    series: Mapping[str, Any],
) -> RateTrace:
    """``series``: what the run's Prometheus series file holds, for the users; may be empty."""
    span = _span(record, samples)
    starts = np.concatenate([one.t_ms for one in samples.values()] or [np.empty(0)]) / 1000.0
    failed = np.concatenate([one.t_ms[~one.ok] for one in samples.values()] or [np.empty(0)]) / 1000.0
    width = max(1.0, np.ceil(span / RATE_BINS))
    # A last bin that is not full would look like a drop of the rate: it is left out.
    edges = np.arange(0.0, span + 1e-9, width) if len(starts) else np.empty(0)
    sent = np.histogram(starts, edges)[0] / width if len(edges) > 1 else np.empty(0)
    bad = np.histogram(failed, edges)[0] / width if len(edges) > 1 else np.empty(0)
    planned_t, planned = _plan(suite, profile)
    users: Mapping[str, Any] = next(iter(series.get("users", [])), {"times_unix_s": [], "values": []})
    return RateTrace(
        span_s=span,
        bins_t_s=edges,
        sent_per_s=sent.astype(np.float64),
        failed_per_s=bad.astype(np.float64),
        planned_t_s=planned_t,
        planned_per_s=planned,
        users_t_s=np.array(users["times_unix_s"]) - record.load.measure_started_unix_ms / 1000.0,
        users=np.array(users["values"], dtype=np.float64),
        lost_s=_lost_s(record),
    )


def _span(record: RunRecord, samples: RunSamples) -> float:
    last = max((float(one.t_ms[-1]) for one in samples.values() if len(one.t_ms)), default=0.0)
    return max(record.load.planned_duration_s, last / 1000.0, 1.0)


def _lost_s(record: RunRecord) -> float | None:
    lost = record.load.target_lost_at_unix_ms
    return None if lost is None else max(0.0, (lost - record.load.measure_started_unix_ms) / 1000.0)


def _plan(suite: Suite, profile: Profile | None) -> tuple[Floats, Floats]:
    if profile is None or not profile.stages:
        return np.empty(0), np.empty(0)
    times, rates, now = [], [], 0.0
    for stage in profile.stages:
        times += [now, now + stage.duration_s]
        rates += [stage.rate_per_s * suite.requests_per_iteration] * 2
        now += stage.duration_s
    return np.array(times), np.array(rates)


def _evenly(n: int, most: int) -> npt.NDArray[np.int64]:
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(np.int64)


def _thin(durations: Floats) -> npt.NDArray[np.int64]:
    """Indices of the requests to draw: every outlier, and an even choice among the rest (no chance)."""
    if len(durations) <= DOTS:
        return np.arange(len(durations))
    by_size = np.argsort(durations, kind="stable")
    outliers = int(DOTS * SLOWEST_SHARE)
    slowest, rest = by_size[-outliers:], np.sort(by_size[:-outliers])
    return np.sort(np.concatenate([slowest, rest[_evenly(len(rest), DOTS - outliers)]]))


def _binned(t_s: Floats, durations: Floats) -> tuple[Floats, Floats, Floats]:
    """Middle of each bin, p50 and p95 within; bins hold equally many requests."""
    bins = min(MAX_BINS, len(durations) // REQUESTS_PER_BIN)
    if bins < 2:
        return np.empty(0), np.empty(0), np.empty(0)
    parts = list(zip(np.array_split(t_s, bins), np.array_split(durations, bins), strict=True))
    return (
        np.array([part.mean() for part, _ in parts]),
        np.array([np.quantile(part, 0.5) for _, part in parts]),
        np.array([np.quantile(part, 0.95) for _, part in parts]),
    )


def _curve(durations: Floats) -> Curve | None:
    """Denser towards the tail, where the objective lies."""
    if len(durations) == 0:
        return None
    share = 1.0 - np.linspace(1.0, 0.0, CURVE_POINTS) ** 1.6
    return Curve(ms=np.quantile(durations, share), share=share)
