"""``release_gate``: what a pipeline builds on. It fails on anything but ``passed``."""

# No `from __future__ import annotations` here: Dagster needs the types of parameters, not their names.
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    Config,
    Failure,
    MaterializeResult,
    ResourceParam,
    asset,
)
from pydantic import Field

from perf_pipeline.core.model import Outcome
from perf_pipeline.defs.asking import ConfigurationError, check_known
from perf_pipeline.defs.describing import described
from perf_pipeline.defs.naming import REPORT_STEP, step_key
from perf_pipeline.defs.values import benchmark_id
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun
from perf_pipeline.suite import Suite


class GateConfig(Config):
    """Config of ``release_gate``: which run it asks for. Empty: the newest, whatever it measured."""

    target: str | None = Field(default=None, description="Name of a target: runs on others do not count.")
    profile: str | None = Field(default=None, description="Name of a profile: runs of others do not count.")
    revision: str | None = Field(
        default=None, description="Revision that the newest run must have measured, or the gate stays closed."
    )


def release_gate_asset(suite: Suite) -> AssetsDefinition:
    """The gate of one suite; it is not part of the suite's job."""

    @asset(
        **described(suite, "release_gate"),
        deps=[AssetKey([suite.name, REPORT_STEP])],
        description=(
            "What others build on: make your deployment depend on this asset.\n\n"
            "It fails unless the outcome is passed: that of the run that it is part of, else that of the "
            "newest run in the store. One that was not ready, was cancelled or is still going on has not "
            "passed, nor has one that asks for confirmation: the next run of its revision decides."
        ),
    )
    def release_gate(
        context: AssetExecutionContext, config: GateConfig, project: ResourceParam[Project]
    ) -> MaterializeResult[None]:
        try:
            check_known(suite, target=config.target, profile=config.profile)
        except ConfigurationError as error:
            raise Failure(str(error), allow_retries=False) from None
        with Store(project.store_url) as store:
            if step_key(suite.name, REPORT_STEP) in (context.run.step_keys_to_execute or ()):
                run: StoredRun | None = store.find_run(benchmark_id(context.instance, context.run))
            else:
                newest = store.list_runs(
                    suite=suite.name, target=config.target, profile=config.profile, limit=1
                )
                run = newest[0] if newest else None
        closed = _why_closed(suite, config, run)
        shown = _shown(run) if run else {}
        if closed:
            raise Failure(f"the gate stays closed: {closed}", metadata=shown, allow_retries=False)
        return MaterializeResult(metadata=shown)

    return release_gate


def _why_closed(suite: Suite, config: GateConfig, run: StoredRun | None) -> str:
    """One sentence; empty: it opens."""
    if run is None:
        on = f" on target {config.target}" if config.target else ""
        of = f" with profile {config.profile}" if config.profile else ""
        return f"suite {suite.name} has no run{on}{of} yet: start one first."
    for kind, wanted, found in (
        ("target", config.target, run.target),
        ("profile", config.profile, run.profile),
        ("revision", config.revision, run.revision),
    ):
        if wanted and wanted != found:
            return f"run {run.run_id} has {kind} {found or 'unknown'}, and {wanted} was asked for."
    if run.outcome is None:
        return f"run {run.run_id}, the newest, is still going on."
    if run.outcome is Outcome.PASSED and run.asks:
        return (
            f"run {run.run_id} asks for confirmation ({run.asks}), and one more run of its revision decides: "
            "wait for that one, or start one if none is on its way."
        )
    return "" if run.outcome is Outcome.PASSED else run.sentence


def _shown(run: StoredRun) -> dict[str, str]:
    return {
        "run_id": run.run_id,
        "outcome": run.outcome.value if run.outcome else "running",
        "sentence": run.sentence,
        "target": run.target,
        "profile": run.profile,
        "revision": run.revision or "unknown",
    }
