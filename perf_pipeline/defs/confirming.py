"""Starts the runs that other runs ask for, where Dagster's daemon runs and nobody else does it.

A run from the command line goes on by itself (``FollowUp.CALLER``); what comes from the UI, a schedule or a
sensor has nobody who waits for it. The target must still run what was measured: else there is nothing to
confirm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunConfig,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import PRIORITY_TAG, RUN_KEY_TAG

from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.defs.deploy_runs import deploy_tags
from perf_pipeline.defs.lost import longest
from perf_pipeline.defs.naming import (
    CONFIRMATION,
    DAGSTER_TAG_LAUNCHED_BY,
    DAGSTER_TAG_SERIES,
    DAGSTER_TAG_SERIES_NUMBER,
    FIRST_STEP,
    PRIORITY_CONFIRMATION,
    job_name,
    step_key,
)
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.series import loads_until, next_request
from perf_pipeline.defs.unfinished import QUEUED, alive
from perf_pipeline.project import Project
from perf_pipeline.stack.base import NotReady
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun
from perf_pipeline.suite import Suite, Target

SENSOR = "confirmation_sensor"
NOTHING = "no run asks for confirmation"
LOOK_EVERY_S = 10
STALE_AFTER = timedelta(hours=1)  # neighbouring runs resemble each other; later ones are another night's
_RUNS_READ = 50  # the newest ones of a target, to find later revisions among them


def confirmation_sensor(
    suites: Sequence[Suite],
    jobs: Sequence[UnresolvedAssetJobDefinition],
    project: Project,
    parts: Parts,
) -> SensorDefinition:
    """One for all suites of the code location."""
    by_name = {suite.name: suite for suite in suites}

    @sensor(
        name=SENSOR,
        jobs=jobs,
        minimum_interval_seconds=LOOK_EVERY_S,
        default_status=DefaultSensorStatus.RUNNING,
        description="Repeats a run that asks for it, at once and on the same revision; "
        "one from the command line is repeated there.",
    )
    def confirm(context: SensorEvaluationContext) -> Iterator[RunRequest | SkipReason]:
        now, skipped = datetime.now(UTC), []
        with Store(project.store_url) as store:
            for run in store.asking(since=now - STALE_AFTER):
                suite = by_name.get(run.suite)
                if suite is None:
                    continue
                request = _launched(store, run)
                why = _what_became_of(request, context.instance) or _why_not_now(
                    store, run, suite, parts, now
                )
                if not why:
                    yield request
                    return  # one at a time: a second one would have to wait, and the target may change
                skipped.append(f"run {run.run_id}: {why}")
        yield SkipReason("; ".join(skipped) or NOTHING)

    return confirm


def _launched(store: Store, run: StoredRun) -> RunRequest:
    number = loads_until(store, run) + 1
    request = next_request(run, launched_by=CONFIRMATION)
    if request is None:
        raise ValueError(f"run {run.run_id} asks for no other")
    config = RunConfig(ops={step_key(run.suite, FIRST_STEP): BenchmarkConfig.of(request)})
    return RunRequest(
        run_key=f"{run.series}:{number}",  # remembered for ever: no second one, whatever becomes of the first
        job_name=job_name(run.suite),
        run_config=config.to_config_dict(),  # type: ignore[no-untyped-call]
        tags={
            DAGSTER_TAG_LAUNCHED_BY: CONFIRMATION,
            DAGSTER_TAG_SERIES: run.series,
            DAGSTER_TAG_SERIES_NUMBER: str(number),
            **deploy_tags(run.deploy),
            PRIORITY_TAG: str(PRIORITY_CONFIRMATION),
        },
    )


def _what_became_of(request: RunRequest, instance: DagsterInstance) -> str:
    """Of the run that was asked for already; empty: none was, or no daemon took it up."""
    runs = instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: request.run_key or ""}))
    run = runs[-1] if runs else None  # the oldest: a re-execution has its parent's tags
    if run is None:
        return ""
    if not run.is_finished:
        return (
            f"run {run.run_id}, which confirms it, {'is queued' if run.status in QUEUED else 'is under way'}"
        )
    how = "was cancelled" if run.status is DagsterRunStatus.CANCELED else "failed"
    return f"run {run.run_id}, which was to confirm it, {how} before it began"


def _why_not_now(store: Store, run: StoredRun, suite: Suite, parts: Parts, now: datetime) -> str:
    """Why the next run of its series does not start at this moment; empty: it does."""
    paused = store.paused(suite=run.suite, target=run.target)
    if paused is not None:
        return paused
    target = suite.targets.get(run.target)
    if target is None or run.profile not in suite.profiles:
        return "the suite file has its target or profile no more"
    beside = [
        other
        for other in store.unfinished_runs()
        if other.host == run.host or (other.base_url is not None and other.base_url == run.base_url)
    ]
    before = (other.before(PRIORITY_CONFIRMATION) for other in alive(beside, longest(target), now))
    return next(filter(None, before), "") or _why_nothing_to_confirm(store, run, target, parts)


def _why_nothing_to_confirm(store: Store, run: StoredRun, target: Target, parts: Parts) -> str:
    """Empty: the target runs what was measured."""
    later = store.other_deploy(run.suite, run.target, since=run.started_at, revision=run.revision)
    if later is not None:
        return f"deploy {later.number} ({later.revision}) came after it"
    changed = [
        other.revision
        for other in store.list_runs(suite=run.suite, target=run.target, limit=_RUNS_READ)
        if other.measured and other.started_at > run.started_at and other.revision != run.revision
    ]
    if not changed:
        try:
            changed = [now for now in (parts.revision_now(target),) if now not in (None, run.revision)]
        except NotReady as error:
            return error.sentence
    if changed:
        return f"the target runs {changed[0] or 'something unknown'} now, not {run.revision or 'unknown'}"
    return ""
