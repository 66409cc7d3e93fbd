"""The plots of the HTML report.

Importing this module imports matplotlib, which takes about a second: import it where a report
is written, not where a command starts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from perf_pipeline.report import formats as f
from perf_pipeline.report.inline_svg import BAD, BASE, GRID, LOW, NOW, OBJECTIVE, SMALL, WIDE, inline_svg
from perf_pipeline.report.traces import Curve, Floats, RateTrace, Trace

SMALLEST_MS = 0.01  # what a logarithmic axis can show
FEW_DOTS = 150  # so few can be drawn bolder
FINE = (1, 1.5, 2, 3, 4, 5, 6, 8)  # steps of a logarithmic axis over less than a decade
REACH = 3.0  # an objective farther from the slowest requests than this factor is named, not drawn


def latency_over_time(trace: Trace, label: str) -> str:
    """Every request (thinned), p50 and p95 over time, the objective, failures as ticks at the bottom."""

    def draw(axes: Any) -> None:
        low, high = _limits(np.append(trace.dots_ms, trace.objective_ms))
        log_ms(axes.yaxis, low, high)
        axes.set_ylim(low, high)
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.add_artist(_dots(trace.dots_t_s, trace.dots_ms))
        if len(trace.bins_t_s):
            axes.plot(trace.bins_t_s, trace.bins_p95_ms, color=NOW, linewidth=1.8)
            axes.plot(trace.bins_t_s, trace.bins_p50_ms, color=NOW, linewidth=1.2, linestyle=(0, (1, 1.6)))
            _beside(axes, trace.bins_p95_ms[-1], "p95", "bottom")
            _beside(axes, trace.bins_p50_ms[-1], "p50", "top")
        axes.axhline(trace.objective_ms, color=OBJECTIVE, linewidth=1.3, linestyle=(0, (5, 3)))
        axes.annotate(
            f"objective {f.promised_ms(trace.objective_ms)} ms",
            (0.0, trace.objective_ms),
            xycoords=("axes fraction", "data"),
            xytext=(3, 3),
            textcoords="offset points",
            color=OBJECTIVE,
        )
        if len(trace.failed_t_s):
            bottom = axes.get_xaxis_transform()
            axes.vlines(trace.failed_t_s, 0.0, 0.07, color=BAD, linewidth=0.9, transform=bottom)
        _time_axis(axes, trace.span_s, trace.lost_s)

    return inline_svg(draw, SMALL, f"time-{label}", f"Latency of {trace.endpoint} over the run")


def distribution(trace: Trace, label: str) -> str:
    """Share of requests that took at most so long: each baseline run a thin line, this run a thick one."""

    def draw(axes: Any) -> None:
        curves = [*trace.baseline_curves, *([trace.curve] if trace.curve else [])]
        # From the fastest 1 % to all but the slowest 0.5 %: single outliers would squeeze the rest.
        ends = np.array([end for curve in curves for end in (_at(curve, 0.01), _at(curve, 0.995))])
        in_reach = trace.objective_ms <= REACH * ends.max()
        low, high = _limits(np.append(ends, trace.objective_ms) if in_reach else ends)
        axes.set_xlim(low, high)
        log_ms(axes.xaxis, low, high)
        axes.set_ylim(0.0, 1.02)
        axes.yaxis.set_major_locator(FixedLocator([0.0, 0.5, 0.95]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        for curve in trace.baseline_curves:
            axes.plot(curve.ms, curve.share, color=BASE, linewidth=0.9)
        if trace.curve:
            axes.plot(trace.curve.ms, trace.curve.share, color=NOW, linewidth=1.9)
        if in_reach:
            axes.axvline(trace.objective_ms, color=OBJECTIVE, linewidth=1.3, linestyle=(0, (5, 3)))
        else:
            axes.annotate(
                f"objective {f.promised_ms(trace.objective_ms)} ms, far to the right",
                (1.0, 0.04),
                xycoords="axes fraction",
                ha="right",
                color=OBJECTIVE,
            )
        axes.set_xlabel("ms")

    return inline_svg(draw, SMALL, f"spread-{label}", f"Distribution of the latency of {trace.endpoint}")


def rate(trace: RateTrace) -> str:
    """Requests per second as planned and as sent, failures among them."""

    def draw(axes: Any) -> None:
        axes.stairs(trace.sent_per_s, trace.bins_t_s, baseline=None, color=NOW, linewidth=1.8)
        if len(trace.planned_t_s):
            axes.plot(
                trace.planned_t_s, trace.planned_per_s, color=OBJECTIVE, linewidth=1.3, linestyle=(0, (5, 3))
            )
        if trace.failed_per_s.any():
            axes.stairs(trace.failed_per_s, trace.bins_t_s, color=BAD, fill=True, alpha=0.85)
        axes.set_ylim(0.0, 1.15 * max(trace.sent_per_s.max(), trace.planned_per_s.max(initial=0.0), 1e-9))
        axes.yaxis.get_major_locator().set_params(nbins=4)
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        _time_axis(axes, trace.span_s, trace.lost_s)

    return inline_svg(draw, WIDE, "rate", "Requests per second over the run")


def users(trace: RateTrace) -> str:
    """Users that k6 kept busy: they pile up while the target holds its answers back."""

    def draw(axes: Any) -> None:
        axes.plot(trace.users_t_s, trace.users, color=NOW, linewidth=1.8)
        axes.set_ylim(0.0, 1.2 * max(trace.users.max(), 1.0))
        axes.yaxis.get_major_locator().set_params(nbins=2, integer=True)
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        _time_axis(axes, trace.span_s, trace.lost_s)

    return inline_svg(draw, LOW, "users", "Users over the run")


# ------------------------------------------------------------------ parts


def _limits(values: Floats) -> tuple[float, float]:
    values = np.maximum(values, SMALLEST_MS)
    return float(values.min()) / 1.25, float(values.max()) * 1.45


def log_ms(axis: Any, low: float, high: float) -> None:
    """1, 2, 5, 10 ... ms; where the range is wide only 1, 10, 100."""
    decades = np.log10(high / low)
    steps = (1,) if decades > 2.3 else (1, 3) if decades > 1.6 else (1, 2, 5) if decades > 0.75 else FINE
    ticks = [step * 10.0**power for power in range(-3, 7) for step in steps]
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _time_axis(axes: Any, span_s: float, lost_s: float | None) -> None:
    axes.set_xlim(0.0, span_s)
    step = next(
        step for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600, 1e9) if span_s / step <= 8
    )
    axes.xaxis.set_major_locator(FixedLocator(list(np.arange(0.0, span_s + 1e-9, step))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f.offset(value)))
    if lost_s is not None:
        axes.axvline(lost_s, color=BAD, linewidth=1.3)
        axes.annotate(
            "target lost ",
            (lost_s, 0.5),
            xycoords=("data", "axes fraction"),
            ha="right" if lost_s > span_s / 2 else "left",
            color=BAD,
        )


def _beside(axes: Any, value: float, text: str, side: str) -> None:
    """The name of a line at its end; one above and one below, so that two close lines can be told apart."""
    axes.annotate(
        text,
        (1.0, value),
        xycoords=("axes fraction", "data"),
        xytext=(4, -1 if side == "bottom" else 1),
        textcoords="offset points",
        va=side,
        color=NOW,
        annotation_clip=False,
    )


def _dots(t_s: Floats, ms: Floats) -> PathPatch:
    """One outline of points, drawn as strokes without length: far smaller than a marker per request."""
    ends = np.repeat(np.column_stack([t_s, ms]), 2, axis=0)
    codes = np.tile([Outline.MOVETO, Outline.LINETO], len(t_s))
    outline = Outline(ends, codes)
    outline.should_simplify = False
    few = len(t_s) < FEW_DOTS
    return PathPatch(
        outline,
        fill=False,
        edgecolor=NOW,
        alpha=0.7 if few else 0.32,
        linewidth=3.0 if few else 2.2,
        capstyle="round",
    )


def _at(curve: Curve, share: float) -> float:
    return float(np.interp(share, curve.share, curve.ms))
