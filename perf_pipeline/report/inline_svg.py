"""SVG by matplotlib, made part of a page.

Text stays text, colours are the page's own (so that light and dark both work), nothing depends on the clock
or on chance.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

SMALL = (5.2, 2.35)  # inches at 72 units each: the page scales them to its column
WIDE = (10.4, 2.2)
LOW = (10.4, 1.2)
_PLACES = {
    SMALL: (0.085, 0.15, 0.85, 0.81),
    WIDE: (0.045, 0.15, 0.935, 0.8),
    LOW: (0.045, 0.27, 0.935, 0.65),
}

# Stand-ins that matplotlib draws with; in the page they become variables of its style sheet.
INK, MUTED, GRID, NOW, BASE, OBJECTIVE, BAD = (f"#0{n}0{n}0{n}" for n in range(1, 8))
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    NOW: "--now",
    BASE: "--base",
    OBJECTIVE: "--objective",
    BAD: "--bad",
}
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "text.color": MUTED,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.solid_capstyle": "round",
    "path.simplify": False,
}


def inline_svg(draw: Callable[[Any], None], size: tuple[float, float], label: str, title: str) -> str:
    """``label`` keeps the ids of several plots in one page apart."""
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": label}):
        figure = Figure(figsize=size)
        FigureCanvasSVG(figure)
        axes = figure.add_axes(_PLACES[size])
        axes.patch.set_visible(False)
        figure.patch.set_visible(False)
        axes.tick_params(length=0, pad=5)
        draw(axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _part_of_page(text.getvalue(), title)


_OWN_ID = re.compile(r' id="(?!m[0-9a-f]{10}|p[0-9a-f]{10})[^"]*"')
_NUMBER = re.compile(r"(\d+\.\d)\d+")


def _part_of_page(svg: str, title: str) -> str:
    """Without header, metadata and fixed size; ids, colours and fonts are the page's."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', svg)
    opening = f'<svg {box.group() if box else ""} role="img" aria-label="{escape(title)}">'
    svg = re.sub(r"<svg[^>]*>", lambda _: opening, svg, count=1)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = _OWN_ID.sub("", svg)
    svg = _NUMBER.sub(r"\1", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return re.sub(r"\n\s*", "\n", svg)
