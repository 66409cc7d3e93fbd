"""``release_gate``: what a pipeline builds on. It fails on anything but ``passed``."""

# No `from __future__ import annotations` here: Dagster needs the types of parameters, not their names.
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DagsterInstance,
    Failure,
    MaterializeResult,
    ResourceParam,
    asset,
)

from perf_pipeline.core.model import Outcome, RunReport
from perf_pipeline.defs.values import benchmark_id, read_value
from perf_pipeline.project import Project
from perf_pipeline.suite import Suite


def release_gate_asset(suite: Suite) -> AssetsDefinition:
    report_key = AssetKey([suite.name, "run_report"])

    @asset(
        key_prefix=suite.name,
        group_name=suite.name,
        deps=[report_key],
        description="Fails unless the outcome is passed. Materialised on its own, it takes the latest run.",
    )
    def release_gate(
        context: AssetExecutionContext, project: ResourceParam[Project]
    ) -> MaterializeResult[None]:
        report = _report_of_this_run(context, project) or _latest_report(
            context.instance, project, report_key
        )
        if report is None:
            raise Failure(
                f"no run of suite {suite.name} has a report yet: run benchmark_{suite.name} first.",
                allow_retries=False,
            )
        if report.outcome is not Outcome.PASSED:
            raise Failure(
                f"the gate stays closed: {report.sentence}",
                metadata={"run_id": report.run_id, "outcome": report.outcome.value},
                allow_retries=False,
            )
        return MaterializeResult(metadata={"run_id": report.run_id, "sentence": report.sentence})

    return release_gate


def _report_of_this_run(context: AssetExecutionContext, project: Project) -> RunReport | None:
    return read_value(project.home, benchmark_id(context.instance, context.run), "run_report", RunReport)


def _latest_report(instance: DagsterInstance, project: Project, report_key: AssetKey) -> RunReport | None:
    event = instance.get_latest_materialization_event(report_key)
    run = instance.get_run_by_id(event.run_id) if event else None
    if run is None:
        return None
    return read_value(project.home, benchmark_id(instance, run), "run_report", RunReport)
