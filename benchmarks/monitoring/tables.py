"""Draws a table panel: rows put together as Grafana's transformations would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from answers import Series
from looks import COLOURS, GRID, TEXT, Panel, mapped, settings_of, shown, threshold
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

LINE_INCHES = 0.27
PLAIN, HEAD = "white", "#f4f5f7"


def draw_table(axes: Axes, panel: Panel, answered: Sequence[Series], _: tuple[float, float]) -> None:
    axes.axis("off")
    columns, rows = _rows(panel, answered)
    if not rows:
        return
    texts, colours = [], []
    for row in rows:
        line = [_cell(panel, column, row.get(column)) for column in columns]
        texts.append([text for text, _ in line])
        colours.append([colour or PLAIN for _, colour in line])
    letters = [
        max(len(column), *(len(text[index]) for text in texts)) + 3 for index, column in enumerate(columns)
    ]
    edges = [sum(letters[:number]) / sum(letters) for number in range(len(letters) + 1)]
    inches = axes.get_position().height * axes.figure.get_size_inches()[1]
    high = min(LINE_INCHES, inches / (len(rows) + 1)) / inches
    for number, line in enumerate([columns, *texts]):
        top = 1 - number * high
        for column, text in enumerate(line):
            left, wide = edges[column], edges[column + 1] - edges[column]
            fill = colours[number - 1][column] if number else HEAD
            axes.add_patch(
                Rectangle((left, top - high), wide, high, transform=axes.transAxes, fc=fill, ec=GRID, lw=0.6)
            )
            axes.text(
                left + 0.4 * wide / letters[column],
                top - high / 2,
                text,
                transform=axes.transAxes,
                va="center",
                fontsize=8,
                fontweight="normal" if number else "bold",
                color=TEXT if fill in (PLAIN, HEAD, COLOURS["yellow"]) else "white",
            )


def _rows(panel: Panel, answered: Sequence[Series]) -> tuple[list[str], list[dict[str, Any]]]:
    """Grafana's ``merge`` and ``organize``: rows by the labels that all queries share, columns renamed."""
    organized = panel["transformations"][-1]["options"]
    names, order = organized["renameByName"], organized["indexByName"]
    key = set.intersection(*(set(one.labels) for one in answered)) if answered else set()
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in answered:
        row = rows.setdefault(tuple(one.labels[label] for label in sorted(key)), {})
        row |= {names[label]: value for label, value in one.labels.items() if label in names}
        row[names.get(f"Value #{one.ref}") or names["Value"]] = one.points[-1][1]
    shown_ones = [names[source] for source in sorted(order, key=lambda source: order[source])]
    columns = [name for name in shown_ones if not settings_of(panel, name).get("custom.hidden")]
    sort = panel["options"]["sortBy"][0]
    ordered = sorted(
        rows.values(),
        key=lambda row: row.get(sort["displayName"], float("inf")),
        reverse=sort.get("desc", False),
    )
    return columns, ordered


def _cell(panel: Panel, column: str, value: object) -> tuple[str, str | None]:
    settings = settings_of(panel, column)
    if value is None:
        return settings.get("noValue", "–"), None
    background = settings.get("custom.cellOptions", {}).get("type") == "color-background"
    known = mapped(settings, value)
    if known:
        return known[0], known[1] if background else None
    if not isinstance(value, float):
        return str(value), None
    colour = threshold(settings, value) if background else None
    return shown(value, settings["unit"], settings.get("decimals")), colour
