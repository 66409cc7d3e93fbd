"""One question over HTTP whose answer may be anything: bounded in size and time, no redirect followed.

The time is bounded by whoever asks (``looking``): httpx bounds each read, not a server that drips.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from perf_pipeline.core.deploys import flaw_in_revision

MAX_ANSWER_BYTES = 64 * 1024
PHASE_S = 10.0  # between two pieces of an answer; the bound of the whole is shorter
# Each question on a connection of its own: behind a balancer that is how other replicas are met.
_FRESH = httpx.Limits(max_keepalive_connections=0)


class NoAnswerError(Exception):
    """Nothing can be said; the text is a phrase that begins with the address."""


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """For all questions of one look."""
    # trust_env off: a proxy of the environment would answer in the other's place.
    async with httpx.AsyncClient(
        timeout=PHASE_S, follow_redirects=False, trust_env=False, limits=_FRESH
    ) as opened:
        yield opened


async def get_json(
    asked: httpx.AsyncClient,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> Any:
    """Parsed JSON of an answer 200. Raises NoAnswerError; no header is ever part of its text."""
    plain = {"accept": "application/json", "accept-encoding": "identity", **(headers or {})}
    body = bytearray()
    try:
        async with asked.stream("GET", url, headers=plain, params=params) as response:
            if response.is_redirect:
                raise NoAnswerError(f"{url} redirects elsewhere, which is never followed")
            if response.status_code != httpx.codes.OK:
                raise NoAnswerError(f"{url} answers {response.status_code} instead of 200")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise NoAnswerError(f"{url} sends more than {MAX_ANSWER_BYTES // 1024} kB")
    except httpx.ConnectError:
        raise NoAnswerError(f"{url} cannot be reached") from None
    except (
        httpx.HTTPError,
        httpx.InvalidURL,
        ValueError,
    ) as error:  # ValueError: a header that cannot be one
        raise NoAnswerError(f"{url} gives no answer ({type(error).__name__})") from None
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise NoAnswerError(f"{url} answers something that is not JSON") from None


def revision_text(value: Any, where: str) -> str:
    """What is to be a revision, as text. Raises NoAnswerError, whose text begins with ``where``."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NoAnswerError(f"{where} is no text and no number")
    text = str(value).strip()
    flaw = flaw_in_revision(text)
    if flaw:
        raise NoAnswerError(f"{where} {flaw.partition(';')[0]}")
    return text
