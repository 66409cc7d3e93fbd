"""The history of a suite under one fingerprint: when an endpoint's level changed, and how far it has drifted.

A single comparison sees neither the day on which something changed nor ten changes of one per cent. All
valid runs together do. What all endpoints share in a run (the median of their deviations) is taken off each
of them, as the judge does, and is a history of its own. Changes of level come from ``core.change_points``;
the drift sets the newest runs against a reference, a pinned baseline or the first runs. Several histories are
searched at once, so the chance of a false finding is shared out among them: ALARM is that of the suite. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
from scipy.special import stdtrit

from perf_pipeline.core.change_points import (
    Cut,
    Floats,
    find_cuts,
    inflation,
    without_outliers,
)
from perf_pipeline.core.history_model import (
    ALL_ENDPOINTS,
    ChangePoint,
    Drift,
    EndpointHistory,
    HistoryPoint,
    SuiteHistory,
)
from perf_pipeline.core.shared_part import own_part, shared_part

P50, P95 = QUANTILES = ("p50", "p95")
ALARM = 0.01  # chance that a suite of identical runs gets any change point; the same again for drift
SHARED_ALARM = 1e-4  # of the common part, which wanders with the machine: its p-values promise too much
REFERENCE = 10  # first runs that drift is measured from, when nothing is pinned
RECENT = 10  # newest runs that it is measured to
LEAST_RECENT = 3
LEAST_FREEDOM = 5  # degrees of freedom of the noise: fewer say nothing about a drift


@dataclass(frozen=True)
class PastRun:
    """One valid run. What is missing, NaN or not positive has no value."""

    run_id: str
    started_at: datetime
    revision: str | None
    ms: Mapping[str, Mapping[str, float | None]]  # endpoint -> quantile -> ms


def suite_history(
    runs: Sequence[PastRun],
    *,
    fingerprint_key: str = "",
    pinned: Sequence[str] = (),
    floors: Mapping[str, float] | None = None,
) -> SuiteHistory:
    """``runs``: valid, under one fingerprint, oldest first, at least one. ``pinned``: run ids of a release.

    ``floors``: quantile -> the smallest relative drift worth telling (default: any).
    """
    endpoints = list(dict.fromkeys(name for run in runs for name in run.ms))
    chances = max(1, len(QUANTILES) * len(endpoints))
    found: dict[str, EndpointHistory] = {}
    for quantile in QUANTILES:
        log = _log_ms(runs, endpoints, quantile)
        shared = shared_part(log)
        floor = (floors or {}).get(quantile, 0.0)
        for number, endpoint in enumerate(endpoints):
            own = log[:, number] if shared is None else own_part(log, number)
            part = _Series(runs, own, quantile)
            _add(found, endpoint, part, alpha=ALARM / chances, pinned=pinned, floor=floor)
        if shared is not None:
            part = _Series(runs, shared + np.nanmedian(log), quantile)
            _add(found, ALL_ENDPOINTS, part, alpha=SHARED_ALARM, pinned=(), floor=math.inf)
    shared_history = found.pop(ALL_ENDPOINTS, None)
    return SuiteHistory(
        fingerprint_key=fingerprint_key,
        runs=len(runs),
        since=runs[0].started_at,
        until=runs[-1].started_at,
        endpoints=[found[name] for name in endpoints],
        shared=shared_history,
    )


def _add(
    found: dict[str, EndpointHistory],
    endpoint: str,
    part: _Series,
    *,
    alpha: float,
    pinned: Sequence[str],
    floor: float,
) -> None:
    before = found.get(endpoint) or EndpointHistory(endpoint=endpoint, points={}, changes=[], drifts=[])
    cuts = find_cuts(part.values, alpha=alpha)
    drift = _drift(part, cuts, pinned, alpha, floor) if endpoint != ALL_ENDPOINTS else None
    found[endpoint] = EndpointHistory(
        endpoint=endpoint,
        points=before.points | {part.quantile: part.points()},
        changes=sorted([*before.changes, *_changes(part, cuts)], key=lambda change: change.started_at),
        drifts=[*before.drifts, *([drift] if drift else [])],
    )


# ------------------------------------------------------------------ what is one endpoint's own


def _log_ms(runs: Sequence[PastRun], endpoints: Sequence[str], quantile: str) -> Floats:
    """Shape (runs, endpoints); NaN where there is no figure."""

    def log(value: float | None) -> float:
        return math.log(value) if value is not None and math.isfinite(value) and value > 0 else math.nan

    table = [[log(run.ms.get(name, {}).get(quantile)) for name in endpoints] for run in runs]
    return np.array(table, dtype=np.float64).reshape(len(runs), len(endpoints))


class _Series:
    """One quantile of one endpoint over the runs that have a figure of it: log ms, oldest first."""

    def __init__(self, runs: Sequence[PastRun], log: Floats, quantile: str) -> None:
        there = np.isfinite(log)
        self.runs = [run for run, known in zip(runs, there, strict=True) if known]
        self.values: Floats = log[there]
        self.clean = without_outliers(self.values)
        self.quantile = quantile

    def points(self) -> list[HistoryPoint]:
        return [
            HistoryPoint(
                run_id=run.run_id, started_at=run.started_at, revision=run.revision, ms=math.exp(value)
            )
            for run, value in zip(self.runs, self.values, strict=True)
        ]


# ------------------------------------------------------------------ findings


def _changes(part: _Series, cuts: Sequence[Cut]) -> list[ChangePoint]:
    ends = [0, *(cut.index for cut in cuts), len(part.values)]
    changes = []
    for cut, start, end in zip(cuts, ends[:-2], ends[2:], strict=True):
        before, after = part.clean[start : cut.index], part.clean[cut.index : end]
        noise = np.concatenate([before - before.mean(), after - after.mean()])
        freedom = len(noise) - 2
        off = float(after.mean() - before.mean())
        half = _half(noise, freedom, 1 / len(before) + 1 / len(after))
        run, last = part.runs[cut.index], part.runs[cut.index - 1]
        changes.append(
            ChangePoint(
                quantile=part.quantile,
                run_id=run.run_id,
                started_at=run.started_at,
                revision=run.revision,
                previous_run_id=last.run_id,
                previous_revision=last.revision,
                before_ms=math.exp(before.mean()),
                after_ms=math.exp(after.mean()),
                ratio=math.exp(off),
                low=math.exp(off - half),
                high=math.exp(off + half),
                p=cut.p,
                runs_before=len(before),
                runs_after=len(after),
            )
        )
    return changes


def _half(noise: Floats, freedom: int, share: float, tail: float = 0.025) -> float:
    """Half the width of an interval of a difference of means, in log. ``share``: 1/n + 1/m."""
    power = float(noise @ noise)
    if power == 0.0:
        return 0.0
    deviation = math.sqrt(power / freedom * inflation(noise) * share)
    return -float(stdtrit(freedom, tail)) * deviation


def _drift(
    part: _Series, cuts: Sequence[Cut], pinned: Sequence[str], alpha: float, floor: float
) -> Drift | None:
    """The newest runs against the reference; None where there are too few of either."""
    ids = [run.run_id for run in part.runs]
    is_pinned = bool(set(pinned) & set(ids))
    levels = [0, *(cut.index for cut in cuts), len(ids)]  # neither side is to span two levels
    first = range(min(REFERENCE, levels[1]))
    reference = [number for number, run in enumerate(ids) if run in pinned] if is_pinned else [*first]
    begin = max(len(ids) - RECENT, levels[-2], 0)
    recent = [number for number in range(begin, len(ids)) if number not in reference]
    noise, freedom = _around_trend(part.clean, cuts)
    if len(recent) < LEAST_RECENT or reference[-1] > recent[0] or freedom < LEAST_FREEDOM:
        return None
    was, now = part.clean[reference].mean(), part.clean[recent].mean()
    share = 1 / len(reference) + 1 / len(recent)
    off, half = float(now - was), _half(noise, freedom, share)
    least = max(_half(noise, freedom, share, alpha / 2), math.log1p(floor))
    return Drift(
        quantile=part.quantile,
        pinned=is_pinned,
        reference_runs=len(reference),
        reference_until=part.runs[reference[-1]].started_at,
        reference_revision=part.runs[reference[-1]].revision,
        recent_runs=len(recent),
        reference_ms=math.exp(was),
        recent_ms=math.exp(now),
        ratio=math.exp(off),
        low=math.exp(off - half),
        high=math.exp(off + half),
        stands=abs(off) > least,
        dated=any(reference[0] < cut.index <= recent[0] for cut in cuts),
    )


def _around_trend(values: Floats, cuts: Sequence[Cut]) -> tuple[Floats, int]:
    """What is left after a straight line between any two cuts, and its degrees of freedom.

    A line and not a level: a drift would count as noise otherwise, and hide itself.
    """
    noise, freedom = [], 0
    ends = [0, *(cut.index for cut in cuts), len(values)]
    for start, end in pairwise(ends):
        piece = values[start:end]
        if len(piece) < 3:
            continue
        at = np.arange(len(piece)) - (len(piece) - 1) / 2
        off = piece - piece.mean()
        noise.append(off - at * float(at @ off) / float(at @ at))
        freedom += len(piece) - 2
    return (np.concatenate(noise) if noise else np.empty(0)), freedom
