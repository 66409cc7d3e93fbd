"""What a run's report says of the runs before it: when endpoints changed, and how they went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perf_pipeline.core.change_points import Floats
from perf_pipeline.core.history_model import ChangePoint, EndpointHistory, Past
from perf_pipeline.core.history_words import day, findings, reset_advice
from perf_pipeline.core.wording import change, count
from perf_pipeline.report.facts import Hint

RUNS_DRAWN = 120  # newest: more are too close to each other to be told apart
RUNS_TO_DRAW = 3
_QUANTILES = ("p50", "p95")


@dataclass(frozen=True)
class Line:
    """One quantile over runs; arrays of shape (runs,)."""

    run: Floats  # 0 is the first run drawn
    ms: Floats
    level_ms: Floats  # mean between two changes


@dataclass(frozen=True)
class Mark:
    """A change: between run ``at - 1`` and ``at``."""

    at: int
    text: str
    slower: bool


@dataclass(frozen=True)
class HistoryTrace:
    """An endpoint's history, to be drawn."""

    endpoint: str
    anchor: str
    lines: dict[str, Line]  # quantile -> line
    marks: tuple[Mark, ...]
    days: tuple[tuple[int, str], ...]  # some runs with their dates


@dataclass(frozen=True)
class HistoryView:
    """Without a past all of it is empty."""

    summary: str = ""
    findings: tuple[str, ...] = ()
    traces: tuple[HistoryTrace, ...] = ()
    budget: str = ""
    reset: Hint | None = None

    def __bool__(self) -> bool:
        return bool(self.summary)


NO_HISTORY = HistoryView()


def history_view(past: Past | None) -> HistoryView:
    """``past``: under the fingerprint of the run, up to it."""
    if past is None or past.history is None:
        return NO_HISTORY
    history = past.history
    advice = reset_advice(past)
    return HistoryView(
        summary=(
            f"{count(history.runs, 'valid run')} under these conditions, "
            f"from {day(history.since)} to {day(history.until)}"
        ),
        findings=tuple(findings(past)),
        traces=tuple(
            trace
            for number, one in enumerate(history.endpoints, start=1)
            if (trace := _trace(one, f"history-{number}")) is not None
        ),
        budget=past.budget.sentence,
        reset=Hint(f"{advice[0][0].upper()}{advice[0][1:]}.", advice[1]) if advice else None,
    )


def _trace(one: EndpointHistory, anchor: str) -> HistoryTrace | None:
    """None: too few runs to see anything."""
    runs = sorted({(point.started_at, point.run_id) for points in one.points.values() for point in points})[
        -RUNS_DRAWN:
    ]
    if len(runs) < RUNS_TO_DRAW:
        return None
    place = {run_id: number for number, (_, run_id) in enumerate(runs)}
    lines = {quantile: line for quantile in _QUANTILES if (line := _line(one, quantile, place)) is not None}
    ticks = sorted({round(share * (len(runs) - 1)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)})
    return HistoryTrace(
        endpoint=one.endpoint,
        anchor=anchor,
        lines=lines,
        marks=_marks(one.changes, place),
        days=tuple((number, f"{runs[number][0].day} {runs[number][0]:%b}") for number in ticks),
    )


def _line(one: EndpointHistory, quantile: str, place: dict[str, int]) -> Line | None:
    points = [point for point in one.points.get(quantile, []) if point.run_id in place]
    if not points:
        return None
    values = np.array([point.ms for point in points])
    first = {change.run_id for change in one.changes if change.quantile == quantile}
    part = np.cumsum([point.run_id in first for point in points])
    level = np.empty(len(values))
    for number in np.unique(part):
        level[part == number] = np.exp(np.log(values[part == number]).mean())
    return Line(run=np.array([float(place[point.run_id]) for point in points]), ms=values, level_ms=level)


def _marks(changes: Sequence[ChangePoint], place: dict[str, int]) -> tuple[Mark, ...]:
    """One for each run with a change; the p50's where both quantiles changed."""
    found: dict[str, ChangePoint] = {}
    for one in sorted(changes, key=lambda one: one.quantile):
        if one.run_id in place:
            found.setdefault(one.run_id, one)
    return tuple(
        Mark(place[run_id], f"{one.quantile} {change(one.ratio)}, {day(one.started_at)}", one.ratio > 1)
        for run_id, one in found.items()
    )
