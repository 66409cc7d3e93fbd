"""Runs that are queued or under way: here in Dagster, and, by the store that hosts share, elsewhere."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from perf_pipeline.defs.naming import (
    DAGSTER_TAG_PROFILE,
    DAGSTER_TAG_SUITE,
    DAGSTER_TAG_TARGET,
    FIRST_STEP,
    step_key,
)
from perf_pipeline.processes import is_alive
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun
from perf_pipeline.suite import Suite

_WAITING = [DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED]
_AT_IT = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]  # not one that is being cancelled
_RUNS_READ = 50  # the newest of the store: one that is under way is among them


@dataclass(frozen=True)
class Unfinished:
    """A run that will measure, or measures at this moment."""

    run_id: str
    queued: bool  # it has not begun

    @property
    def sentence(self) -> str:
        return f"run {self.run_id} {'is queued' if self.queued else 'is under way'}"


def unfinished(
    instance: DagsterInstance, store: Store, suite: Suite, *, target: str, profile: str
) -> Unfinished | None:
    """The oldest unfinished run of this suite, target and profile; None: there is none. Raises StoreError."""
    of_suite = RunsFilter(statuses=[*_WAITING, *_AT_IT], tags={DAGSTER_TAG_SUITE: suite.name})
    for run in instance.get_runs(of_suite, ascending=True):
        if _measures(run, suite) == (target, profile):
            return Unfinished(run.run_id, queued=run.status in _WAITING)
    of_target = store.list_runs(suite=suite.name, target=target, profile=profile, limit=_RUNS_READ)
    for stored in reversed(of_target):
        if stored.outcome is None and not _has_died(stored):
            return Unfinished(stored.run_id, queued=bool(stored.waits))
    return None


def _has_died(run: StoredRun) -> bool:
    """Whoever starts the next run marks it as lost. Of one on another host nothing is known here."""
    return run.host == socket.gethostname() and not is_alive(run.owner_pid, run.owner_started)


def _measures(run: DagsterRun, suite: Suite) -> tuple[str, str]:
    """Target and profile: from its tags, else (queued, from the UI) from its config."""
    ops: Any = run.run_config.get("ops") or {}
    config = (ops.get(step_key(suite.name, FIRST_STEP)) or {}).get("config") or {}
    return (
        run.tags.get(DAGSTER_TAG_TARGET) or config.get("target") or suite.default_target,
        run.tags.get(DAGSTER_TAG_PROFILE) or config.get("profile") or suite.default_profile,
    )
