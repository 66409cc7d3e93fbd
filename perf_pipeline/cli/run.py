"""``perf-pipeline run``: one complete benchmark, from the stack to the verdict."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli import timing
from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import (
    JsonOption,
    ProfileOption,
    PrometheusOption,
    SuiteArgument,
    TargetOption,
    named_suite,
    open_store,
    print_json,
    print_record,
    prometheus_url,
    user_name,
)
from perf_pipeline.conventions import ENV_PROMETHEUS_URL, EXIT_INTERNAL
from perf_pipeline.core.model import Outcome, RunRecord, RunRequest, Verdict
from perf_pipeline.defs.asking import check_request
from perf_pipeline.project import Project, find_project
from perf_pipeline.store.errors import StoreError

if TYPE_CHECKING:
    from perf_pipeline.defs.launch import LaunchResult

UNDECIDED = {Verdict.INCONCLUSIVE, Verdict.NO_BASELINE}


def run(
    suite: SuiteArgument = None,
    target: TargetOption = None,
    profile: ProfileOption = None,
    revision: Annotated[
        str | None, typer.Option(help="Refuse to run unless the target says that it runs this revision.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why this run is made; kept with it.")] = "",
    prometheus: PrometheusOption = None,
    require_verdict: Annotated[
        bool, typer.Option("--require-verdict", help="Exit 5 unless every endpoint got a verdict.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; only the result.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run one benchmark: load, record, judge, compare, report.

    Exit codes: 0 passed, 2 wrong configuration, 3 regressed, 4 an objective was breached, 5 the measurement
    cannot be judged, 6 not ready (nothing was sent), 130 cancelled, 1 internal error.
    """
    project = find_project()
    url = prometheus_url(prometheus)
    if url:
        os.environ[ENV_PROMETHEUS_URL] = url
    chosen = named_suite(project, suite)
    request = RunRequest(
        suite=chosen.name,
        target=target or chosen.default_target,
        profile=profile or chosen.default_profile,
        revision=revision,
        note=note,
        launched_by=f"{user_name()} (command line)",
    )
    check_request(chosen, request)
    project.make_home()
    with open_store(project):
        pass  # a store that cannot be used is known before anything starts
    result = _launch(project, request, quiet=quiet or as_json)
    run_id = result.run_id
    with open_store(project) as store:
        try:
            stored = store.find_run(run_id)
        except StoreError:
            if result.cancelled:
                raise KeyboardInterrupt from None  # before the first step: nothing was started or stored
            raise
        record = store.record(run_id) if stored.measured else None
    if stored.outcome is None:
        raise RuntimeError(f"run {run_id} ended without an outcome")
    code = exit_code(result, stored.outcome, record, require_verdict=require_verdict)
    if result.internal_error:
        print(f"perf-pipeline: internal error in step {result.step}: {result.sentence}", file=sys.stderr)
    elif result.cancelled and stored.measured:
        print("perf-pipeline: cancelled, after the run had been judged", file=sys.stderr)
    elif stored.outcome is Outcome.PASSED and code != stored.outcome.exit_code:
        print("perf-pipeline: --require-verdict: not every endpoint got a verdict", file=sys.stderr)
    time_s = timing.where_it_went(result.step_s, chosen.profiles[request.profile])
    if as_json:
        document = {
            "run_id": run_id,
            "outcome": stored.outcome,
            "sentence": stored.sentence,
            "exit_code": code,
            "run_folder": str(project.run_folder(run_id)),
            "time_s": time_s,
            "record": record.model_dump(mode="json") if record else None,
        }
        print_json(document)
    elif record is not None:
        print_record(project, record, chosen)
        print(f"time      {timing.sentence(time_s)}")
    else:
        print(as_called(stored.sentence))
        _point_to_logs(project.run_folder(run_id))
    raise typer.Exit(code)


def _launch(project: Project, request: RunRequest, *, quiet: bool) -> LaunchResult:
    if not quiet:
        print(f"{request.suite} on {request.target}, profile {request.profile}", file=sys.stderr, flush=True)
    from perf_pipeline.cli.progress import LoadDisplay  # noqa: PLC0415
    from perf_pipeline.defs.launch import run_benchmark  # noqa: PLC0415 - Dagster takes 2 s to import

    with LoadDisplay(quiet=quiet) as display:
        return run_benchmark(request.suite, request, home=project.home, on_progress=display)


def exit_code(
    result: LaunchResult, outcome: Outcome, record: RunRecord | None, *, require_verdict: bool
) -> int:
    """What the command ends with. ``outcome``, ``record``: as stored; a late Ctrl-C changes nothing there."""
    if result.cancelled:
        return Outcome.CANCELLED.exit_code
    if result.internal_error or outcome is Outcome.LOST:
        return EXIT_INTERNAL
    if require_verdict and outcome is Outcome.PASSED and record is not None and not _decided(record):
        return Outcome.INVALID.exit_code
    return outcome.exit_code


def _decided(record: RunRecord) -> bool:
    verdicts = {one.verdict for one in record.comparison.judgement.endpoints.values()}
    return record.comparison.compared and not verdicts & UNDECIDED


def _point_to_logs(folder: Path) -> None:
    logs = sorted(folder.glob("*.log"))
    if logs:
        print("logs: " + ", ".join(str(log) for log in logs))
