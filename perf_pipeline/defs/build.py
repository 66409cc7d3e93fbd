"""From suites to Dagster definitions: the assets, one job per suite, the resources they share."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    Definitions,
    IOManagerDefinition,
    SensorDefinition,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from perf_pipeline.defs.archiving import archive_sensor
from perf_pipeline.defs.confirming import confirmation_sensor
from perf_pipeline.defs.console import console_logger
from perf_pipeline.defs.deploying import deploy_sensor
from perf_pipeline.defs.gate import release_gate_asset
from perf_pipeline.defs.housekeeping import housekeeping_sensor
from perf_pipeline.defs.judge import judging_assets
from perf_pipeline.defs.launchpad import usual_config
from perf_pipeline.defs.ledger import ledger_resource
from perf_pipeline.defs.measure import measuring_assets
from perf_pipeline.defs.naming import DAGSTER_TAG_SUITE, NEVER_RETRIED, job_name
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.running_stack import running_stack_resource
from perf_pipeline.defs.scheduling import schedule_definitions
from perf_pipeline.defs.values import ValuesByBenchmark
from perf_pipeline.project import Project
from perf_pipeline.suite import Suite


def build_definitions(suites: Sequence[Suite], project: Project, parts: Parts | None = None) -> Definitions:
    """Everything that the UI shows. ``parts``: the edges, replaced in tests."""
    parts = parts or Parts()
    assets: list[AssetsDefinition] = []
    jobs = {}
    for suite in suites:
        steps = [*measuring_assets(suite), *judging_assets(suite)]
        assets += [*steps, release_gate_asset(suite)]
        keys: list[AssetKey] = [key for step in steps for key in step.keys]
        jobs[suite.name] = define_asset_job(
            job_name(suite.name),
            selection=AssetSelection.assets(*keys),
            executor_def=in_process_executor,  # fact: 2 s instead of 11 s for six serial steps
            config=usual_config(suite),
            tags={DAGSTER_TAG_SUITE: suite.name, **NEVER_RETRIED},
            description=f"One benchmark of suite {suite.name}, from the stack to the report.",
        )
    return Definitions(
        assets=assets,
        jobs=list(jobs.values()),
        schedules=schedule_definitions(suites, jobs, project),
        sensors=_sensors(suites, list(jobs.values()), project, parts) if jobs else [],
        executor=in_process_executor,
        loggers={"console": console_logger},
        resources={
            "project": project,
            "parts": parts,
            "ledger": ledger_resource(project, parts, suites),
            "running_stack": running_stack_resource(project, parts),
            "io_manager": IOManagerDefinition(
                lambda _: ValuesByBenchmark(project.home),
                # So that every run, whichever steps it has, leaves an outcome in the store.
                required_resource_keys={"ledger"},
                description="Values between steps, one set per benchmark.",
            ),
        },
    )


def _sensors(
    suites: Sequence[Suite],
    jobs: Sequence[UnresolvedAssetJobDefinition],
    project: Project,
    parts: Parts,
) -> list[SensorDefinition]:
    return [
        confirmation_sensor(suites, jobs, project, parts),
        deploy_sensor(suites, jobs, project, parts),
        housekeeping_sensor(project, parts),
        archive_sensor(suites, project),
    ]
