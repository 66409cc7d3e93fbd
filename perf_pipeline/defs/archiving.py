"""Archives ended runs and prunes old archives, where Dagster's daemon runs.

The work is done in a thread beside the tick: an upload may take longer than a tick may. It stops between two
files when a benchmark begins on this machine. What fails is told once and tried again, less and less often.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass
from datetime import UTC, date, datetime

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from pydantic import ValidationError

from perf_pipeline.archive.errors import ArchiveError, OccupiedError
from perf_pipeline.archive.place import place_of
from perf_pipeline.archive.pruning import Pruned, prune
from perf_pipeline.archive.sweeping import Here, Swept, sweep
from perf_pipeline.core.backoff import pause_after
from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.wording import count, listing
from perf_pipeline.project import Project
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import ArchivePolicy, Suite

SENSOR = "archive_sensor"
LOOK_EVERY_S = 60
WAIT_S = 10.0  # a tick takes little more than that at most
NOTHING = "no run waits to be archived"
FAILED, RECOVERED, OTHER_STORE = "archive_failed", "archive_recovered", "archive_of_another_store"
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Memory(Frozen):
    """The sensor's cursor."""

    failures: int = 0  # in a row
    not_before: datetime | None = None  # after a failure
    why: str = ""
    told: bool = False  # that it fails: a notice says so
    told_other: bool = False  # that the archive is of another store
    pruned_on: date | None = None

    @classmethod
    def of(cls, cursor: str | None) -> Memory:
        try:
            return cls.model_validate_json(cursor or "{}")
        except ValidationError:  # of another version
            return cls()


@dataclass(frozen=True)
class Worked:
    """What one look at the archives did. ``failure``: why it could not, in one sentence."""

    swept: Swept
    pruned: Pruned | None = None
    failure: str = ""


class Worker:
    """One look at the archives at a time, whatever the ticks do meanwhile."""

    def __init__(
        self, project: Project, policies: Mapping[str, ArchivePolicy], clock: Callable[[], datetime]
    ) -> None:
        self._project, self._policies, self._clock = project, policies, clock
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archiving")
        self._begun: tuple[datetime, Future[Worked]] | None = None

    def look(self, instance: DagsterInstance, *, with_pruning: bool) -> Worked | str:
        """What was done, or a sentence while it is still being done."""
        if self._begun is None:
            at_work = _at_work(instance)
            self._begun = (
                self._clock(),
                self._threads.submit(lambda: self._work(at_work, with_pruning=with_pruning)),
            )
        since, future = self._begun
        try:
            worked = future.result(WAIT_S)
        except StillRunning:
            return f"still at it, since {since:%H:%M:%S} UTC"
        except BaseException:
            self._begun = None
            raise
        self._begun = None
        return worked

    def _work(self, at_work: frozenset[str], *, with_pruning: bool) -> Worked:
        """Pruning is tried whatever archiving says: on a full disk it is what helps."""
        swept, pruned = Swept(), None
        failures: list[str] = []
        try:
            place = place_of(self._project)
            with Store(self._project.store_url) as store:
                here = Here(host=socket.gethostname(), at_work=at_work)
                try:
                    swept = sweep(place, store, self._project, here, clock=self._clock, keep_going=_calm)
                    failures += swept.failed.values()
                except OccupiedError:
                    raise
                except (ArchiveError, StoreError) as error:
                    failures.append(str(error))
                if with_pruning and _calm():
                    pruned = prune(
                        place, store, self._project, self._policies, self._clock(), keep_going=_calm
                    )
        except OccupiedError as error:
            swept.stopped = str(error)
        except (ArchiveError, StoreError) as error:
            failures.append(str(error))
        return Worked(swept, pruned, next(iter(failures), ""))


def archive_sensor(
    suites: Sequence[Suite], project: Project, *, clock: Callable[[], datetime] = _utc_now
) -> SensorDefinition:
    """One for the code location."""
    worker = Worker(project, {suite.name: suite.archive for suite in suites}, clock)

    @sensor(
        name=SENSOR,
        minimum_interval_seconds=LOOK_EVERY_S,
        default_status=DefaultSensorStatus.RUNNING,
        description="Archives runs that have ended, however they ended, while no benchmark is under way on "
        "this machine; once a day it removes archives that the suites' policies keep no longer.",
    )
    def archive(context: SensorEvaluationContext) -> SkipReason:
        memory, now = Memory.of(context.cursor), clock()
        if memory.not_before is not None and now < memory.not_before:
            return SkipReason(f"{memory.why} It is tried again at {memory.not_before:%H:%M:%S} UTC.")
        busy = HostLock().busy()
        if busy:
            return SkipReason(f"archiving would disturb the measurement: {busy}")
        worked = worker.look(context.instance, with_pruning=memory.pruned_on != now.date())
        if isinstance(worked, str):
            return SkipReason(worked)
        after = _told(project, _remember(memory, worked, now), worked, now, failures_before=memory.failures)
        context.update_cursor(after.model_dump_json())
        return SkipReason(_said(worked) or NOTHING)

    return archive


def _remember(before: Memory, worked: Worked, now: datetime) -> Memory:
    pruned_on = now.date() if worked.pruned is not None else before.pruned_on
    if not worked.failure:
        return Memory(pruned_on=pruned_on, told=before.told, told_other=before.told_other)
    failures = before.failures + 1
    news = {"failures": failures, "not_before": now + pause_after(failures), "why": worked.failure}
    return before.model_copy(update={**news, "pruned_on": pruned_on})


def _told(project: Project, memory: Memory, worked: Worked, now: datetime, *, failures_before: int) -> Memory:
    """Once when it begins to fail, and once when it works again; later, where the store is what fails."""
    news: list[tuple[str, str]] = []
    if bool(memory.failures) != memory.told:
        again = f"runs are archived again, after {count(failures_before, 'failure')}"
        news.append((FAILED, memory.why) if memory.failures else (RECOVERED, again))
    if worked.swept.other_store and not memory.told_other:
        news.append((OTHER_STORE, worked.swept.other_store))
    if not news:
        return memory
    try:
        with Store(project.store_url) as store:
            for kind, sentence in news:
                store.add_notice(kind, sentence, now)
    except StoreError:
        return memory
    told_other = memory.told_other or bool(worked.swept.other_store)
    return memory.model_copy(update={"told": bool(memory.failures), "told_other": told_other})


def _said(worked: Worked) -> str:
    said = []
    if worked.swept.archived:
        said.append(f"archived {listing([one.run_id for one in worked.swept.archived])}")
    said += [f"run {run_id} waits: {why}" for run_id, why in worked.swept.waiting.items()]
    if worked.pruned and worked.pruned.runs:
        names = listing([f"{one.run_id} ({one.why})" for one in worked.pruned.runs])
        said.append(f"pruned {count(len(worked.pruned.runs), 'archive')}: {names}")
    rest = [worked.failure or worked.swept.stopped, worked.swept.other_store]
    return "; ".join([*said, *filter(None, rest)])


def _at_work(instance: DagsterInstance) -> frozenset[str]:
    """Benchmarks on which a Dagster run still works, or soon will: also re-executions of them."""
    runs = instance.get_runs(RunsFilter(statuses=_UNFINISHED))
    return frozenset(run.root_run_id or run.run_id for run in runs)


def _calm() -> bool:
    return HostLock().busy() is None
