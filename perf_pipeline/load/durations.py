"""Durations as Go, and so k6, writes them."""

from __future__ import annotations

import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds(text: str | None, default: float = 0.0) -> float:
    """``1h00m03.0s``, ``1m30s``, ``500ms`` -> seconds; ``default`` for None. Raises ValueError."""
    if text is None:
        return default
    parts = _PART.findall(text)
    if not parts:
        raise ValueError(f"not a duration: {text!r}")
    return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
