"""How values look: colours, thresholds, words for numbers, lines and bands.

Colours mean the same everywhere: green kept, red broken, grey unknown, blue measured, orange the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

GREEN, RED, GREY, BLUE, ORANGE, YELLOW = "green", "red", "#7f7f7f", "blue", "orange", "yellow"
LIGHT_BLUE, PURPLE = "super-light-blue", "purple"
Properties = list[dashboard.DynamicConfigValue]


def steps(*pairs: tuple[float | None, str]) -> builders.ThresholdsConfig:
    """Colours from a value on; the first is ``(None, colour)``."""
    found = [dashboard.Threshold(value=value, color=colour) for value, colour in pairs]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(found)


def named(values: Mapping[str, tuple[str, str]]) -> list[dashboard.ValueMapping]:
    """Value as text -> (what is shown, colour)."""
    return [
        dashboard.ValueMap(
            options={
                value: dashboard.ValueMappingResult(text=text, color=colour, index=number)
                for number, (value, (text, colour)) in enumerate(values.items())
            }
        )
    ]


def coloured(*pairs: tuple[float | None, str]) -> dashboard.DynamicConfigValue:
    """Property of a column: the colours from a value on (to go with ``BACKGROUND``)."""
    return dashboard.DynamicConfigValue("thresholds", steps(*pairs).build())


def mapped(values: Mapping[str, tuple[str, str]]) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue("mappings", named(values))


def linked(title: str, url: str) -> dashboard.DynamicConfigValue:
    """Property of a column or a series: where a click leads."""
    return dashboard.DynamicConfigValue("links", [{"title": title, "url": url}])


BACKGROUND = dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"})
NOT_IN_LEGEND = dashboard.DynamicConfigValue(
    "custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}
)
HIDDEN = dashboard.DynamicConfigValue("custom.hidden", True)


def colour(name: str) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": name})


def called(name: str) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue("displayName", name)


def dashed(name: str) -> Properties:
    style = dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})
    return [colour(name), style, *NO_POINTS]


def stepped(name: str) -> Properties:
    """A line that holds its value until the next one."""
    return [
        colour(name),
        dashboard.DynamicConfigValue("custom.drawStyle", "line"),
        dashboard.DynamicConfigValue("custom.lineInterpolation", "stepAfter"),
        dashboard.DynamicConfigValue("custom.spanNulls", True),
        *NO_POINTS,
    ]


def band(name: str, *, down_to: str) -> Properties:
    """The upper edge of a band; the lower one is the series with the legend ``down_to``."""
    return [
        *edge(name),
        dashboard.DynamicConfigValue("custom.fillBelowTo", down_to),
        dashboard.DynamicConfigValue("custom.fillOpacity", 25),
    ]


def edge(name: str) -> Properties:
    return [colour(name), dashboard.DynamicConfigValue("custom.lineWidth", 0), *NO_POINTS]


NO_POINTS: Properties = [dashboard.DynamicConfigValue("custom.showPoints", "never")]
