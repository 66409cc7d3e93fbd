"""When a deploy counts: what is seen of a target, look after look. Pure: the time is an argument.

A deploy counts when one revision that is not the known one was the only one visible in two looks in a row
and for the settle time. A mixture (several replicas, a roll-out) starts that anew. Going back to an earlier
revision is a deploy like any other. What was seen alone and vanished before it settled is told, so that it
can be recorded; a source that fails changes nothing, however long it fails.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.model import Deploy
from perf_pipeline.core.wording import count

LOOKS_IN_A_ROW = 2
SOURCE_FAILING, SOURCE_RECOVERED = "deploy_source_failing", "deploy_source_recovered"  # kinds of notices
LONGEST_REVISION = 200  # characters
WARN_AFTER = timedelta(minutes=15)  # so long a source may fail before a person is told, once

MARKER = "marker"
_SOURCES = {MARKER: MARKER, "version": "version endpoint", "prometheus": "Prometheus", "github": "GitHub"}


@dataclass(frozen=True)
class Observation:
    """What one look at a source gave: all revisions visible at once, or why nothing can be said."""

    revisions: frozenset[str] = frozenset()
    failure: str = ""  # a phrase; empty: there is at least one revision


def failed(why: str) -> Observation:
    return Observation(failure=why)


class Sight(Frozen):
    """A revision that is visible and not the known one."""

    at: datetime  # first seen, among others or alone
    alone: bool  # it was the only one at least once


class Watch(Frozen):
    """What is remembered of a target from one look to the next."""

    place: str | None = None  # where it was looked; None: nowhere yet
    known: str | None = None  # of the last deploy, or what ran when the first look came
    sights: dict[str, Sight] = Field(default_factory=dict)
    alone: str | None = None  # the only visible revision, if it is not the known one
    alone_since: datetime | None = None
    looks: int = 0  # in a row, in which it was alone
    failing_since: datetime | None = None
    failures: int = 0  # in a row
    warned: bool = False  # a person was told that the source fails

    def at_place(self, place: str) -> Watch:
        """What is remembered of this place: of another one, which may spell revisions otherwise, nothing."""
        return self if self.place == place else Watch(place=place)


@dataclass(frozen=True)
class Started:
    """The first look at a target: where it starts from, not a deploy."""

    revision: str


@dataclass(frozen=True)
class Deployed:
    """A deploy that counts."""

    revision: str
    seen_at: datetime


@dataclass(frozen=True)
class Vanished:
    """A revision that was the only one for a while and went before it had settled."""

    revision: str
    seen_at: datetime


@dataclass(frozen=True)
class Failing:
    """The source has failed for so long that a person should know; told once."""

    why: str
    since: datetime
    failures: int


@dataclass(frozen=True)
class Recovered:
    """It answers again, after a person was told that it fails."""

    since: datetime
    failures: int


Event = Started | Deployed | Vanished | Failing | Recovered


def observe(
    watch: Watch, observation: Observation, now: datetime, settle_s: float
) -> tuple[Watch, list[Event]]:
    """What is remembered after one look, and what it told."""
    if observation.failure:
        return _after_failure(watch, observation.failure, now)
    watch, events = _after_answer(watch)
    seen = observation.revisions
    only = next(iter(seen)) if len(seen) == 1 else None
    if watch.known is None:
        if only is None:
            return watch, events  # a roll-out: whatever comes out of it is where the target starts from
        return watch.model_copy(update={"known": only}), [*events, Started(only)]
    events += [
        Vanished(revision, sight.at)
        for revision, sight in watch.sights.items()
        if sight.alone and revision not in seen
    ]
    watch = _with_sights(watch, seen, only, now)
    if _has_settled(watch, now, settle_s) and watch.alone is not None:
        events.append(Deployed(watch.alone, watch.sights[watch.alone].at))
        watch = Watch(place=watch.place, known=watch.alone)
    return watch, events


def _with_sights(watch: Watch, seen: Iterable[str], only: str | None, now: datetime) -> Watch:
    sights = {}
    for revision in sorted(seen):
        if revision != watch.known:
            before = watch.sights.get(revision, Sight(at=now, alone=False))
            sights[revision] = Sight(at=before.at, alone=before.alone or revision == only)
    alone = only if only in sights else None
    again = alone is not None and alone == watch.alone
    return watch.model_copy(
        update={
            "sights": sights,
            "alone": alone,
            "alone_since": watch.alone_since if again else now if alone else None,
            "looks": watch.looks + 1 if again else 1 if alone else 0,
        }
    )


def _has_settled(watch: Watch, now: datetime, settle_s: float) -> bool:
    if watch.alone_since is None or watch.looks < LOOKS_IN_A_ROW:
        return False
    return now - watch.alone_since >= timedelta(seconds=settle_s)


def _after_failure(watch: Watch, why: str, now: datetime) -> tuple[Watch, list[Event]]:
    since, failures = watch.failing_since or now, watch.failures + 1
    tell = not watch.warned and now - since >= WARN_AFTER
    watch = watch.model_copy(
        update={"failing_since": since, "failures": failures, "warned": watch.warned or tell}
    )
    return watch, [Failing(why, since, failures)] if tell else []


def _after_answer(watch: Watch) -> tuple[Watch, list[Event]]:
    if watch.failing_since is None:
        return watch, []
    events: list[Event] = [Recovered(watch.failing_since, watch.failures)] if watch.warned else []
    return watch.model_copy(update={"failing_since": None, "failures": 0, "warned": False}), events


# ------------------------------------------------------------------ which runs measured it


@dataclass(frozen=True)
class MayHaveMeasured:
    """Runs of this revision that began after ``since`` (None: at any time)."""

    revision: str
    since: datetime | None


def may_have_measured(deploy: Deploy, standing: Iterable[Deploy]) -> MayHaveMeasured:
    """The runs that may have measured this very deploy, and so are no baseline for its run.

    It may have been there before anybody said so: since another revision was deployed last, of all deploys
    that are not coalesced. Runs of an earlier deploy of the same revision (A, B, A) are older than that.
    """
    others = [
        one.seen_at for one in standing if one.number < deploy.number and one.revision != deploy.revision
    ]
    return MayHaveMeasured(deploy.revision, max(others, default=None))


# ------------------------------------------------------------------ in words


def flaw_in_revision(text: str) -> str:
    """Why a text is no revision, as the end of a sentence; empty: it is one."""
    if not text.strip():
        return "is empty; give a version or a commit"
    if len(text) > LONGEST_REVISION:
        return f"is longer than {LONGEST_REVISION} characters; give a version or a commit"
    return "" if text.isprintable() else "has control characters; give a version or a commit"


def said_of(watch: Watch, observation: Observation, settle_s: float) -> str:
    """One look in a phrase, for the tick; ``watch``: as it is after that look."""
    if observation.failure:
        times = f"{watch.failures} times in a row" if watch.failures > 1 else "once"
        return f"not known what it runs: {observation.failure} ({times})"
    if watch.alone is not None and watch.alone_since is not None:
        until = watch.alone_since + timedelta(seconds=settle_s)
        return f"{watch.alone} is new and settles until {until:%H:%M:%S} UTC ({count(watch.looks, 'look')})"
    if len(observation.revisions) > 1:
        return f"several revisions at once: {', '.join(sorted(observation.revisions))}"
    return f"runs {', '.join(observation.revisions)}, as before"


def notice_of(event: Failing | Recovered, suite: str, target: str) -> tuple[str, str]:
    """Kind and sentence of what a person is told about a source."""
    since, times = f"since {event.since:%Y-%m-%d %H:%M} UTC", f"({event.failures} times in a row)"
    if isinstance(event, Failing):
        return SOURCE_FAILING, f"no deploy of {suite} on {target} can be seen {since}: {event.why} {times}"
    return SOURCE_RECOVERED, f"deploys of {suite} on {target} can be seen again; none could {since} {times}"


def again_command(suite: str, target: str, revision: str) -> str:
    """What has a revision measured that was deployed before."""
    words = ["perf-pipeline", "deploy", suite, "--target", target, "--revision", revision, "--again"]
    return shlex.join(words)


def deploy_words(number: int, revision: str, previous: str | None, source: str) -> str:
    """``deploy 7 (version endpoint): 1.4.0 -> 1.5.0``."""
    change = f"{previous} -> {revision}" if previous else revision
    return f"deploy {number} ({_SOURCES.get(source, source)}): {change}"
