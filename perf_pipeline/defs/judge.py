"""The steps that judge: ``slo_report`` -> ``baseline_comparison`` -> ``run_report``."""

# No `from __future__ import annotations` here: Dagster needs the types of parameters, not their names.
from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetsDefinition,
    Failure,
    Output,
    ResourceParam,
    asset,
)

from perf_pipeline.core.judgement import Comparison
from perf_pipeline.core.model import LoadResult, Outcome, PrometheusSnapshot, RunReport, SloReport, StackState
from perf_pipeline.core.slo import slo_report as judge_slos
from perf_pipeline.defs import checks, metadata
from perf_pipeline.defs.comparing import compare_with_baseline
from perf_pipeline.defs.describing import described, freshness
from perf_pipeline.defs.ledger import Ledger
from perf_pipeline.defs.measure import POOL
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.reporting import finish_run
from perf_pipeline.defs.running_stack import RunningStack
from perf_pipeline.defs.telling import tell_end
from perf_pipeline.suite import Suite


def judging_assets(suite: Suite) -> list[AssetsDefinition]:
    """The assets of one suite, in the order of the steps."""
    prefix = suite.name

    def _inputs(*names: str) -> dict[str, AssetIn]:
        return dict.fromkeys(names, AssetIn(key_prefix=prefix))

    @asset(
        **described(suite, "slo_report"),
        pool=POOL,
        ins=_inputs("monitoring_stack", "load_test", "prometheus_snapshot"),
        check_specs=checks.slo_check_specs(suite, AssetKey([prefix, "slo_report"])),
        description="Can the run be judged, and does each endpoint keep its promise?",
    )
    def slo_report(
        monitoring_stack: StackState,
        load_test: LoadResult,
        prometheus_snapshot: PrometheusSnapshot,
        ledger: ResourceParam[Ledger],
        parts: ResourceParam[Parts],
    ) -> Iterator[Output[SloReport] | AssetCheckResult]:
        report = judge_slos(
            suite=suite,
            profile=suite.profiles[monitoring_stack.request.profile],
            stack=monitoring_stack,
            load=load_test,
            snapshot=prometheus_snapshot,
            samples=parts.samples(ledger.project.run_folder(ledger.run_id)),
        )
        yield Output(report, metadata=metadata.of_slo(report))
        yield from checks.slo_check_results(suite, report)

    @asset(
        **described(suite, "baseline_comparison"),
        pool=POOL,
        ins=_inputs("load_test", "slo_report"),
        check_specs=checks.regression_check_specs(suite, AssetKey([prefix, "baseline_comparison"])),
        description="Is any endpoint slower than in the accepted runs under the same conditions?",
    )
    def baseline_comparison(
        load_test: LoadResult,
        slo_report: SloReport,
        ledger: ResourceParam[Ledger],
        parts: ResourceParam[Parts],
    ) -> Iterator[Output[Comparison] | AssetCheckResult]:
        comparison = compare_with_baseline(
            suite=suite,
            load=load_test,
            slo=slo_report,
            store=ledger.store,
            run_folder=ledger.project.run_folder,
            read_samples=parts.samples,
        )
        yield Output(comparison, metadata=metadata.of_comparison(comparison))
        yield from checks.regression_check_results(suite, comparison)

    @asset(
        **described(suite, "run_report"),
        pool=POOL,
        ins=_inputs(
            "monitoring_stack", "load_test", "prometheus_snapshot", "slo_report", "baseline_comparison"
        ),
        freshness_policy=freshness(suite),
        description="The outcome in one word, the report for people, the record in the store.",
    )
    def run_report(  # noqa: PLR0917 - Dagster passes by name
        context: AssetExecutionContext,
        monitoring_stack: StackState,
        load_test: LoadResult,
        prometheus_snapshot: PrometheusSnapshot,
        slo_report: SloReport,
        baseline_comparison: Comparison,
        ledger: ResourceParam[Ledger],
        running_stack: ResourceParam[RunningStack],
        parts: ResourceParam[Parts],
    ) -> Iterator[Output[RunReport]]:
        report = finish_run(
            suite=suite,
            stack=monitoring_stack,
            load=load_test,
            snapshot=prometheus_snapshot,
            slo=slo_report,
            comparison=baseline_comparison,
            ledger=ledger,
            parts=parts,
            tell=lambda record: tell_end(
                record, store=ledger.store, stack=running_stack, parts=parts, warn=context.log.warning
            ),
        )
        yield Output(report, metadata=metadata.of_report(report, dashboard=parts.run_dashboard(load_test)))
        if report.outcome is Outcome.INVALID:
            # After the output: the report of an invalid run is there to be read, and the run is a failure.
            raise Failure(report.sentence, metadata={"outcome": report.outcome.value}, allow_retries=False)

    return [slo_report, baseline_comparison, run_report]
