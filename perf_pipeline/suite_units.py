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

from perf_pipeline import suite_quantities as quantities
from perf_pipeline.conventions import RESERVED_METRICS
from perf_pipeline.origins import DEFAULT_PORTS
from perf_pipeline.suite import MOST_RUNS

_SWITCHED = {"true": True, "false": False}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

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
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "*" in text:
        raise ValueError(f"'{text}' is not an origin; write for example https://staging.example.com")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    exact = f"{parts.scheme}://{host}"
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        exact += f":{port}"
    if text != exact:
        raise ValueError(f"'{text}' is more than an origin or not in its exact form; write {exact}")
    return text


def switch(text: str) -> bool:
    if text not in _SWITCHED:
        raise ValueError(f"'{text}' is neither true nor false")
    return _SWITCHED[text]


def control(text: str) -> bool | str:
    """Whether a control is loaded beside the target, or where there is one already."""
    if text in _SWITCHED:
        return _SWITCHED[text]
    if "://" not in text:
        raise ValueError(
            f"'{text}' is neither true nor false, nor the origin of a control that runs beside the target"
        )
    return origin(text)


def pointer(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"'{text}' is not a JSON pointer; write for example /version")
    return text


def name(text: str) -> str:
    """What can be a metric, a label value, a tag and part of an asset's name at once."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        raise ValueError(f"'{text}' is not a name; use small letters, digits and '_', starting with a letter")
    return text


def metric(text: str) -> str:
    """A k6 metric of one's own: neither k6 nor the pipeline may have it already, with another meaning."""
    if text in RESERVED_METRICS:
        raise ValueError(f"'{text}' is a metric that k6 or the pipeline makes itself; write another name")
    return name(text)


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


def runs(text: str) -> int:
    """How many runs of a revision may be loaded for one verdict."""
    number = quantities.whole_number(text)
    if not 1 <= number <= MOST_RUNS:
        raise ValueError(f"'{text}' is not between 1 (no run is confirmed) and {MOST_RUNS}")
    return number


def query(text: str) -> str:
    if not text:
        raise ValueError("is empty; write a text")
    return text


def label(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError(f"'{text}' is not a label of Prometheus; write for example revision")
    return text


def repository(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", text):
        raise ValueError(f"'{text}' is not a repository; write owner/name")
    return text


def owner(text: str) -> str:
    """What Dagster takes for one."""
    if not re.fullmatch(r"team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise ValueError(f"'{text}' is not an owner; write an e-mail address or for example team:backend")
    return text


WORDS = Kind(words, "what it is for")
LATENCY = Kind(quantities.milliseconds, "300ms")
PAUSE = Kind(quantities.seconds, "5s")
DURATION = Kind(quantities.load_seconds, "60s")
SHARE = Kind(quantities.share, "1%")
TOLERANCE = Kind(quantities.tolerance, "10%")
RATE = Kind(quantities.rate, "5/s")
PROFILE_RATE = Kind(quantities.profile_rate, "5/s")
COUNT = Kind(quantities.whole_number, "50")
WEIGHT = Kind(quantities.weight, "1")
METHOD = Kind(method, "GET")
PATH = Kind(path, "/api/v1/health/")
ORIGIN = Kind(origin, "https://staging.example.com")
CONTROL = Kind(control, "true")
POINTER = Kind(pointer, "/version")
SCRIPT = Kind(script, "scenario.js")
NAME = Kind(name, "join_room_latency")
METRIC = Kind(metric, "join_room_latency")
HEADER = Kind(header, "Authorization")
ENVIRONMENT_VARIABLE = Kind(environment_variable, "STAGING_TOKEN")
SWITCH = Kind(switch, "true")
QUERY = Kind(query, "shop_build_info")
LABEL = Kind(label, "revision")
REPOSITORY = Kind(repository, "acme/shop")
OWNER = Kind(owner, "team:backend")
AGE = Kind(quantities.age_seconds, "365d")
CRON = Kind(cron, "0 4 * * *")
TIMEZONE = Kind(timezone, "UTC")
RUNS = Kind(runs, "3")
