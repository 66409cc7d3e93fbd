"""What a single value of the suite file may look like: text in, a value without unit out.

Every parser raises ``ValueError`` with the end of a sentence that starts with the value's place, such as
``300 has no unit; write 300ms``. Nothing is guessed: a bare number is an error, because 300 may be
milliseconds to one reader and seconds to the next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Generic, TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError

SHORTEST_LOAD_S = 1.0

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_DEFAULT_PORTS = {"http": 80, "https": 443}

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A parser, and an example that goes into the advice when the value is missing."""

    parse: Callable[[str], T]
    example: str

    @property
    def placeholder(self) -> T:
        """Stands for a value that could not be read; never leaves the reader, which raises in the end."""
        return self.parse(self.example)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``; did you mean 'x'?``, or the list of what there is when nothing is close."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; there is {', '.join(known)}" if known else ""


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
        raise ValueError(f"{text} must be above zero")
    return number, unit


def seconds(text: str) -> float:
    number, unit = _quantity(text, tuple(_SECONDS), "s")
    return number * _SECONDS[unit]


def load_seconds(text: str) -> float:
    """How long load lasts."""
    duration_s = seconds(text)
    if duration_s < SHORTEST_LOAD_S:
        raise ValueError(f"{text} is too short; k6 takes {SHORTEST_LOAD_S:g}s or more")
    return duration_s


def milliseconds(text: str) -> float:
    number, unit = _quantity(text, ("ms", "s"), "ms")
    return number * 1000 if unit == "s" else number


def share(text: str) -> float:
    """``1%`` -> 0.01, above 0 and at most 100 %."""
    number, _ = _quantity(text, ("%",), "%")
    if number > 100:
        raise ValueError(f"{text} is more than 100%")
    return number / 100


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
    if int(text) <= 0:
        raise ValueError(f"{text} must be above zero")
    return int(text)


def weight(text: str) -> float:
    """Calls per iteration: a bare number, 0 allowed here (the reader explains why 0 makes no sense)."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a number of calls per iteration; write for example 1 or 0.5")
    if float(text) < 0:
        raise ValueError(f"{text} must not be negative")
    return float(text)


def one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"'{text}' is unknown{did_you_mean(text, words)}")
        return text

    return parse


def method(text: str) -> str:
    if text not in _METHODS:
        raise ValueError(f"'{text}' is not a method; write one of {', '.join(_METHODS)}")
    return text


def path(text: str) -> str:
    """A path on the target, with ``{placeholders}`` that the scenario fills and a fixed query if need be."""
    if "://" in text:
        raise ValueError(f"'{text}' names a host; write the path alone, the target says where it is")
    if not text.startswith("/") or text.startswith("//"):
        raise ValueError(f"'{text}' must start with one '/'")
    if re.search(r"\s", text):
        raise ValueError(f"'{text}' contains a space; write %20")
    if "#" in text:
        raise ValueError(f"'{text}' has a fragment, which is never sent; leave out everything from '#'")
    if re.search(r"[{}]", re.sub(r"\{[a-z][a-z0-9_]*\}", "", text)):
        raise ValueError(f"'{text}' has a broken placeholder; write for example {{room_code}}")
    return text


def origin(text: str) -> str:
    """Scheme, host and port, spelt the one way in which origins are compared."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(
            f"'{text}' is not an origin; write for example https://staging.example.com"
        ) from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "*" in text:
        raise ValueError(f"'{text}' is not an origin; write for example https://staging.example.com")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    exact = f"{parts.scheme}://{host}"
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        exact += f":{port}"
    if text != exact:
        raise ValueError(f"'{text}' is more than an origin or not in its exact form; write {exact}")
    return text


def pointer(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"'{text}' is not a JSON pointer; write for example /version")
    return text


def name(text: str) -> str:
    """What can be a metric, a label value, a tag and part of an asset's name at once."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        raise ValueError(f"'{text}' is not a name; use small letters, digits and '_', starting with a letter")
    return text


def header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ValueError(f"'{text}' is not the name of a header; write for example Authorization")
    return text


def environment_variable(text: str) -> str:
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", text):
        raise ValueError(
            f"'{text}' is not the name of an environment variable; the value itself never goes here"
        )
    return text


def script(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.js", text):
        raise ValueError(f"'{text}' is not a script in the suite's folder; write for example scenario.js")
    return text


def cron(text: str) -> str:
    """The five fields that every scheduler reads alike: no seconds, no ``@daily``, no ``L`` and no ``#``."""
    advice = "write minute, hour, day, month and weekday, for example 0 4 * * *"
    if len(text.split()) != 5 or re.search(r"[^\d*,/A-Za-z\s-]|(?<![A-Za-z])[A-Za-z]{1,2}(?![A-Za-z])", text):
        raise ValueError(f"'{text}' is not a schedule; {advice}")
    try:
        next(CronSim(text, datetime(2027, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        reason = str(error)
        raise ValueError(f"'{text}' is not a schedule: {reason[0].lower()}{reason[1:]}; {advice}") from None
    except StopIteration:
        raise ValueError(f"'{text}' never comes; {advice}") from None
    return " ".join(text.split())


def timezone(text: str) -> str:
    if text in available_timezones():
        return text
    close = get_close_matches(text, sorted(available_timezones()), n=1)
    advice = f"did you mean '{close[0]}'?" if close else "write for example Europe/Berlin"
    raise ValueError(f"'{text}' is not a time zone; {advice}")


def words(text: str) -> str:
    return text


WORDS = Kind(words, "what it is for")
LATENCY = Kind(milliseconds, "300ms")
PAUSE = Kind(seconds, "5s")
DURATION = Kind(load_seconds, "60s")
SHARE = Kind(share, "1%")
RATE = Kind(rate, "5/s")
PROFILE_RATE = Kind(profile_rate, "5/s")
COUNT = Kind(whole_number, "50")
WEIGHT = Kind(weight, "1")
METHOD = Kind(method, "GET")
PATH = Kind(path, "/api/v1/health/")
ORIGIN = Kind(origin, "https://staging.example.com")
POINTER = Kind(pointer, "/version")
SCRIPT = Kind(script, "scenario.js")
NAME = Kind(name, "join_room_latency")
HEADER = Kind(header, "Authorization")
ENVIRONMENT_VARIABLE = Kind(environment_variable, "STAGING_TOKEN")
CRON = Kind(cron, "0 4 * * *")
TIMEZONE = Kind(timezone, "UTC")
