"""What a panel's own settings say: colours, mappings, thresholds, and how a value is written in its unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Panel = Mapping[str, Any]

COLOURS = {
    "green": "#56a64b",
    "red": "#e02f44",
    "blue": "#3274d9",
    "super-light-blue": "#8ab8ff",
    "orange": "#ff780a",
    "yellow": "#f2cc0c",
    "purple": "#a352cc",
}
PALETTE = ["#56a64b", "#f2cc0c", "#3274d9", "#ff780a", "#e02f44", "#a352cc", "#37872d", "#0a76a4", "#8f3bb8"]
TEXT, FAINT, GRID = "#24292e", "#6e7780", "#e6e8eb"


def settings_of(panel: Panel, name: str) -> dict[str, Any]:
    """The panel's settings for one series or column: defaults, then the overrides that match its name."""
    found = _flat(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"].get("overrides", []):
        matcher = override["matcher"]
        wanted = matcher["options"]
        if matcher["id"] == "byName":
            matches = name == wanted
        else:
            matches = re.search(wanted.strip("/"), name) is not None
        if matches:
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def _flat(defaults: Mapping[str, Any]) -> dict[str, Any]:
    custom = defaults.get("custom", {})
    return {key: value for key, value in defaults.items() if key != "custom"} | {
        f"custom.{key}": value for key, value in custom.items()
    }


def line_colour(settings: Mapping[str, Any], number: int) -> str:
    fixed = settings.get("color", {}).get("fixedColor")
    return COLOURS.get(fixed, fixed) if fixed else PALETTE[number % len(PALETTE)]


def mapped(settings: Mapping[str, Any], value: object) -> tuple[str, str] | None:
    """Text and colour that a value mapping gives."""
    key = f"{value:g}" if isinstance(value, float) else str(value)
    for mapping in settings.get("mappings", []):
        if key in mapping["options"]:
            one = mapping["options"][key]
            return one["text"], COLOURS.get(one["color"], one["color"])
    return None


def threshold(settings: Mapping[str, Any], value: float) -> str | None:
    colour = None
    for step in settings.get("thresholds", {}).get("steps", []):
        if step.get("value") is None or value >= step["value"]:
            colour = step["color"]
    return COLOURS.get(colour, colour) if colour else None


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """As Grafana writes it, nearly."""
    written = {
        "percentunit": lambda: f"{100 * value:.{1 if decimals is None else decimals}f}%",
        "ms": lambda: _seconds(value / 1000, decimals) if value >= 1000 else f"{_number(value, decimals)} ms",
        "s": lambda: _seconds(value, decimals),
        "bytes": lambda: _bytes(value),
        "dateTimeAsIso": lambda: f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}",
        "locale": lambda: f"{value:,.0f}",
        "reqps": lambda: f"{_number(value, decimals)} req/s",
        "short": lambda: f"{value / 1000:.3g} K" if value >= 1000 else f"{value:.3g}",
    }.get(unit, lambda: f"{value:.3g}" if decimals is None else f"{value:.{decimals}f}")
    return written()


def _bytes(value: float) -> str:
    for power, name in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if value >= 1024**power:
            return f"{value / 1024**power:.3g} {name}"
    return f"{value:.0f} B"


def _number(value: float, decimals: int | None) -> str:
    if decimals is None:
        decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{decimals}f}"


def _seconds(value: float, decimals: int | None) -> str:
    if abs(value) < 1:
        return f"{1000 * value:.3g} ms"
    for size, name in ((86400, "days"), (3600, "hours"), (60, "min")):
        if abs(value) >= size:
            return f"{value / size:.1f} {name}"
    return f"{value:.{1 if decimals is None else decimals}f} s"
