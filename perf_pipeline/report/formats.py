"""Figures of a report, which may be missing, and times: the same in the terminal, in Markdown and in HTML.

None and NaN have no value and are written as a dash; all else as ``core.wording`` writes it. Pure.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TypeGuard

from perf_pipeline.core import wording

NONE = "–"


def ms(value: float | None) -> str:
    """Milliseconds to three digits, without the unit: ``4.21``, ``42.1``, ``421``, ``4,210``."""
    return wording.three_digits(value) if _is_known(value) else NONE


def promised_ms(value: float | None) -> str:
    """An objective as it was written down: ``300``, ``7.5``."""
    return NONE if value is None else wording.as_promised(value)


def with_unit(value: float | None) -> str:
    """``42.1 ms``."""
    return wording.milliseconds(value) if _is_known(value) else NONE


def signed_ms(value: float | None) -> str:
    """``+12.3 ms``."""
    if not _is_known(value):
        return NONE
    return f"{'-' if value < 0 else '+'}{wording.milliseconds(abs(value))}"


def count(value: int | None) -> str:
    """``12,345``."""
    return NONE if value is None else f"{value:,}"


def percent(ratio: float | None) -> str:
    """A share of one: ``0 %``, ``0.36 %``, ``4.2 %``, ``42 %``. Only nothing is ``0 %``."""
    return wording.percent(ratio) if _is_known(ratio) else NONE


def success(ratio: float | None) -> str:
    """A share that is near one: ``100 %``, ``99.98 %``, ``98.2 %``, ``42 %``. Only all is ``100 %``."""
    if ratio is None or not math.isfinite(ratio) or ratio < 0.9:
        return percent(ratio)
    digits = 2 if ratio > 0.99 else 1
    cut = math.floor(ratio * 100 * 10**digits + 1e-9) / 10**digits  # never rounded up to all
    return f"{cut:.{digits}f}".rstrip("0").rstrip(".") + " %"


def change(factor: float | None) -> str:
    """A factor as a change: 1.48 is ``+48 %``, 0.958 is ``-4.2 %``; from three on the factor, ``×4.2``."""
    return wording.change(factor) if _is_known(factor) else NONE


def interval(low: float | None, high: float | None) -> str:
    """Two factors as an interval of change: ``+41..+56 %``, and ``+41 %..×4.2``."""
    return wording.interval(low, high) if _is_known(low) and _is_known(high) else NONE


def duration(seconds: float | None) -> str:
    """``0.21 s``, ``4.2 s``, ``42 s``, ``2 min 5 s``, ``1 h 2 min``."""
    if not _is_known(seconds):
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


def _is_known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
