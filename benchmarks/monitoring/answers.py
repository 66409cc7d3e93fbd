"""What Prometheus answers to a panel, asked as Grafana would."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx

from perf_pipeline.monitoring.dashboards.reading import Question, questions

GRAFANAS_POINTS = 400  # of a panel, about
LONGEST_ANSWER = 10_000  # points; Prometheus gives 11,000
TIMEOUT_S = 60


@dataclass
class Series:
    """One line of an answer, under the name that the panel's legend gives it."""

    name: str
    labels: Mapping[str, str]
    ref: str
    points: list[tuple[float, float]] = field(default_factory=list)  # unix seconds, value
    histograms: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True)
class Mark:
    """A stretch of time that an annotation marks, in unix seconds."""

    colour: str
    start: float
    end: float


class Asking:
    """One Prometheus, and what Grafana would fill into the queries."""

    def __init__(self, url: str, span: tuple[float, float], chosen: Mapping[str, str]) -> None:
        self.url, self.span, self.chosen = url.rstrip("/"), span, dict(chosen)

    def marks(self, dashboard: Mapping[str, Any]) -> list[Mark]:
        """Where annotations are drawn: each stretch of samples above 0 is one."""
        found = []
        for annotation in dashboard["annotations"]["list"]:
            target = annotation["target"]
            step = max(
                _seconds(target["interval"]), math.ceil((self.span[1] - self.span[0]) / LONGEST_ANSWER)
            )
            query = Question("", "annotation", "", target["expr"], False, "").filled(self.chosen)
            for one in self.get("query_range", query=query, start=self.span[0], end=self.span[1], step=step):
                times = [float(t) for t, value in one["values"] if float(value) > 0]
                starts = [t for before, t in pairwise([-math.inf, *times]) if t - before > step]
                ends = [t for t, after in pairwise([*times, math.inf]) if after - t > step]
                found += [Mark(annotation["iconColor"], *edges) for edges in zip(starts, ends, strict=True)]
        return found

    def step_s(self, panel: Mapping[str, Any]) -> int:
        least = _seconds(panel.get("interval") or "15s")
        return max(least, _round_up((self.span[1] - self.span[0]) / GRAFANAS_POINTS))

    def panel(self, panel: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Series]:
        """``asked``: a dashboard with nothing but this panel."""
        step = self.step_s(panel)
        least = _seconds(panel.get("interval") or "15s")
        values = self.chosen | {
            "__range": f"{math.ceil(self.span[1] - self.span[0])}s",
            "__interval": f"{step}s",
            "__rate_interval": f"{max(step + least, 4 * least)}s",
        }
        found: list[Series] = []
        for question in questions(asked):
            query = question.filled(values)
            if question.instant:
                results = self.get("query", query=query, time=self.span[1])
            else:
                start = self.span[0] - self.span[0] % step
                results = self.get("query_range", query=query, start=start, end=self.span[1], step=step)
            found += [_series(question.ref, question.legend, one) for one in results]
        return found

    def get(self, path: str, **asked: Any) -> list[dict[str, Any]]:
        answer = httpx.post(f"{self.url}/api/v1/{path}", data=asked, timeout=TIMEOUT_S, trust_env=False)
        said = answer.json()
        if said["status"] != "success":
            raise SystemExit(f"{asked['query']}\n{said['error']}")
        found: list[dict[str, Any]] = said["data"]["result"]
        return found


def _series(ref: str, legend: str, one: Mapping[str, Any]) -> Series:
    labels = {name: value for name, value in one["metric"].items() if name != "__name__"}
    name = re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), legend)
    if legend in ("", "__auto"):
        name = ", ".join(labels.values())
    values = one.get("values") or ([one["value"]] if "value" in one else [])
    points = [(float(t), float(value)) for t, value in values if value != "NaN"]
    histograms = one.get("histograms") or ([one["histogram"]] if "histogram" in one else [])
    return Series(name, labels, ref, points, [(float(t), value) for t, value in histograms])


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


def _round_up(seconds: float) -> int:
    """As Grafana rounds a step."""
    return next(
        nice for nice in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200) if nice >= seconds
    )
