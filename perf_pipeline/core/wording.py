"""How figures are written in sentences for people: one way everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percent(ratio: float) -> str:
    """A share: ``0.5 %``, ``12 %``. One decimal below 10 %, where it matters."""
    value = 100.0 * ratio
    return f"{value:.1f} %" if 0 < abs(value) < 9.95 else f"{value:.0f} %"


def change(ratio: float) -> str:
    """A factor as signed change: 1.48 is ``+48 %``, 0.9 is ``-10 %``, 4.2 is ``×4.2``."""
    return f"×{ratio:.1f}" if ratio >= 3 else f"{_signed(ratio)} %"


def interval(low: float, high: float) -> str:
    """Two factors as signed changes: ``+41..+56 %``."""
    if high >= 3:
        return f"{change(low)}..{change(high)}"
    return f"{_signed(low)}..{_signed(high)} %"


def _signed(ratio: float) -> str:
    return f"{round(100.0 * (ratio - 1.0)):+d}"  # an integer has no -0


def milliseconds(value: float) -> str:
    """``4.7 ms`` below ten, ``612 ms`` above: three digits are all that a quantile carries."""
    return f"{value:.0f} ms" if not math.isfinite(value) or abs(value) >= 9.95 else f"{value:.1f} ms"


def listing(items: Sequence[str], limit: int = 7) -> str:
    """``a, b and 3 more``; all of them up to ``limit``."""
    if len(items) <= limit:
        return ", ".join(items)
    return f"{', '.join(items[: limit - 1])} and {len(items) - limit + 1} more"


def count(number: int, noun: str) -> str:
    """``1 endpoint``, ``7 endpoints``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
