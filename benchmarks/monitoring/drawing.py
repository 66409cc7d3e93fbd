"""Draws a panel of a dashboard with matplotlib, from what Prometheus answered.

There is no Grafana in this: it follows the panel's own settings (kind, colours, units, bands, dashes, scale,
value mappings, thresholds), so that a panel that would be empty or unreadable is seen to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from answers import Mark, Series
from looks import COLOURS, FAINT, GRID, TEXT, Panel, line_colour, mapped, settings_of, shown, threshold
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from tables import draw_table

NARROW = 0.25  # of the picture


def draw(axes: Axes, panel: Panel, answered: Sequence[Series], span: tuple[float, float]) -> None:
    """``span``: the shown time, in unix seconds."""
    kinds = {
        "timeseries": _timeseries,
        "stat": _stat,
        "table": draw_table,
        "heatmap": _heatmap,
        "state-timeline": _states,
    }
    if answered or panel["type"] == "stat":
        kinds[panel["type"]](axes, panel, answered, span)
    else:
        axes.axis("off")
        axes.text(0.5, 0.5, "No data", ha="center", va="center", color=FAINT, transform=axes.transAxes)


def draw_marks(axes: Axes, marks: Sequence[Mark]) -> None:
    for one in marks:
        colour = COLOURS[one.colour]
        axes.axvline(_when(one.start), color=colour, ls=(0, (3, 3)), lw=0.8, alpha=0.8, zorder=0)
        axes.axvspan(_when(one.start), _when(one.end), color=colour, alpha=0.05, lw=0, zorder=0)


# ------------------------------------------------------------------ kinds of panels


def _timeseries(axes: Axes, panel: Panel, answered: Sequence[Series], span: tuple[float, float]) -> None:
    by_name = {one.name: one for one in answered}
    bottoms: dict[float, float] = {}
    drawn: list[tuple[Any, str]] = []
    for number, one in enumerate(answered):
        settings = settings_of(panel, one.name)
        colour, name = line_colour(settings, number), settings.get("displayName", one.name)
        times = np.array([_when(t) for t, _ in one.points])
        values = np.array([value for _, value in one.points])
        lower = by_name.get(settings.get("custom.fillBelowTo", ""))
        if lower is not None:
            below = dict(lower.points)
            low = np.array([below.get(t, np.nan) for t, _ in one.points])
            opacity = settings.get("custom.fillOpacity", 25) / 100
            drawn.append((axes.fill_between(times, low, values, color=colour, alpha=opacity, lw=0), name))
        style = settings.get("custom.drawStyle", "line")
        if style == "bars":
            width = (span[1] - span[0]) / 86400 / 120
            bottom = np.array([bottoms.get(t, 0.0) for t, _ in one.points])
            drawn.append((axes.bar(times, values, width, bottom, color=colour, alpha=0.8), name))
            bottoms |= {t: bottoms.get(t, 0.0) + value for t, value in one.points}
        elif style == "points":
            drawn.append((axes.plot(times, values, "o", color=colour, ms=4.5, alpha=0.9)[0], name))
        elif settings.get("custom.lineWidth", 1):
            dashes = settings.get("custom.lineStyle", {}).get("fill") == "dash"
            steps = settings.get("custom.lineInterpolation") == "stepAfter"
            (line,) = axes.plot(
                times,
                values,
                color=colour,
                lw=1.2,
                ls="--" if dashes else "-",
                drawstyle="steps-post" if steps else "default",
                marker="." if len(times) < 30 and not dashes and not steps else None,
                ms=4,
            )
            drawn.append((line, name))
    _axes(axes, panel, span, [*bottoms.values(), *(value for one in answered for _, value in one.points)])
    if panel["options"].get("legend", {}).get("showLegend", True):
        kept = {name: artist for artist, name in drawn}
        many = len(kept) > 4
        across = 3 if axes.get_position().width < NARROW else 4
        axes.legend(
            kept.values(),
            kept.keys(),
            fontsize=6,
            ncols=across if many else len(kept),
            frameon=False,
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.1),
            borderpad=0,
            handlelength=1.2,
            columnspacing=1,
        )


def _axes(axes: Axes, panel: Panel, span: tuple[float, float], values: Sequence[float]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    log = defaults.get("custom", {}).get("scaleDistribution", {}).get("type") == "log"
    if log:
        axes.set_yscale("log")
    else:
        top = max([defaults.get("max") or 0.0, *values]) or 1.0
        axes.set_ylim(min(0.0, *values) if values else 0.0, top * 1.08)
    _time_axis(axes, span)
    unit = defaults["unit"]
    if not log:
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=unit in ("locale", "bytes")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    axes.tick_params(labelsize=7, colors=FAINT, length=0, which="both")
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _time_axis(axes: Axes, span: tuple[float, float]) -> None:
    axes.set_xlim(_when(span[0]), _when(span[1]))
    locator = AutoDateLocator(minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _stat(axes: Axes, panel: Panel, answered: Sequence[Series], _: tuple[float, float]) -> None:
    axes.axis("off")
    if not answered:
        answered = [Series("", {}, "A", [(0.0, float("nan"))])]
    only_name = panel["options"].get("textMode") == "name"
    plain = panel["options"].get("colorMode") == "none"
    for number, one in enumerate(answered):
        value = one.points[-1][1] if one.points else float("nan")
        settings = settings_of(panel, one.name)
        known = mapped(settings, value)
        if np.isnan(value):
            text, colour = settings.get("noValue", "no data"), COLOURS.get("grey", "#7f7f7f")
        elif known:
            text, colour = known
        else:
            text = shown(value, settings["unit"], settings.get("decimals"))
            fixed = settings.get("color", {}).get("fixedColor")
            colour = COLOURS.get(fixed, fixed) if fixed else threshold(settings, value) or "#7f7f7f"
        left, width = number / len(answered), 1 / len(answered)
        box = FancyBboxPatch(
            (left + 0.004, 0.02),
            width - 0.008,
            0.96,
            boxstyle="round,pad=0,rounding_size=0.01",
            transform=axes.transAxes,
            color="white" if plain else colour,
            clip_on=False,
        )
        axes.add_patch(box)
        ink = TEXT if plain else "white"
        name = settings.get("displayName", one.name)
        title = name if only_name else text
        axes.text(
            left + width / 2,
            0.52 if only_name or len(answered) == 1 else 0.42,
            title,
            ha="center",
            va="center",
            color=ink,
            fontsize=13,
            fontweight="bold",
            transform=axes.transAxes,
        )
        if len(answered) > 1 and not only_name:
            axes.text(
                left + width / 2,
                0.78,
                name,
                ha="center",
                va="center",
                color=ink,
                fontsize=8,
                transform=axes.transAxes,
            )


def _states(axes: Axes, panel: Panel, answered: Sequence[Series], span: tuple[float, float]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    seen: dict[str, str] = {}
    for row, one in enumerate(reversed(answered)):
        for (t, value), (end, _) in zip(one.points, [*one.points[1:], (span[1], 0.0)], strict=True):
            text, colour = mapped(defaults, value) or (f"{value:g}", "#7f7f7f")
            seen[text] = colour
            axes.barh(row, (end - t) / 86400, left=_when(t), height=0.8, color=colour, ec="white", lw=1)
    axes.set_yticks(range(len(answered)), [one.name for one in reversed(answered)])
    _time_axis(axes, span)
    axes.tick_params(labelsize=7, colors=TEXT, length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    handles = [axes.scatter([], [], marker="s", color=colour, s=25) for colour in seen.values()]
    axes.legend(
        handles,
        seen.keys(),
        fontsize=7,
        ncols=5,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(-0.01, -0.06),
        borderpad=0,
    )


def _heatmap(axes: Axes, panel: Panel, answered: Sequence[Series], span: tuple[float, float]) -> None:
    cells = [
        (t, float(low), float(high), float(count))
        for one in answered
        for t, histogram in one.histograms
        for _, low, high, count in histogram.get("buckets", [])
        if float(low) > 0 and float(count) > 0
    ]
    times = sorted({t for one in answered for t, _ in one.histograms})
    step = min(np.diff(times)) if len(times) > 1 else 15.0
    norm = LogNorm(vmin=max(min(c for *_, c in cells), 1e-3), vmax=max(c for *_, c in cells))
    colours = mpl.colormaps["Blues"]
    for t, low, high, count in cells:
        # Narrow buckets are a fraction of a pixel high: an edge of the same colour keeps them visible.
        shade = colours(0.15 + 0.85 * float(norm(count)))
        axes.bar(_when(t), high - low, step / 86400, low, align="center", color=shade, ec=shade, lw=0.3)
    axes.set_yscale("log")
    axes.set_ylim(min(low for _, low, *_ in cells), max(high for _, _, high, _ in cells) * 1.1)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    _time_axis(axes, span)
    axes.tick_params(labelsize=7, colors=FAINT, length=0, which="both")
    for side in axes.spines.values():
        side.set_visible(False)


def _when(unix_s: float) -> float:
    """Days since 1970, as matplotlib counts."""
    return unix_s / 86400
