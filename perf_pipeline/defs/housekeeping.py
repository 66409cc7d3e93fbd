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

from perf_pipeline.defs.lost import NOTICE, find_lost
from perf_pipeline.defs.owner import end_lost_runs
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.running_stack import RunningStack
from perf_pipeline.defs.telling import tell_outcome
from perf_pipeline.processes import end_orphans
from perf_pipeline.project import Project
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store

SENSOR = "housekeeping_sensor"
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
        try:
            found = clean_up(
                project, context.instance, parts=parts, now=datetime.now(UTC), warn=context.log.warning
            )
        except StoreError as error:
            return SkipReason(f"runs that died are looked for at the next tick: {error}")
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
    """Returns a sentence for each finding; they are notices in the store, too. Living runs are left alone.

    The processes first: they load the target and hold ports, and need no database to be ended. Raises
    StoreError.
    """
    ended = end_orphans(project.home)
    try:
        with Store(project.store_url) as store:
            lost = find_lost(store, now)
            for run in lost:
                stack = RunningStack(parts.stack(project))
                tell_outcome(run, now, store=store, stack=stack, parts=parts, warn=warn)
            failed = [
                f"marked Dagster's run {one.run_id} as failed, whose process had died"
                for one in end_lost_runs(instance)
            ]
            if ended or failed:
                store.add_notice(NOTICE, "; ".join([*ended, *failed]), now)
    except Exception:
        for said in ended:
            warn(said)  # their notice is lost with the store
        raise
    return [
        *(f"run {run.run_id} of {run.suite} on {run.target}: {run.sentence}" for run in lost),
        *ended,
        *failed,
    ]
