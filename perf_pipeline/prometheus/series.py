"""The run over time as Prometheus saw it, for plots: ``prometheus-series.json`` in the run's folder.

``{series name: [{"endpoint": ..., "times_unix_s": [...], "values": [...]}, ...]}``: ``requests_per_s``,
``errors_per_s``, ``p50_ms`` and ``p95_ms`` per endpoint, and ``users``, which has none. Measured phase only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from perf_pipeline.conventions import SNAPSHOT_SERIES
from perf_pipeline.files import write_whole
from perf_pipeline.prometheus.client import Point, PrometheusClient
from perf_pipeline.prometheus.queries import WINDOW_S, RunQueries

STEP_S = 5
MOST_POINTS = 720  # per series: an hour in steps of 5 s

Entry = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """One quantity of every endpoint over time."""

    name: str
    query: str
    convert: Callable[[list[Point], int], list[Point]]


def read_series(
    client: PrometheusClient, queries: RunQueries, *, start: datetime, end: datetime
) -> dict[str, list[Entry]]:
    """All series of a run between two moments, the last point at ``end``. Raises PrometheusLostError."""
    span_s = (end - start).total_seconds()
    step_s = max(STEP_S, math.ceil(span_s / MOST_POINTS))
    # Steps counted from the start would leave out what came after the last whole one: all of a short run.
    start = end - math.ceil(span_s / step_s) * timedelta(seconds=step_s)
    found = {}
    for series in _wanted(queries, max(WINDOW_S, 2 * step_s)):
        answer = client.over_time(series.query, start=start, end=end, step_s=step_s)
        found[series.name] = [
            _entry(endpoint, series.convert(points, step_s)) for endpoint, points in sorted(answer.items())
        ]
    return found


def write_series(folder: Path, series: dict[str, list[Entry]]) -> str:
    """Returns the path of the file. Raises OSError."""
    text = json.dumps(series, separators=(",", ":"), allow_nan=False)
    return str(write_whole(folder / SNAPSHOT_SERIES, text))


def _wanted(queries: RunQueries, window_s: int) -> Sequence[Series]:
    return (
        Series("requests_per_s", queries.sent(), _per_second),
        Series("errors_per_s", queries.failed(), _per_second),
        Series("p50_ms", queries.quantile_over_time_s(0.5, window_s), _milliseconds),
        Series("p95_ms", queries.quantile_over_time_s(0.95, window_s), _milliseconds),
        Series("users", queries.users_over_time(), lambda points, _: points),
    )


def _per_second(points: list[Point], step_s: int) -> list[Point]:
    """Differences of a cumulative count. Unlike ``rate()`` they see a burst with which a counter is born."""
    rates, before = [], 0.0
    for point in points:
        rates.append(Point(point.unix_s, max(0.0, point.value - before) / step_s))
        before = point.value
    return rates


def _milliseconds(points: list[Point], _: int) -> list[Point]:
    return [Point(point.unix_s, point.value * 1000.0) for point in points]


def _entry(endpoint: str, points: list[Point]) -> Entry:
    labels = {"endpoint": endpoint} if endpoint else {}
    return labels | {
        "times_unix_s": [point.unix_s for point in points],
        "values": [round(point.value, 4) for point in points],
    }
