"""What Prometheus answered, under the names that a panel gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Series:
    """One line of an answer, under the name that the panel's legend gives it."""

    name: str
    labels: Mapping[str, str]
    ref: str
    points: list[tuple[float, float]] = field(default_factory=list)  # unix seconds, value
    histograms: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
