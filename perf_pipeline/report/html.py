"""The HTML report: one file that needs no network and no script. Layout only; words come from the view."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from perf_pipeline.report.view import RunView

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class _Plots:
    """SVG of one endpoint; None where there is nothing to draw."""

    time: Markup | None
    spread: Markup | None


def render_html(view: RunView) -> str:
    """The whole page. The same view gives the same bytes."""
    # Imports matplotlib, about a second: commands that write no report do not wait for it.
    from perf_pipeline.report import history_plots, plots  # noqa: PLC0415 - matplotlib is slow

    endpoints = [
        (
            one,
            _Plots(
                time=None if one.trace.empty else _svg(plots.latency_over_time(one.trace, one.anchor)),
                spread=None if one.trace.empty else _svg(plots.distribution(one.trace, one.anchor)),
            ),
        )
        for one in view.endpoints
    ]
    rate = None if view.rate.empty else _svg(plots.rate(view.rate))
    users = None if not view.rate.users.any() else _svg(plots.users(view.rate))
    history = [(trace.endpoint, _svg(history_plots.over_runs(trace))) for trace in view.history.traces]
    return _template().render(view=view, endpoints=endpoints, rate=rate, users=users, history=history)


def _svg(text: str) -> Markup:
    # Safe: made by matplotlib, which escapes text; names reach it only through view.trace.
    return Markup(text)  # noqa: S704


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("perf_pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["num"] = _typeset
    return environment.get_template(TEMPLATE)


def _typeset(text: str) -> str:
    """A real minus sign, and no break between a number and its unit."""
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text).replace(" %", "\u202f%").replace(" ms", "\u00a0ms")
