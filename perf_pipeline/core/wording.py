"""How figures and lists are written for people: one way in sentences, tables and plots."""

from __future__ import annotations

from collections.abc import Sequence


def percent(ratio: float) -> str:
    """A share of one: ``0 %``, ``0.36 %``, ``4.2 %``, ``42 %``. Only nothing is ``0 %``."""
    value = 100.0 * ratio
    size = abs(value)
    if size == 0:
        return "0 %"
    if size < 0.005:
        return "<0.01 %" if value > 0 else ">-0.01 %"
    digits = 2 if size < 0.995 else 1 if size < 9.95 else 0
    number = f"{value:,.{digits}f}"
    return f"{number.rstrip('0').rstrip('.') if digits else number} %"


def change(factor: float) -> str:
    """A factor as a change: 1.48 is ``+48 %``, 0.958 is ``-4.2 %``; from three on the factor, ``×4.2``."""
    return _times(factor) if factor >= 3 else f"{_signed(factor)} %"


def interval(low: float, high: float) -> str:
    """Two factors as an interval of change: ``+41..+56 %``, and ``+41 %..×4.2``."""
    return f"{change(low)}..{_times(high)}" if high >= 3 else f"{_signed(low)}..{_signed(high)} %"


def _times(factor: float) -> str:
    return f"×{factor:,.1f}"


def _signed(factor: float) -> str:
    value = 100.0 * (factor - 1.0)
    text = f"{value:+.1f}" if abs(value) < 9.95 else f"{value:+.0f}"
    return "+0.0" if text == "-0.0" else text


def three_digits(value: float) -> str:
    """All that a quantile carries: ``4.21``, ``42.1``, ``421``, ``4,210``."""
    size = abs(value)
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:,.{digits}f}"


def milliseconds(value: float) -> str:
    """``4.21 ms``, ``612 ms``."""
    return f"{three_digits(value)} ms"


def as_promised(value: float) -> str:
    """An objective as it was written down: ``300``, ``7.5``."""
    return f"{value:,.10g}"


def listing(items: Sequence[str], limit: int = 7) -> str:
    """``a, b and 3 more``; all of them up to ``limit``."""
    if len(items) <= limit:
        return ", ".join(items)
    return f"{', '.join(items[: limit - 1])} and {len(items) - limit + 1} more"


def count(number: int, noun: str) -> str:
    """``1 endpoint``, ``7 endpoints``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
