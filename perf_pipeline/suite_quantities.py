"""Numbers of the suite file: text in, a value without unit out. The rules are those of ``suite_units``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SHORTEST_LOAD_S = 1.0
LONGEST_S = 30 * 86_400.0  # beyond any load test; and k6 counts nanoseconds in 64 bits
LONGEST_KEPT_D = 36_500
LARGEST = 1e9  # of any other number: nothing that is computed from it overflows
MOST_CALLS = 1000.0  # of an endpoint in one iteration

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def _quantity(text: str, units: Sequence[str], example_unit: str) -> tuple[float, str]:
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"'{text}' is not a number with a unit; write for example 300{example_unit}")
    unit = text[match.end() :].strip()
    if not unit:
        raise ValueError(f"{text} has no unit; write {text}{example_unit}")
    if unit not in units:
        raise ValueError(f"'{text}' has the unknown unit '{unit}'; write one of {', '.join(units)}")
    number = float(match.group())
    if number <= 0:
        raise ValueError(f"{_short(text)} must be above zero")
    if number > LARGEST:
        raise ValueError(f"{_short(text)} is too large; the largest is {LARGEST:.0f}{unit}")
    return number, unit


def _short(text: str) -> str:
    """Enough of a value to find it again."""
    return text if len(text) <= 40 else f"{text[:20]}...{text[-10:]}"


def seconds(text: str) -> float:
    number, unit = _quantity(text, tuple(_SECONDS), "s")
    if number * _SECONDS[unit] > LONGEST_S:
        raise ValueError(f"{text} is too long; the longest is {LONGEST_S / 3600:.0f}h")
    return number * _SECONDS[unit]


def load_seconds(text: str) -> float:
    """How long load lasts."""
    duration_s = seconds(text)
    if duration_s < SHORTEST_LOAD_S:
        raise ValueError(f"{text} is too short; k6 takes {SHORTEST_LOAD_S:g}s or more")
    return duration_s


def age_seconds(text: str) -> float:
    """How long something is kept: ``90d``."""
    number, _ = _quantity(text, ("d",), "d")
    if number > LONGEST_KEPT_D:
        raise ValueError(f"{_short(text)} is too long; the longest is {LONGEST_KEPT_D}d")
    return number * 86_400.0


def milliseconds(text: str) -> float:
    number, unit = _quantity(text, ("ms", "s"), "ms")
    return number * 1000 if unit == "s" else number


def share(text: str) -> float:
    """``1%`` -> 0.01, above 0 and at most 100 %."""
    number, _ = _quantity(text, ("%",), "%")
    if number > 100:
        raise ValueError(f"{text} is more than 100%")
    return number / 100


def tolerance(text: str) -> float:
    """A share that latency may fall by and still be a latency."""
    ratio = share(text)
    if ratio >= 1:
        raise ValueError(f"{text} would call every change unchanged; write less than 100%")
    return ratio


def rate(text: str) -> float:
    """``5/s`` or ``300/min`` -> iterations or requests per second."""
    number, unit = _quantity(text, ("/s", "/min"), "/s")
    return number / 60 if unit == "/min" else number


@dataclass(frozen=True)
class RelativeRate:
    """``70% of standard``: a share of the rate of another profile."""

    ratio: float
    profile: str


def profile_rate(text: str) -> float | RelativeRate:
    match = re.fullmatch(r"(\S+)\s+of\s+(\S+)", text)
    if match is None:
        return rate(text)
    number, _ = _quantity(match.group(1), ("%",), "%")
    return RelativeRate(number / 100, match.group(2))


def whole_number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise ValueError(f"'{text}' is not a whole number")
    if float(text) > LARGEST:
        raise ValueError(f"{_short(text)} is too large; the largest is {LARGEST:.0f}")
    if float(text) <= 0:
        raise ValueError(f"{_short(text)} must be above zero")
    return int(text)


def weight(text: str) -> float:
    """Calls per iteration: a bare number, 0 allowed here (the reader explains why 0 makes no sense)."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a number of calls per iteration; write for example 1 or 0.5")
    if float(text) < 0:
        raise ValueError(f"{_short(text)} must not be negative")
    if float(text) > MOST_CALLS:
        raise ValueError(f"{_short(text)} is too large; the most calls per iteration are {MOST_CALLS:.0f}")
    return float(text)
