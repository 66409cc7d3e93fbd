"""Runs a benchmark in this process, as a run of the Dagster instance that the UI shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunConfig
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.tags import PRIORITY_TAG
from dagster._utils.interrupts import capture_interrupts

from perf_pipeline.conventions import ENV_HOME
from perf_pipeline.core.model import RunReport, RunRequest
from perf_pipeline.defs.asking import ConfigurationError, check_request
from perf_pipeline.defs.cancelling import terminable
from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.defs.console import silent_console
from perf_pipeline.defs.ending import failure_sentence, said_by_us
from perf_pipeline.defs.instance import prepare_dagster_home
from perf_pipeline.defs.naming import (
    DAGSTER_TAG_LAUNCHED_BY,
    DAGSTER_TAG_SERIES,
    FIRST_STEP,
    PRIORITY_CONFIRMATION,
    REPORT_STEP,
    job_name,
    step_key,
    step_name,
)
from perf_pipeline.defs.origin import reconstructable_job, remote_origin
from perf_pipeline.defs.owner import end_lost_runs, own
from perf_pipeline.defs.progress import hearing, listening
from perf_pipeline.defs.values import read_value
from perf_pipeline.load.progress import Progress
from perf_pipeline.project import find_project
from perf_pipeline.signals import deferred, insisting
from perf_pipeline.suite_file import discover_suites, load_suite

# Capturing stdout would put a pipe between a progress bar and its terminal, with a `tail` process behind it.
_OWN_CONSOLE = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}


@dataclass(frozen=True)
class LaunchResult:
    """How the Dagster run ended; what the benchmark found is in the store under ``run_id``."""

    run_id: str
    status: DagsterRunStatus  # SUCCESS, FAILURE or CANCELED
    step: str | None  # the first that failed, or was interrupted
    sentence: str | None  # what it said, in one line
    internal_error: bool  # something of ours broke, whatever the run had found until then
    report: RunReport | None  # None: it did not come so far
    step_s: dict[str, float]  # step -> how long it took, in the order of the steps
    asked_to_end: bool  # by a signal, also by one that came too late to cancel the run

    @property
    def cancelled(self) -> bool:
        return self.status is DagsterRunStatus.CANCELED


def run_benchmark(
    suite_name: str,
    request: RunRequest,
    *,
    home: Path,
    on_progress: Callable[[Progress], None] | None = None,
    on_waiting: Callable[[str], None] | None = None,
    wait_s: float | None = 0.0,
    despite_pause: bool = False,
) -> LaunchResult:
    """Run the suite's benchmark to its end; blocking, in this process.

    It waits up to ``wait_s`` while another one is under way (None: as long as one of the suite can take), and
    tells ``on_waiting`` for whom.

    Ctrl-C (SIGINT), SIGTERM, SIGHUP and "Terminate" in the UI end it: when this returns, with ``cancelled``
    set, all that was started has stopped, and the store and Dagster know the run as cancelled. Raises
    ConfigurationError and SuiteError before anything is started.
    """
    _check(suite_name, request)
    os.environ[ENV_HOME] = str(
        home.resolve()
    )  # the definitions are loaded below, and again by the UI's servers
    dagster_home = prepare_dagster_home(home)
    listener = listening(on_progress) if on_progress else nullcontext()
    hearer = hearing(on_waiting) if on_waiting else nullcontext()
    config = BenchmarkConfig.of(request, wait_s=wait_s, despite_pause=despite_pause)
    with insisting() as asked, _instance(dagster_home) as instance, silent_console(), listener, hearer:
        run: DagsterRun | None = None
        try:
            with deferred():  # definitions are imported, and no run is made that nobody would end
                end_lost_runs(instance)
                run = _create_run(instance, suite_name, request, config)
                own(instance, run)
            with terminable(instance, run.run_id):
                execute_run(reconstructable_job(run.job_name), run, instance)
        except KeyboardInterrupt:
            if run is None:
                raise
            # else before its first step, or a second Ctrl-C while it was ending: how it ended is read below
        except Exception:
            if run is None or instance.get_run_by_id(run.run_id) is not None:
                raise
            # else somebody has deleted it in the UI, and Dagster misses it at its end
        finally:
            if run is not None:
                with capture_interrupts():
                    _end_if_unfinished(instance, run.run_id)
        with capture_interrupts():
            return _result(instance, run.run_id, home, asked_to_end=bool(asked))


def _check(suite_name: str, request: RunRequest) -> None:
    found = discover_suites(find_project().root)
    if suite_name not in found:
        raise ConfigurationError(f"there is no suite '{suite_name}' (there is {', '.join(sorted(found))})")
    check_request(load_suite(found[suite_name]), request)


def _instance(dagster_home: Path) -> DagsterInstance:
    """A context manager, as instances are."""
    return DagsterInstance.from_ref(InstanceRef.from_dir(str(dagster_home), overrides=_OWN_CONSOLE))


def _create_run(
    instance: DagsterInstance, suite_name: str, request: RunRequest, benchmark: BenchmarkConfig
) -> DagsterRun:
    job = reconstructable_job(job_name(suite_name))
    definition = job.get_definition()
    # Without a logger named in the config Dagster takes its own, which cannot be silenced.
    config = RunConfig(ops={step_key(suite_name, FIRST_STEP): benchmark}, loggers={"console": {}})
    return instance.create_run_for_job(
        job_def=definition,
        run_config=config.to_config_dict(),  # type: ignore[no-untyped-call]
        tags={
            **definition.run_tags,
            DAGSTER_TAG_LAUNCHED_BY: request.launched_by,
            **(_of_series(request.confirms) if request.confirms else {}),
        },
        remote_job_origin=remote_origin(
            find_project().root, definition, job.repository.get_definition().name
        ),
        job_code_origin=job.get_python_origin(),
    )


def _of_series(first_run: str) -> dict[str, str]:
    return {DAGSTER_TAG_SERIES: first_run, PRIORITY_TAG: str(PRIORITY_CONFIRMATION)}


def _end_if_unfinished(instance: DagsterInstance, run_id: str) -> None:
    """A run that an interrupt kept from its first step, or from saying its end, would never have one."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    begun = run.status not in (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING)
    when = "before it could say how it ended" if begun else "before the first step"
    instance.report_run_canceled(run, message=f"Interrupted {when}.")


def _result(instance: DagsterInstance, run_id: str, home: Path, *, asked_to_end: bool) -> LaunchResult:
    run = instance.get_run_by_id(run_id)
    status = DagsterRunStatus.CANCELED if run is None else run.status  # none: somebody has deleted it
    failures = instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)
    event = failures[0].dagster_event if failures else None
    broke = event is not None and not said_by_us(event.step_failure_data)
    return LaunchResult(
        run_id=run_id,
        status=status,
        step=step_name(event.step_key) if event else None,
        internal_error=status is DagsterRunStatus.FAILURE and (broke or event is None),
        sentence=failure_sentence(event.step_failure_data) if event else None,
        report=read_value(home, run_id, REPORT_STEP, RunReport),
        step_s=_step_s(instance, run_id),
        asked_to_end=asked_to_end,
    )


def _step_s(instance: DagsterInstance, run_id: str) -> dict[str, float]:
    ended = [one for one in instance.get_run_step_stats(run_id) if one.start_time and one.end_time]
    ended.sort(key=lambda one: one.start_time or 0.0)
    return {step_name(one.step_key): (one.end_time or 0.0) - (one.start_time or 0.0) for one in ended}
