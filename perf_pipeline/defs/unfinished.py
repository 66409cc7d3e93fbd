"""Runs that are queued, wait in line or are under way: here in Dagster, and, by the shared store, elsewhere.

Who starts runs asks here what is in the way at this moment: schedules, deploys, confirmations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.storage.tags import PRIORITY_TAG

from perf_pipeline.defs.lost import has_died, longest
from perf_pipeline.defs.naming import (
    DAGSTER_TAG_PROFILE,
    DAGSTER_TAG_TARGET,
    FIRST_STEP,
    PRIORITY_PERSON,
    job_name,
    step_key,
)
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun
from perf_pipeline.suite import Suite

QUEUED = [DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED]
_UNFINISHED = [*QUEUED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


class Phase(StrEnum):
    """How far it has come, as the end of a sentence."""

    QUEUED = "is queued"
    WAITS = "waits for its turn"  # in its first step
    UNDER_WAY = "is under way"
    ENDING = "is being cancelled"


@dataclass(frozen=True)
class Unfinished:
    """A run that will measure, or measures at this moment."""

    run_id: str
    profile: str
    phase: Phase
    priority: int

    @property
    def sentence(self) -> str:
        return f"run {self.run_id} {self.phase.value}"

    def before(self, priority: int) -> str:
        """How it is in the way of a run of this priority, which would begin later; empty: it is not."""
        if self.phase in (Phase.UNDER_WAY, Phase.ENDING):
            return f"run {self.run_id} is under way"
        if self.priority < priority:
            return ""
        return f"run {self.run_id} {'is queued' if self.phase is Phase.QUEUED else 'waits'} before it"


def unfinished(
    instance: DagsterInstance, store: Store, suite: Suite, *, target: str, now: datetime
) -> list[Unfinished]:
    """Of one target of a suite, the oldest of each kind first. Raises StoreError."""
    limit = longest(suite.targets[target])
    of_target = (run for run in store.unfinished_runs() if (run.suite, run.target) == (suite.name, target))
    stored = alive(of_target, limit, now)
    known = {run.run_id for run in stored}
    of_suite = RunsFilter(job_name=job_name(suite.name), statuses=_UNFINISHED)
    return [
        *stored,
        *(
            Unfinished(run.run_id, profile, _phase(run), priority_of(run))
            for run in instance.get_runs(of_suite, ascending=True)
            for where, profile in [_measures(run, suite)]
            if where == target and (run.root_run_id or run.run_id) not in known
        ),
    ]


def alive(runs: Iterable[StoredRun], limit: timedelta, now: datetime) -> list[Unfinished]:
    """Unfinished runs of the store without those that have died; ``limit``: the longest that one may take."""
    return [
        Unfinished(run.run_id, run.profile, Phase.WAITS if run.waits else Phase.UNDER_WAY, run.priority)
        for run in runs
        if not has_died(run, limit, now)
    ]


def _phase(run: DagsterRun) -> Phase:
    if run.status is DagsterRunStatus.CANCELING:
        return Phase.ENDING
    return Phase.QUEUED if run.status in QUEUED else Phase.UNDER_WAY


def _measures(run: DagsterRun, suite: Suite) -> tuple[str, str]:
    """Target and profile: from its tags, else (queued, from the UI) from its config."""
    ops: Any = run.run_config.get("ops") or {}
    config = (ops.get(step_key(suite.name, FIRST_STEP)) or {}).get("config") or {}
    return (
        run.tags.get(DAGSTER_TAG_TARGET) or config.get("target") or suite.default_target,
        run.tags.get(DAGSTER_TAG_PROFILE) or config.get("profile") or suite.default_profile,
    )


def priority_of(run: DagsterRun) -> int:
    """As Dagster's queue reads it: the higher begins first."""
    try:
        return int(run.tags.get(PRIORITY_TAG, PRIORITY_PERSON))
    except ValueError:
        return PRIORITY_PERSON
