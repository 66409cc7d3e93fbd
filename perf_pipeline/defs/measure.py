"""The steps that measure: ``monitoring_stack`` -> ``load_test`` -> ``prometheus_snapshot``."""

# No `from __future__ import annotations` here: Dagster needs the types of parameters, not their names.
from collections.abc import Callable
from typing import NoReturn

from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetsDefinition,
    DagsterRun,
    DataVersion,
    Failure,
    MaterializeResult,
    ResourceParam,
    asset,
)

from perf_pipeline.conventions import RAW_SAMPLES
from perf_pipeline.core.model import LoadResult, Outcome, PrometheusSnapshot, RunRequest, StackState
from perf_pipeline.defs import metadata
from perf_pipeline.defs.asking import ConfigurationError
from perf_pipeline.defs.collecting import keep_beginning, keep_tools
from perf_pipeline.defs.config import BenchmarkConfig, launched_by
from perf_pipeline.defs.describing import described
from perf_pipeline.defs.launchpad import config_for
from perf_pipeline.defs.ledger import Ledger
from perf_pipeline.defs.parts import Parts
from perf_pipeline.defs.progress import reporter, waiting_reporter
from perf_pipeline.defs.running_stack import RunningStack
from perf_pipeline.defs.telling import TellingWhileLoading
from perf_pipeline.defs.turn import begin_in_turn, longest_wait_s
from perf_pipeline.defs.values import suites_begun_by
from perf_pipeline.load.errors import LoadError, UnreadableError
from perf_pipeline.stack.base import NotReady
from perf_pipeline.store.errors import StoreError
from perf_pipeline.suite import Suite

POOL = "generator_host"  # all steps: evaluating one run would disturb the measurement of another


