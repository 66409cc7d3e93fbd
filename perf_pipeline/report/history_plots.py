"""The plot of an endpoint's history, for the HTML report. Importing it imports matplotlib, about a second."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter

from perf_pipeline.report.history_view import HistoryTrace
from perf_pipeline.report.inline_svg import BAD, BASE, GRID, NOW, OBJECTIVE, SMALL, inline_svg
from perf_pipeline.report.plots import SMALLEST_MS, log_ms

_COLORS = {"p50": NOW, "p95": BASE}


def over_runs(trace: HistoryTrace) -> str:
    """p50 and p95 of each run, their levels, and a line where the level changed."""

    def draw(axes: Any) -> None:
        values = np.maximum(np.concatenate([line.ms for line in trace.lines.values()]), SMALLEST_MS)
        low, high = float(values.min()) / 1.15, float(values.max()) * 1.35
        log_ms(axes.yaxis, low, high)
        axes.set_ylim(low, high)
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        for quantile, line in trace.lines.items():
            color = _COLORS[quantile]
            axes.plot(line.run, line.ms, color=color, linewidth=0.6, marker="o", markersize=1.6)
            for level in _levels(line.level_ms):
                axes.plot(line.run[level], line.level_ms[level], color=color, linewidth=1.8)
            axes.annotate(
                quantile,
                (1.0, line.level_ms[-1]),
                xycoords=("axes fraction", "data"),
                xytext=(4, -3),
                textcoords="offset points",
                color=color,
                annotation_clip=False,
            )
        last = trace.days[-1][0]
        for mark in trace.marks:
            color = BAD if mark.slower else OBJECTIVE
            axes.axvline(mark.at - 0.5, color=color, linewidth=1.2, linestyle=(0, (3, 2)))
            right = mark.at > last / 2
            axes.annotate(
                mark.text,
                (mark.at - 0.5, 0.97),
                xycoords=("data", "axes fraction"),
                xytext=(-3 if right else 3, 0),
                textcoords="offset points",
                ha="right" if right else "left",
                va="top",
                color=color,
            )
        words = dict(trace.days)
        axes.set_xlim(-0.5, last + 0.5)
        axes.xaxis.set_major_locator(FixedLocator(list(words)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.get(round(value), "")))

    return inline_svg(draw, SMALL, trace.anchor, f"Latency of {trace.endpoint} over runs")


def _levels(level_ms: Any) -> list[slice]:
    """The stretches of equal level."""
    edges = [0, *(np.flatnonzero(np.diff(level_ms)) + 1), len(level_ms)]
    return [slice(start, end) for start, end in pairwise(edges)]
