"""What a dashboard asks: its queries as Prometheus gets them, once Grafana has filled in the variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\$([a-zA-Z_]\w*)")


@dataclass(frozen=True)
class Question:
    """One query of a panel, or of an annotation (``panel`` is then its name and ``kind`` annotation)."""

    panel: str
    kind: str  # of panel: timeseries, stat, ...
    ref: str
    expr: str
    instant: bool
    legend: str

    def filled(self, values: Mapping[str, str]) -> str:
        """The query with every ``$name`` replaced. Raises KeyError for a name without a value."""
        return _VARIABLE.sub(lambda found: values[found[1]], self.expr)


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All panels but the headings."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel


def questions(dashboard: Mapping[str, Any]) -> Iterator[Question]:
    """Every query of every panel, then those of the annotations."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield _question(panel["title"], panel["type"], target)
    for annotation in dashboard["annotations"]["list"]:
        yield _question(annotation["name"], "annotation", annotation["target"])


def _question(panel: str, kind: str, target: Mapping[str, Any]) -> Question:
    return Question(
        panel=panel,
        kind=kind,
        ref=target["refId"],
        expr=target["expr"],
        instant=bool(target.get("instant")),
        legend=target.get("legendFormat", ""),
    )