def measuring_assets(suite: Suite) -> list[AssetsDefinition]:
    """The assets of one suite, in the order of the steps."""
    prefix = suite.name
    Asked = config_for(suite)  # noqa: N806 - a class

    @asset(
        **described(suite, "monitoring_stack"),
        pool=POOL,
        description=_what_there_is(suite),
    )
    def monitoring_stack(
        context: AssetExecutionContext,
        config: Asked,  # type: ignore[valid-type]
        ledger: ResourceParam[Ledger],
        running_stack: ResourceParam[RunningStack],
        parts: ResourceParam[Parts],
    ) -> MaterializeResult[StackState]:
        request = _asked(suite, config, context.run, ledger)
        _begin(request, suite, config, ledger, running_stack, log=context.log.info)
        folder = ledger.project.run_folder(ledger.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        keep_beginning(suite, folder, log=context.log.warning)
        try:
            state = running_stack.start(suite=suite, request=request, run_id=ledger.run_id, run_folder=folder)
        except NotReady as error:
            _not_ready(ledger, error.sentence, error.name)
        keep_tools(state, parts, log=context.log.warning)
        for note in running_stack.notes:
            context.log.info(note)
        return MaterializeResult(
            value=state,
            metadata=metadata.of_stack(state),
            # Other data in every run, by the same code: what builds on an older run is outdated.
            data_version=DataVersion(ledger.run_id),
        )

    @asset(
        **described(suite, "load_test"),
        pool=POOL,
        ins={"monitoring_stack": AssetIn(key_prefix=prefix)},
        description=f"k6 runs {suite.script} against the target; only its measured phase counts.",
    )
    def load_test(
        context: AssetExecutionContext,
        monitoring_stack: StackState,
        ledger: ResourceParam[Ledger],
        running_stack: ResourceParam[RunningStack],
        parts: ResourceParam[Parts],
    ) -> MaterializeResult[LoadResult]:
        folder = ledger.project.run_folder(ledger.run_id)
        if not running_stack.started:
            _begin_again(ledger, running_stack, suite, monitoring_stack.request)
            keep_beginning(suite, folder, log=context.log.warning)
            context.log.info("The stack of the failed run has gone; starting it again.")
        try:
            state = monitoring_stack
            if not running_stack.started:
                state = running_stack.start(
                    suite=suite, request=state.request, run_id=ledger.run_id, run_folder=folder
                )
            telling = TellingWhileLoading(
                suite=suite, stack=state, store=ledger.store, parts=parts, warn=context.log.warning
            )
            load = parts.run_load(
                suite=suite,
                stack=state,
                home=ledger.project.home,
                on_progress=reporter(context.log.info, telling),
            )
            telling.end(load.ended_at)
            load = load.model_copy(
                update={"deployed_meanwhile": _deployed_meanwhile(ledger, suite, state.request)}
            )
        except NotReady as error:
            _not_ready(ledger, error.sentence, error.name)
        except LoadError as error:
            _not_ready(ledger, str(error), "load")
        except UnreadableError as error:
            said = ledger.end(Outcome.INVALID, str(error))
            raise Failure(said, metadata={"reason": "samples_unreadable"}, allow_retries=False) from None
        return MaterializeResult(value=load, metadata=metadata.of_load(load))

    @asset(
        **described(suite, "prometheus_snapshot"),
        pool=POOL,
        ins={
            "monitoring_stack": AssetIn(key_prefix=prefix),
            "load_test": AssetIn(key_prefix=prefix),
        },
        description="What Prometheus recorded of exactly this run, reconciled with k6's raw samples.",
    )
    def prometheus_snapshot(
        monitoring_stack: StackState,
        load_test: LoadResult,
        ledger: ResourceParam[Ledger],
        running_stack: ResourceParam[RunningStack],
        parts: ResourceParam[Parts],
    ) -> MaterializeResult[PrometheusSnapshot]:
        try:
            state = running_stack.with_prometheus(monitoring_stack)
        except NotReady as error:
            raise Failure(error.sentence, metadata={"reason": error.name}, allow_retries=False) from None
        snapshot = parts.snapshot(
            suite=suite,
            stack=state,
            load=load_test,
            samples=parts.samples(ledger.project.run_folder(ledger.run_id)),
        )
        return MaterializeResult(value=snapshot, metadata=metadata.of_snapshot(snapshot))

    return [monitoring_stack, load_test, prometheus_snapshot]


def _deployed_meanwhile(ledger: Ledger, suite: Suite, request: RunRequest) -> str | None:
    """Another revision that was deployed since the run began; a target that tells what it runs is asked."""
    target = suite.targets[request.target]
    if target.base_url is None or target.revision is not None:
        return None
    begun_at = ledger.store.find_run(ledger.run_id).started_at
    other = ledger.store.other_deploy(suite.name, target.name, since=begun_at, revision=request.told_revision)
    return other.revision if other else None


def _asked(suite: Suite, config: BenchmarkConfig, run: DagsterRun, ledger: Ledger) -> RunRequest:
    begun = suites_begun_by(run)
    if len(begun) > 1:
        raise Failure(
            f"this run would measure {len(begun)} suites ({', '.join(begun)}) under one id and mix what "
            "they find: start the job of each, one after the other.",
            allow_retries=False,
        )
    try:
        request = config.request(suite, launched_by=launched_by(run))
        if config.deploy is None:
            return request
        deploy = ledger.store.deploy(suite.name, request.target, config.deploy)
        return request.model_copy(update={"deploy": deploy.as_deploy})
    except (ConfigurationError, StoreError) as error:
        raise Failure(str(error), allow_retries=False) from None


def _begin(
    request: RunRequest,
    suite: Suite,
    config: BenchmarkConfig,
    ledger: Ledger,
    stack: RunningStack,
    *,
    log: Callable[[str], None],
) -> None:
    try:
        begin_in_turn(
            request,
            suite,
            ledger=ledger,
            stack=stack,
            wait_s=longest_wait_s(suite) if config.wait_s is None else config.wait_s,
            despite_pause=config.despite_pause,
            say=waiting_reporter(log),
        )
    except NotReady as error:
        said = ledger.turn_away(request, error.sentence)
        raise Failure(said, metadata={"reason": error.name}, allow_retries=False) from None


def _begin_again(ledger: Ledger, stack: RunningStack, suite: Suite, request: RunRequest) -> None:
    """A re-execution takes its benchmark over only if it may send the load: else its end stays as it was.

    So it does not wait for its turn, either.
    """
    if (ledger.project.run_folder(ledger.run_id) / RAW_SAMPLES).exists():
        raise Failure(
            f"the load of run {ledger.run_id} had begun when it failed, and a second one would be "
            "counted into the same run: start a new run.",
            allow_retries=False,
        )
    try:
        begin_in_turn(request, suite, ledger=ledger, stack=stack, wait_s=0)
    except NotReady as error:
        raise Failure(error.sentence, metadata={"reason": error.name}, allow_retries=False) from None


def _not_ready(ledger: Ledger, sentence: str, reason: str) -> NoReturn:
    said = ledger.end(Outcome.NOT_READY, sentence)
    raise Failure(said, metadata={"reason": reason}, allow_retries=False) from None


def _what_there_is(suite: Suite) -> str:
    profiles = "\n".join(
        f"- `{name}`{_default(name, suite.default_profile)}: {profile.description}"
        for name, profile in suite.profiles.items()
    )
    targets = "\n".join(
        f"- `{name}`{_default(name, suite.default_target)}: "
        f"{target.base_url or 'the reference backend, started here'}"
        for name, target in suite.targets.items()
    )
    return (
        "Prometheus and the target are up, healthy, and agree about the time.\n\n"
        f"Profiles:\n{profiles}\n\nTargets:\n{targets}"
    )


def _default(name: str, default: str) -> str:
    return " (default)" if name == default else ""
