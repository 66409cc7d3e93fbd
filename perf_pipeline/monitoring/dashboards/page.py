"""A dashboard as a whole: where its panels are, its variables, annotations and links, and its text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.dashboards import ask
from perf_pipeline.monitoring.dashboards.looks import BLUE, PURPLE
from perf_pipeline.monitoring.dashboards.panels import DATASOURCE, PanelBuilder
from perf_pipeline.suite import Suite

COLUMNS = 24  # of Grafana's grid
TAG = "perf-pipeline"
SCHEMA_VERSION = 42  # classic: provisioned by files, it works from Grafana 10 to 13


@dataclass(frozen=True)
class Section:
    """Panels of one height, side by side, under a heading ("" for none)."""

    title: str
    height: int
    panels: Sequence[PanelBuilder]
    across: int = 1


@dataclass(frozen=True)
class Annotation:
    """A query whose samples above 0 are marked in every panel."""

    name: str
    expr: str
    colour: str
    step: str
    title: str
    text: str
    tags: str = ""


@dataclass(frozen=True)
class Page:
    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    variables: Sequence[builders.CustomVariable | builders.QueryVariable] = ()
    annotations: Sequence[Annotation] = ()
    links: Sequence[builders.DashboardLink] = ()
    tags: Sequence[str] = field(default_factory=list)
    span: str = "now-1h"
    refresh: str = "10s"

    def text(self) -> str:
        """Deterministic JSON."""
        page = builders.Dashboard(self.title).uid(self.uid).description(self.description)
        page = page.tags([TAG, *self.tags]).readonly().time(self.span, "now").refresh(self.refresh)
        page = page.tooltip(dashboard.DashboardCursorSync.CROSSHAIR).timezone("browser").version(1)
        page = page.variables(list(self.variables)).links(list(self.links))
        built = page.build()
        built.panels = list(_placed(self.sections))
        built.annotations = dashboard.AnnotationContainer(
            list_val=[_annotation(one) for one in self.annotations]
        )
        built.schema_version = SCHEMA_VERSION
        content = json.loads(json.dumps(built, cls=JSONEncoder))
        return json.dumps(_in_sight(content), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def choice(
    name: str, label: str, values: Sequence[str], *, first: str = "", everything: bool = False
) -> builders.CustomVariable:
    """A variable with the values of the suite file; ``first`` is chosen, or else the first of them."""
    variable = builders.CustomVariable(name).label(label).values(",".join(values)).multi(False)
    if everything:
        variable = variable.include_all(True).all_value(".*")
    chosen = first if first in values else values[0]
    return variable.current(dashboard.VariableOption(selected=True, text=chosen, value=chosen))


def asked(name: str, label: str, query: str, *, everything: bool = False) -> builders.QueryVariable:
    """A variable with the values that Prometheus knows in the shown time, in order."""
    variable = builders.QueryVariable(name).label(label).datasource(DATASOURCE).query(query).definition(query)
    variable = variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).multi(False)
    variable = variable.sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    if everything:
        variable = variable.include_all(True).all_value(".*")
        variable = variable.current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    return variable


def link(title: str, url: str, *, keep_time: bool = False, tooltip: str = "") -> builders.DashboardLink:
    built = builders.DashboardLink(title).type(dashboard.DashboardLinkType.LINK).url(url)
    outside = url.startswith("http")
    return built.keep_time(keep_time).target_blank(outside).icon("external link").tooltip(tooltip or title)


def generated_from(suite: Suite) -> str:
    return f"Generated from k6/{suite.name}/{names.SUITE_FILE} by `perf-pipeline generate`; do not edit."


def runs(users: str) -> Annotation:
    """``users``: a selector of k6's users."""
    return Annotation(
        name="Runs",
        expr=ask.runs(users),
        colour=BLUE,
        step="15s",
        title="run {{testid}}",
        text="profile {{profile}}",
        tags=names.TAG_PROFILE,
    )


def revisions(info: str) -> Annotation:
    """What the target of one run said it runs; ``info``: a selector of that."""
    return Annotation(
        name="Revision",
        expr=f"max by ({names.TAG_TARGET}, {names.LABEL_REVISION}) ({info})",
        colour=PURPLE,
        step="15s",
        title="revision {{revision}}",
        text="on {{target}}",
        tags=names.LABEL_REVISION,
    )


def deploys(info: str, *, step: str = ask.NEW_FOR) -> Annotation:
    """``info``: a selector of what targets said they run; ``step``: coarse for days, fine for minutes."""
    return Annotation(
        name="Deploys",
        expr=ask.deploys(info),
        colour=PURPLE,
        step=step,
        title="revision {{revision}}",
        text="first measured on {{target}}",
        tags=names.LABEL_REVISION,
    )


def suite_links(suite: str, *, but: str) -> list[builders.DashboardLink]:
    """To a suite's other dashboards. A run's time is not a trend's: only Benchmark and Run share it."""
    titles = {names.BENCHMARK: "Benchmark", names.RUN: "Run", names.TREND: "Trend"}
    close = {names.BENCHMARK, names.RUN}
    found = [
        link(title, f"/d/{names.dashboard_uid(suite, kind)}", keep_time={kind, but} == close)
        for kind, title in titles.items()
        if kind != but
    ]
    return [*found, link("Pipeline health", f"/d/{names.PIPELINE_HEALTH}")]


def _placed(sections: Iterable[Section]) -> Iterable[dashboard.Panel | dashboard.RowPanel]:
    number, top = 1, 0
    for section in sections:
        if section.title:
            row = builders.Row(section.title).id(number)
            yield row.grid_pos(dashboard.GridPos(x=0, y=top, w=COLUMNS, h=1)).build()
            number, top = number + 1, top + 1
        width = COLUMNS // section.across
        for position, panel in enumerate(section.panels):
            line, column = divmod(position, section.across)
            place = dashboard.GridPos(
                x=column * width, y=top + line * section.height, w=width, h=section.height
            )
            yield panel.id(number).grid_pos(place).build()
            number += 1
        top += -(-len(section.panels) // section.across) * section.height


def _annotation(one: Annotation) -> dashboard.AnnotationQuery:
    query = prometheus.Dataquery().datasource(DATASOURCE).ref_id("Anno").expr(one.expr).interval(one.step)
    return dashboard.AnnotationQuery(
        name=one.name,
        datasource=DATASOURCE,
        enable=True,
        hide=False,
        icon_color=one.colour,
        target=query.build(),
        title_format=one.title,
        text_format=one.text,
        tag_keys=one.tags,
    )


def _in_sight(content: Any) -> Any:
    """The SDK puts links and annotations into a menu; without its key they stand in the open."""
    if isinstance(content, dict):
        return {
            key: _in_sight(value)
            for key, value in content.items()
            if not (key == "placement" and value == "inControlsMenu")
        }
    return [_in_sight(value) for value in content] if isinstance(content, list) else content
