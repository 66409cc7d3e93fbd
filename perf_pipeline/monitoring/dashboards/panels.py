"""Panels of Grafana as this project wants them: each has a title, a description, a unit and its queries.

Thin wrappers of grafana-foundation-sdk's builders, whose types catch misspelt options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from perf_pipeline.conventions import GRAFANA_DATASOURCE
from perf_pipeline.monitoring.dashboards import looks

DATASOURCE = DataSourceRef(type_val="prometheus", uid=GRAFANA_DATASOURCE)


@dataclass(frozen=True)
class Query:
    """One question of a panel. ``legend``: as Grafana writes it, ``{{endpoint}}``."""

    expr: str
    legend: str = ""
    instant: bool = False  # at the end of the shown time, instead of over it


class PanelBuilder(Protocol):
    """What every panel builder of the SDK can do."""

    def build(self) -> dashboard.Panel: ...
    def id(self, id_val: int) -> Self: ...
    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def with_target(self, target: Builder[Dataquery]) -> Self: ...
    def grid_pos(self, grid_pos: dashboard.GridPos) -> Self: ...


P = TypeVar("P", bound=PanelBuilder)


# ------------------------------------------------------------------ kinds of panels


def lines(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    step: str | None = None,
    log: bool = False,
    legend: bool = True,
) -> timeseries.Panel:
    """Lines over time. ``step``: seconds between points at least, such as ``5s``."""
    panel = _asked(timeseries.Panel(), title, description, unit, queries)
    panel = panel.line_width(1).fill_opacity(0).show_points(common.VisibilityMode.AUTO).axis_soft_min(0)
    panel = panel.tooltip(options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    panel = panel.legend(_legend(shown=legend))
    if log:  # milliseconds and an objective a hundred times higher are then both legible
        scale = options.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10)
        panel = panel.scale_distribution(scale)
    return panel.interval(step) if step else panel


def bars(
    title: str, description: str, queries: Sequence[Query], *, unit: str, step: str | None = None
) -> timeseries.Panel:
    """Stacked bars over time; the legend shows their sum."""
    panel = lines(title, description, queries, unit=unit, step=step)
    panel = panel.draw_style(common.GraphDrawStyle.BARS).fill_opacity(70).line_width(0)
    panel = panel.stacking(options.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    return panel.legend(_legend(shown=True).calcs(["sum"])).show_points(common.VisibilityMode.NEVER)


def dots(title: str, description: str, queries: Sequence[Query], *, unit: str) -> timeseries.Panel:
    """One dot per sample, joined by nothing."""
    panel = lines(title, description, queries, unit=unit, legend=False)
    return panel.draw_style(common.GraphDrawStyle.POINTS).point_size(7)


def stats(title: str, description: str, queries: Sequence[Query], *, unit: str) -> stat.Panel:
    """One coloured tile per series; the last value."""
    panel = _asked(stat.Panel(), title, description, unit, queries)
    panel = panel.graph_mode(common.BigValueGraphMode.NONE).color_mode(common.BigValueColorMode.BACKGROUND)
    panel = panel.reduce_options(options.ReduceDataOptions().calcs(["lastNotNull"]))
    return panel.thresholds(looks.steps((None, looks.GREY))).no_value("no data")


def states(title: str, description: str, queries: Sequence[Query], *, unit: str) -> statetimeline.Panel:
    """One row per series; a value holds until the next one."""
    panel = _asked(statetimeline.Panel(), title, description, unit, queries)
    panel = panel.span_nulls(True).merge_values(False).show_value(common.VisibilityMode.NEVER)
    return panel.row_height(0.8).thresholds(looks.steps((None, looks.GREY))).legend(_legend(shown=True))


def heat(title: str, description: str, query: Query, *, unit: str, step: str | None = None) -> heatmap.Panel:
    """A native histogram over time: colour is how many per second, height the value."""
    panel = _asked(heatmap.Panel(), title, description, unit, [query], shape=PromQueryFormat.HEATMAP)
    panel = panel.calculate(False).y_axis(heatmap.YAxisConfig().unit(unit)).show_legend()
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    panel = panel.color(colour).cell_gap(0)
    return panel.interval(step) if step else panel


@dataclass(frozen=True)
class Column:
    """A column of a table: what fills it and how it looks. Without ``expr`` it is a label of the others."""

    title: str
    expr: str = ""
    label: str = ""
    unit: str = "none"
    decimals: int | None = None
    properties: tuple[dashboard.DynamicConfigValue, ...] = ()


def grid(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    sort_by: str,
    descending: bool = False,
) -> table.Panel:
    """A sortable table: one instant query per column, rows put together by the labels that they share."""
    asked = [column for column in columns if column.expr]
    queries = [Query(column.expr, instant=True) for column in asked]
    panel = _asked(table.Panel(), title, description, "none", queries, shape=PromQueryFormat.TABLE)
    names = {f"Value #{_ref(number)}": column.title for number, column in enumerate(asked)}
    if len(asked) == 1:
        names = {"Value": asked[0].title}
    names |= {column.label: column.title for column in columns if column.label}
    order = {_source(names, column.title): number for number, column in enumerate(columns)}
    panel = panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(
        dashboard.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names},
        )
    )
    panel = panel.sort_by([options.TableSortByFieldState().display_name(sort_by).desc(descending)])
    for column in columns:
        properties = [dashboard.DynamicConfigValue("unit", column.unit), *column.properties]
        if column.decimals is not None:
            properties.append(dashboard.DynamicConfigValue("decimals", column.decimals))
        panel = panel.override_by_name(column.title, properties)
    return panel.no_value("–")


# ------------------------------------------------------------------ within


def _asked(
    panel: P,
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    shape: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> P:
    panel = panel.title(title).description(description).unit(unit).datasource(DATASOURCE)
    for number, query in enumerate(queries):
        panel = panel.with_target(target(query, _ref(number), shape))
    return panel


def target(
    query: Query, ref: str, shape: PromQueryFormat = PromQueryFormat.TIME_SERIES
) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().datasource(DATASOURCE).ref_id(ref).expr(query.expr).format(shape)
    asked = asked.legend_format(query.legend or "__auto")
    return asked.instant() if query.instant else asked.range()


def _ref(number: int) -> str:
    """A, B, … Z, AA, AB, …"""
    name = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def _source(names: Mapping[str, str], title: str) -> str:
    return next(source for source, shown in names.items() if shown == title)


def _legend(*, shown: bool) -> options.VizLegendOptions:
    legend = options.VizLegendOptions().show_legend(shown).placement(common.LegendPlacement.BOTTOM)
    return legend.display_mode(common.LegendDisplayMode.LIST)
