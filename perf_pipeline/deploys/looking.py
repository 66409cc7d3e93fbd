"""Looks at all targets at the same time, within a time that nobody can stretch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol, TypeVar

from perf_pipeline.core.deploys import Observation, failed
from perf_pipeline.deploys.asking import NoAnswerError
from perf_pipeline.deploys.github import GithubDeployments
from perf_pipeline.deploys.prometheus import BuildInfo
from perf_pipeline.deploys.version import VersionEndpoint
from perf_pipeline.suite import Target

DEADLINE_S = 6.0  # of one look
# Of all looks together. They share one thread and run at once; more than DEADLINE_S is only ever taken by
# what cannot be interrupted, such as a resolver of names. Far below the 15 s that a tick may take.
ALL_DEADLINE_S = 9.0

# GitHub answers 60 questions an hour to somebody without a token, and a look asks two or more.
ANONYMOUS_EVERY = timedelta(minutes=4)

Key = TypeVar("Key")


class Source(Protocol):
    """Where the revisions of one target are seen."""

    async def look(self) -> Observation:
        """All revisions visible at this moment. Raises NoAnswerError; need not care for the time."""


def source_of(target: Target) -> Source | None:
    """None: there is nothing to look at, only markers tell of its deploys."""
    deploys = target.deploys
    if deploys is None:
        return None
    if deploys.version is not None:
        return VersionEndpoint(target, deploys.version)
    if deploys.prometheus is not None:
        return BuildInfo(deploys.prometheus)
    return GithubDeployments(deploys.github) if deploys.github is not None else None


def look_every(target: Target) -> timedelta:
    """The shortest time between two looks; zero: as often as one likes."""
    github = target.deploys.github if target.deploys is not None else None
    return ANONYMOUS_EVERY if github is not None and github.token_from_env is None else timedelta(0)


def look_at_all(sources: Mapping[Key, Source]) -> dict[Key, Observation]:
    """What each of them shows, or why it shows nothing; never raises, whatever they answer."""
    if not sources:
        return {}
    found: dict[Key, Observation] = {}

    async def one(key: Key, source: Source) -> None:
        found[key] = await _look(source)

    async def everyone() -> None:
        await asyncio.gather(*(one(key, source) for key, source in sources.items()))

    # A daemon: one that hangs keeps neither this tick nor the end of the process waiting.
    looking = threading.Thread(target=asyncio.run, args=(everyone(),), name="deploy-looks", daemon=True)
    looking.start()
    looking.join(ALL_DEADLINE_S)
    there = dict(found)
    return {key: there.get(key, failed(f"no answer within {ALL_DEADLINE_S:g} s")) for key in sources}


async def _look(source: Source) -> Observation:
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await source.look()
    except TimeoutError:
        return failed(f"no answer within {DEADLINE_S:g} s")
    except NoAnswerError as error:
        return failed(str(error))
    except Exception as error:  # one source that breaks must not hide what the others show
        reason = _first(error)
        if isinstance(reason, NoAnswerError):
            return failed(str(reason))
        return failed(f"internal error while looking ({type(reason).__name__})")


def _first(error: BaseException) -> BaseException:
    """Of several at once (an ExceptionGroup) the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
