"""The schedules of the suite files: runs that start when they are due.

After downtime Dagster evaluates the newest due time of a schedule and no earlier one, whatever is written in
dagster.yaml (its `max_catchup_runs` is for partitioned schedules only): one run catches up, however many were
missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from dagster import (
    DefaultScheduleStatus,
    RunConfig,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import PRIORITY_TAG

from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.defs.naming import (
    DAGSTER_TAG_DUE,
    DAGSTER_TAG_LAUNCHED_BY,
    DAGSTER_TAG_PROFILE,
    DAGSTER_TAG_SUITE,
    DAGSTER_TAG_TARGET,
    FIRST_STEP,
    PRIORITY_SCHEDULE,
    job_name,
    schedule_name,
    step_key,
)
from perf_pipeline.defs.unfinished import Phase, unfinished
from perf_pipeline.project import Project
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import Schedule, Suite

LATE_AFTER = timedelta(minutes=5)  # the daemon looks every minute


def schedule_definitions(
    suites: Sequence[Suite], jobs: Mapping[str, UnresolvedAssetJobDefinition], project: Project
) -> list[ScheduleDefinition]:
    """One for each schedule of each target of each suite. ``jobs``: suite -> its job."""
    return [
        _definition(suite, target.name, schedule, jobs[suite.name], project)
        for suite in suites
        for target in suite.targets.values()
        for schedule in target.schedules
    ]


def _definition(
    suite: Suite, target: str, schedule: Schedule, job: UnresolvedAssetJobDefinition, project: Project
) -> ScheduleDefinition:
    def evaluate(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
        now = datetime.now(UTC)
        try:
            with Store(project.store_url) as store:
                paused = store.paused(suite=suite.name, target=target)
                found = unfinished(context.instance, store, suite, target=target, now=now)
            will_measure = (
                run for run in found if run.profile == schedule.profile and run.phase is not Phase.ENDING
            )
            other = next(will_measure, None)
        except StoreError as error:
            # A tick is not asked again. The run's first step looks once more, waits, and obeys the pause.
            context.log.warning(f"The run starts without a look at the store: {error}")
            paused = other = None
        if paused is not None:
            return SkipReason(paused)
        if other is not None:
            return SkipReason(
                f"{other.sentence}: it measures {schedule.profile} of {suite.name} on {target} already"
            )
        return _request(suite, target, schedule, due=context.scheduled_execution_time, now=now)

    state = "" if schedule.enabled else " Off until it is switched on here, or in the suite file."
    return ScheduleDefinition(
        name=schedule_name(suite.name, target, schedule.name),
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        job=job,
        execution_fn=evaluate,
        tags=_tags(suite.name, target, schedule),
        default_status=DefaultScheduleStatus.RUNNING if schedule.enabled else DefaultScheduleStatus.STOPPED,
        description=f"Profile {schedule.profile} of {suite.name} on {target}, by the suite file.{state} "
        "Skipped while paused or while such a run is queued or under way; one run catches up after downtime.",
    )


def _request(suite: Suite, target: str, schedule: Schedule, *, due: datetime, now: datetime) -> RunRequest:
    config = BenchmarkConfig(
        target=target, profile=schedule.profile, note=note_of(schedule, due=due, now=now)
    )
    due_at = due.astimezone(UTC).isoformat()
    return RunRequest(
        run_key=due_at,  # one run for each time it is due, whatever happens
        job_name=job_name(suite.name),
        run_config=RunConfig(ops={step_key(suite.name, FIRST_STEP): config}),
        tags={
            **_tags(suite.name, target, schedule),
            DAGSTER_TAG_DUE: due_at,  # its first step asks what was measured since
            DAGSTER_TAG_LAUNCHED_BY: f"schedule {schedule.name}",
            PRIORITY_TAG: str(PRIORITY_SCHEDULE),
        },
    )


def _tags(suite: str, target: str, schedule: Schedule) -> dict[str, str]:
    """Of the schedule and of its runs: the UI finds both by them."""
    return {
        DAGSTER_TAG_SUITE: suite,
        DAGSTER_TAG_TARGET: target,
        DAGSTER_TAG_PROFILE: schedule.profile,
    }


def note_of(schedule: Schedule, *, due: datetime, now: datetime) -> str:
    """Such as ``nightly``, or of one that comes late ``nightly: catches up, due ..., started ...``."""
    if now - due < LATE_AFTER:
        return schedule.name
    zone = due.tzinfo
    same_day = due.date() == now.astimezone(zone).date()
    started = now.astimezone(zone).strftime("%H:%M" if same_day else "%Y-%m-%d %H:%M")
    return f"{schedule.name}: catches up, due {due:%Y-%m-%d %H:%M}, started {started} ({schedule.timezone})"
