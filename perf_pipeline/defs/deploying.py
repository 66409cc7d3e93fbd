"""Watches targets for deploys, and starts a run after each that counts, where Dagster's daemon runs.

What is seen, and when it counts: ``core.deploys``. What becomes of a deploy then: ``deploy_runs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from perf_pipeline.core.deploys import Deployed, Event, Observation, Started, Watch, said_of
from perf_pipeline.defs.deploy_runs import DeployRuns
from perf_pipeline.defs.lost import find_lost
from perf_pipeline.defs.parts import Parts, Place
from perf_pipeline.deploys.policy import deploys_of, place_of
from perf_pipeline.project import Project
from perf_pipeline.store.errors import StoreError, UnreachableError
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import Suite, Target

SENSOR = "deploy_sensor"
NOTHING = "no target is watched for deploys, and no deploy waits for its run"
LOOK_EVERY_S = 30


def _utc_now() -> datetime:
    return datetime.now(UTC)


def deploy_sensor(
    suites: Sequence[Suite],
    jobs: Sequence[UnresolvedAssetJobDefinition],
    project: Project,
    parts: Parts,
    *,
    clock: Callable[[], datetime] = _utc_now,
) -> SensorDefinition:
    """One for all suites of the code location."""
    by_name = {suite.name: suite for suite in suites}

    @sensor(
        name=SENSOR,
        jobs=jobs,
        minimum_interval_seconds=LOOK_EVERY_S,
        default_status=DefaultSensorStatus.RUNNING,
        description="Measures a target after each deploy of it: seen where its suite says, or told by "
        "`perf-pipeline deploy`.",
    )
    def deploys(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        try:
            with Store(project.store_url) as store:
                requests, said = _tick(store, context.instance, by_name, parts, clock)
        except StoreError as error:
            return SkipReason(str(error))
        if not requests:
            return SkipReason("; ".join(said) or NOTHING)
        for line in said:
            context.log.info(line)
        return SensorResult(run_requests=requests)

    return deploys


def _tick(
    store: Store,
    instance: DagsterInstance,
    suites: Mapping[str, Suite],
    parts: Parts,
    clock: Callable[[], datetime],
) -> tuple[list[RunRequest], list[str]]:
    """The runs to start, and one sentence for each target that is watched or has a deploy that waits."""
    said = _look(store, suites, parts, clock)
    find_lost(store, clock(), suites)
    runs = DeployRuns(store, instance, suites, clock())
    requests = []
    for deploy in store.open_deploys():
        if deploy.suite not in suites:
            continue  # of another project that shares the store
        try:
            found = runs.next_step(deploy)
        except UnreachableError:
            raise
        except StoreError as error:  # one that cannot be read must not keep the others from their runs
            found = str(error)
        if isinstance(found, RunRequest):
            requests.append(found)
            found = "its run starts"
        said.append(f"{deploy.suite} on {deploy.target}: deploy {deploy.number} ({deploy.revision}): {found}")
    return requests, said


def _look(
    store: Store, suites: Mapping[str, Suite], parts: Parts, clock: Callable[[], datetime]
) -> list[str]:
    watched: dict[Place, Target] = {}
    for suite in suites.values():
        for target in suite.targets.values():
            enabled = target.deploys is not None and target.deploys.enabled
            if enabled and _is_due(store, suite, target, parts, clock()):
                watched[suite.name, target.name] = target
    said = []
    for place, observation in parts.look_for_deploys(watched).items():
        try:
            found = _take(store, suites[place[0]], place[1], observation, clock())
        except UnreachableError:
            raise
        except StoreError as error:  # nor may one target hide the others
            found = str(error)
        said.append(f"{place[0]} on {place[1]}: {found}")
    return said


def _take(store: Store, suite: Suite, target: str, observation: Observation, now: datetime) -> str:
    """What one look tells, in words; the store has it then."""
    deploys = deploys_of(suite, target)
    watch, events = store.look(
        suite.name,
        target,
        observation,
        source=deploys.source,
        place=place_of(suite.targets[target]),
        settle_s=deploys.settle_s,
        at=now,
    )
    return _words(watch, events, observation, deploys.settle_s)


def _is_due(store: Store, suite: Suite, target: Target, parts: Parts, now: datetime) -> bool:
    every = parts.look_every(target)
    if not every:
        return True
    last = store.last_look(suite.name, target.name)
    return last is None or now - last >= every


def _words(watch: Watch, events: Sequence[Event], observation: Observation, settle_s: float) -> str:
    for event in events:
        if isinstance(event, Started):
            return f"runs {event.revision} at the first look, which is no deploy"
        if isinstance(event, Deployed):
            return f"{event.revision} has settled, first seen {event.seen_at:%H:%M:%S} UTC"
    return said_of(watch, observation, settle_s)
