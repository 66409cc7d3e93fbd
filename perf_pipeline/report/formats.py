"""How numbers, times and shares are written: the same in the terminal, in Markdown and in HTML. Pure.

None and NaN have no value and are written as a dash.
"""

from __future__ import annotations

import math
from datetime import datetime

NONE = "–"
TIMES = "×"


def ms(value: float | None) -> str:
    """Milliseconds to three digits, without the unit: ``4.21``, ``42.1``, ``421``, ``4,210``."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:,.{digits}f}"


def promised_ms(value: float | None) -> str:
    """An objective as it was written down: ``300``, ``7.5``."""
    return NONE if value is None else f"{value:,.10g}"


def with_unit(value: float | None) -> str:
    """``42.1 ms``."""
    text = ms(value)
    return text if text == NONE else f"{text} ms"


def signed_ms(value: float | None) -> str:
    """``+12.3 ms``."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{'-' if value < 0 else '+'}{ms(abs(value))} ms"


def count(value: int | None) -> str:
    """``12,345``."""
    return NONE if value is None else f"{value:,}"


def percent(ratio: float | None) -> str:
    """A share of one: ``0 %``, ``0.36 %``, ``4.2 %``, ``42 %``. Only nothing is ``0 %``."""
    if ratio is None or not math.isfinite(ratio):
        return NONE
    value = 100.0 * ratio
    size = abs(value)
    if size == 0:
        return "0 %"
    if size < 0.005:
        return "<0.01 %" if value > 0 else ">-0.01 %"
    digits = 2 if size < 0.995 else 1 if size < 9.95 else 0
    number = f"{value:,.{digits}f}"
    return f"{number.rstrip('0').rstrip('.') if digits else number} %"


def success(ratio: float | None) -> str:
    """A share that is near one: ``100 %``, ``99.98 %``, ``98.2 %``, ``42 %``. Only all is ``100 %``."""
    if ratio is None or not math.isfinite(ratio) or ratio < 0.9:
        return percent(ratio)
    digits = 2 if ratio > 0.99 else 1
    cut = math.floor(ratio * 100 * 10**digits + 1e-9) / 10**digits  # never rounded up to all
    return f"{cut:.{digits}f}".rstrip("0").rstrip(".") + " %"


def change(factor: float | None) -> str:
    """A factor as a change: 1.48 is ``+48 %``, 0.958 is ``-4.2 %``; from three on the factor, ``×4.2``."""
    text = _change_number(factor)
    return text if text == NONE or text.startswith(TIMES) else f"{text} %"


def interval(low: float | None, high: float | None) -> str:
    """Two factors as an interval of change: ``+41..+56 %``, and ``+41 %..×4.2``."""
    first, last = _change_number(low), _change_number(high)
    if NONE in (first, last):
        return NONE
    if last.startswith(TIMES):
        return f"{change(low)}..{last}"
    return f"{first}..{last} %"


def _change_number(factor: float | None) -> str:
    if factor is None or not math.isfinite(factor):
        return NONE
    if factor >= 3:
        return f"{TIMES}{factor:,.1f}"
    value = 100.0 * (factor - 1.0)
    text = f"{value:+.1f}" if abs(value) < 9.95 else f"{value:+.0f}"
    return "+0.0" if text == "-0.0" else text


def duration(seconds: float | None) -> str:
    """``0.21 s``, ``4.2 s``, ``42 s``, ``2 min 5 s``, ``1 h 2 min``."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min" if whole % 3600 // 60 else f"{whole // 3600} h"


def when(moment: datetime) -> str:
    """``2026-11-24 14:00:13 UTC``."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def offset(seconds: float) -> str:
    """A moment in a run: ``1:05``."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
