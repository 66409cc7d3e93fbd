"""Cleans up after runs that died, where Dagster's daemon runs: at night nobody makes the next start.

The command line and every run do the same at their start.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from perf_pipeline.defs.lost import find_lost
from perf_pipeline.defs.owner import end_lost_runs
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.running_stack import RunningStack
from perf_pipeline.defs.telling import tell_outcome
from perf_pipeline.processes import end_orphans
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store

SENSOR = "housekeeping_sensor"
NOTICE = "run_died"
NOTHING = "no run has died"
LOOK_EVERY_S = 30


def housekeeping_sensor(project: Project, parts: Parts) -> SensorDefinition:
    """One for the code location."""

    @sensor(
        name=SENSOR,
        minimum_interval_seconds=LOOK_EVERY_S,
        default_status=DefaultSensorStatus.RUNNING,
        description="Ends the processes that runs left behind whose own process was killed, and gives those "
        "runs an end in the store and in Dagster.",
    )
    def tidy(context: SensorEvaluationContext) -> SkipReason:
        found = clean_up(
            project, context.instance, parts=parts, now=datetime.now(UTC), warn=context.log.warning
        )
        return SkipReason("; ".join(found) or NOTHING)

    return tidy


def clean_up(
    project: Project,
    instance: DagsterInstance,
    *,
    parts: Parts,
    now: datetime,
    warn: Callable[[str], object],
) -> list[str]:
    """Returns a sentence for each finding, which are also a notice in the store. Living runs are left alone.

    The processes first: they load the target and hold ports, and need no database to be ended. Raises
    StoreError.
    """
    found = end_orphans(project.home)
    try:
        with Store(project.store_url) as store:
            for run in find_lost(store, now):
                found.append(f"run {run.run_id} of {run.suite} on {run.target} ended: {run.sentence}")
                stack = RunningStack(parts.stack(project))
                tell_outcome(run, now, store=store, stack=stack, parts=parts, warn=warn)
            for failed in end_lost_runs(instance):
                found.append(f"Dagster's run {failed.run_id} was marked as failed: its process had died")
            if found:
                store.add_notice(NOTICE, "; ".join(found), now)
    except Exception:
        if found:
            warn("; ".join(found))  # its notice is lost with the store
        raise
    return found
