"""The target before the load: is it allowed, is it healthy, and what does it say of itself?

Every request follows no redirect, reads a bounded answer and has a deadline: a target must not be able to
send us elsewhere or keep us waiting.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from perf_pipeline.origins import origin
from perf_pipeline.stack.base import NotReady
from perf_pipeline.suite import JsonPlace, Target

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
ANSWER_DEADLINE_S = 10.0  # for the whole answer: a server may not drip byte after byte
MAX_ANSWER_BYTES = 64 * 1024
UNKNOWN_VOLUME = "unknown"
SAME_CLOCK_S = 1.0  # a Date header has a resolution of one second


# ------------------------------------------------------------------ the allow-list


def check_allowed(base_url: str, allowed_origins: tuple[str, ...]) -> None:
    """Raises NotReady unless exactly this origin is on the suite's allow-list."""
    try:
        wanted = origin(base_url)
        allowed = {origin(one) for one in allowed_origins}
    except ValueError as error:
        raise NotReady("target_not_allowed", f"{error}") from None
    if wanted not in allowed:
        listed = ", ".join(sorted(allowed)) or "empty"
        raise NotReady(
            "target_not_allowed",
            f"{wanted} is not on the suite's allow-list ({listed}): nothing is sent to it; "
            "add it to allowed_origins if it is yours to load",
        )


# ------------------------------------------------------------------ asking the target


@dataclass(frozen=True)
class Answer:
    """A JSON answer; ``clock_skew_s`` is the target's clock minus ours, None without a Date header."""

    value: Any
    clock_skew_s: float | None


def secret_headers(target: Target, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Request headers whose values are in the environment. Raises NotReady that names a missing variable."""
    missing = target.missing_secrets(environ)
    if missing:
        raise NotReady(
            "secret_missing",
            f"target {target.name} takes request headers from the environment, "
            f"and {', '.join(missing)} is not set",
        )
    return {header: environ[name] for header, name in target.headers_from_env.items()}


def probe_health(base_url: str, target: Target) -> Answer:
    """GET the health path. Raises NotReady ``target_unhealthy`` unless the answer is 200 with JSON."""
    return _get(base_url, target.health_path, target)


def read_revision(base_url: str, target: Target) -> str | None:
    """What the target says it runs; None when the suite does not say where to look. Raises NotReady."""
    return None if target.revision is None else _read(base_url, target, target.revision)


def read_data_volume(base_url: str, target: Target) -> str:
    """What the target says it holds, or ``unknown``. Raises NotReady."""
    return UNKNOWN_VOLUME if target.data_volume is None else _read(base_url, target, target.data_volume)


def resolve_pointer(value: Any, pointer: str) -> Any:
    """RFC 6901: ``/data/0/version`` in parsed JSON. Raises LookupError when there is nothing."""
    for token in pointer.split("/")[1:] if pointer else []:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and key.isascii() and key.isdigit():
            value = value[int(key)]
        elif isinstance(value, dict):
            value = value[key]
        else:
            raise LookupError(pointer)
    return value


def _read(base_url: str, target: Target, place: JsonPlace) -> str:
    answer = _get(base_url, place.path, target)
    try:
        found = resolve_pointer(answer.value, place.pointer)
    except LookupError:
        found = None
    if not isinstance(found, str | int | float) or found == "":
        raise NotReady(
            "target_unhealthy",
            f"target {target.name} answers {place.path} without a value at {place.pointer}: "
            "correct the place in the suite file",
        )
    return str(found)


def _get(base_url: str, path: str, target: Target) -> Answer:
    url = base_url.rstrip("/") + path
    asked = time.time()
    deadline = time.monotonic() + ANSWER_DEADLINE_S
    body = bytearray()
    try:
        # trust_env off: a proxy of the environment would answer in the target's place.
        with (
            httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url, headers=secret_headers(target)) as response,
        ):
            answered = time.time()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise _unhealthy(target, url, f"sends more than {MAX_ANSWER_BYTES // 1024} KB")
                if time.monotonic() > deadline:
                    raise _unhealthy(target, url, f"takes more than {ANSWER_DEADLINE_S:.0f} s")
    except httpx.ConnectError as error:
        raise _unhealthy(target, url, f"cannot be reached ({error})") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unhealthy(target, url, f"gives no answer ({type(error).__name__})") from None
    if response.is_redirect:
        raise _unhealthy(target, url, "redirects elsewhere, which is never followed")
    if response.status_code != httpx.codes.OK:
        raise _unhealthy(target, url, f"answers {response.status_code} instead of 200")
    try:
        value = json.loads(bytes(body))
    except ValueError:
        raise _unhealthy(target, url, "answers something that is not JSON") from None
    return Answer(value, _skew(response.headers.get("date"), (asked + answered) / 2))


def _unhealthy(target: Target, url: str, what: str) -> NotReady:
    return NotReady("target_unhealthy", f"target {target.name} is not healthy: {url} {what}")


def _skew(date: str | None, now: float) -> float | None:
    """Seconds by which the header is ahead of ``now`` (Unix seconds), 0 within the header's resolution."""
    try:
        theirs = parsedate_to_datetime(date) if date else None
    except ValueError:
        theirs = None
    if theirs is None:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    skew = theirs.timestamp() + 0.5 - now
    return 0.0 if abs(skew) < SAME_CLOCK_S else round(skew, 1)
