"""What can be wrong with the reference backend, and the words in which one asks for it.

``slow=get_game_data:50%,tail=get_news:8%:200ms,fail=join_room:100%,stall=10s:2s,die=20s``
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from perf_pipeline.demo.endpoints import MEASURED_NAMES, NAMES

EXAMPLES = {
    "slow": "slow=get_game_data:50% or slow=get_game_data:20ms",
    "tail": "tail=get_news:8%:200% or tail=get_news:8%:200ms",
    "fail": "fail=join_room:100%",
    "stall": "stall=10s:2s",
    "die": "die=20s",
}
EVERY_ENDPOINT = "*"

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(%|ms|s)")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Delay:
    """Time added to an answer: a share of the time it took, or a fixed time."""

    ratio: float = 0.0
    fixed_s: float = 0.0

    def of(self, took_s: float) -> float:
        """Seconds to add to an answer that took ``took_s``."""
        return self.ratio * took_s + self.fixed_s


@dataclass(frozen=True)
class Tail:
    """A share of the requests, spread evenly, gets an extra delay."""

    share: float
    delay: Delay


@dataclass(frozen=True)
class Stall:
    """Every ``every_s`` seconds the whole service holds its answers for ``for_s`` seconds."""

    every_s: float
    for_s: float

    def left(self, uptime_s: float) -> float:
        """Seconds until answers may leave again; 0 outside a stall. The first one begins at ``every_s``."""
        into_period = uptime_s % self.every_s
        return self.for_s - into_period if uptime_s >= self.every_s and into_period < self.for_s else 0.0


@dataclass(frozen=True)
class Faults:
    """All faults of one start, by endpoint name; the default is a healthy service."""

    slow: Mapping[str, Delay] = field(default_factory=dict)
    tail: Mapping[str, Tail] = field(default_factory=dict)
    fail: Mapping[str, float] = field(default_factory=dict)
    stall: Stall | None = None
    die_after_s: float | None = None


def is_chosen(count: int, share: float) -> bool:
    """Whether the ``count``-th request (from 1) belongs to an evenly spread ``share`` of all."""
    nudge = 1e-9  # 25 * 0.08 must be 2, whatever binary fractions make of it
    return int(count * share + nudge) > int((count - 1) * share + nudge)


def parse_faults(text: str) -> Faults:
    """Read a comma-separated list of faults; empty text means none.

    An endpoint may be ``*`` (the seven measured ones); a fault that names an endpoint goes before one that
    says ``*``. Raises ValueError with one sentence that says what is wrong and shows a right example.
    """
    slow: dict[str, Delay] = {}
    tail: dict[str, Tail] = {}
    fail: dict[str, float] = {}
    stall: Stall | None = None
    die_after_s: float | None = None
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        kind, _, rest = part.partition("=")
        if kind not in EXAMPLES:
            raise ValueError(
                f"Fault '{part}' is of no known kind{_did_you_mean(kind, tuple(EXAMPLES))}: "
                f"write one of {', '.join(EXAMPLES)}, for example {EXAMPLES['slow']}."
            )
        match kind, rest.split(":"):
            case "slow", [endpoint, delay]:
                _put(slow, endpoint, _delay(delay, part), part)
            case "tail", [endpoint, share, delay]:
                _put(tail, endpoint, Tail(_share(share, part), _delay(delay, part)), part)
            case "fail", [endpoint, share]:
                _put(fail, endpoint, _share(share, part), part)
            case ("stall", _) if stall is not None:
                raise _wrong(part, "is the second stall, give one")
            case ("die", _) if die_after_s is not None:
                raise _wrong(part, "is the second death, give one")
            case "stall", [every, length]:
                stall = Stall(_seconds(every, part), _seconds(length, part))
                if stall.for_s >= stall.every_s:
                    raise _wrong(part, "would stall without a pause: the second time must be the shorter one")
            case "die", [after]:
                die_after_s = _seconds(after, part)
            case _:
                raise _wrong(part, "has the wrong number of parts")
    return Faults(_expand(slow), _expand(tail), _expand(fail), stall, die_after_s)


def _wrong(part: str, problem: str) -> ValueError:
    return ValueError(f"Fault '{part}' {problem}; write for example {EXAMPLES[part.partition('=')[0]]}.")


def _put(faults: dict[str, _T], endpoint: str, fault: _T, part: str) -> None:
    if endpoint != EVERY_ENDPOINT and endpoint not in NAMES:
        raise _wrong(part, f"names the unknown endpoint '{endpoint}'{_did_you_mean(endpoint, NAMES)}")
    if endpoint in faults:
        raise _wrong(part, f"is the second of its kind for '{endpoint}', give one")
    faults[endpoint] = fault


def _expand(faults: dict[str, _T]) -> dict[str, _T]:
    named = {name: fault for name, fault in faults.items() if name != EVERY_ENDPOINT}
    if EVERY_ENDPOINT not in faults:
        return named
    return {**dict.fromkeys(MEASURED_NAMES, faults[EVERY_ENDPOINT]), **named}


def _quantity(text: str, part: str) -> tuple[float, str]:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise _wrong(part, f"has '{text}' where a number with its unit (%, ms or s) belongs")
    return float(found[1]), found[2]


def _delay(text: str, part: str) -> Delay:
    number, unit = _quantity(text, part)
    return Delay(ratio=number / 100) if unit == "%" else Delay(fixed_s=_in_seconds(number, unit))


def _share(text: str, part: str) -> float:
    number, unit = _quantity(text, part)
    if unit != "%" or not 0 < number <= 100:
        raise _wrong(part, f"has '{text}' where a share of the requests belongs, above 0 % and up to 100 %")
    return number / 100


def _seconds(text: str, part: str) -> float:
    number, unit = _quantity(text, part)
    if unit == "%" or number == 0:
        raise _wrong(part, f"has '{text}' where a time above 0 belongs, in s or ms")
    return _in_seconds(number, unit)


def _in_seconds(number: float, unit: str) -> float:
    return number / 1000 if unit == "ms" else number


def _did_you_mean(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
