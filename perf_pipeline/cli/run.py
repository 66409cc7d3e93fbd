"""``perf-pipeline run``: one complete benchmark, from the stack to the verdict."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli import timing
from perf_pipeline.cli.shared import (
    JsonOption,
    ProfileOption,
    SuiteArgument,
    TargetOption,
    named_suite,
    open_store,
    print_json,
    print_record,
)
from perf_pipeline.conventions import ENV_PROMETHEUS_URL, EXIT_INTERNAL
from perf_pipeline.core.model import Outcome, RunRecord, RunRequest, Verdict
from perf_pipeline.defs.asking import check_request
from perf_pipeline.project import Project, find_project
from perf_pipeline.store.repository import StoreError

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
    prometheus: Annotated[
        str | None, typer.Option(help="URL of a Prometheus that already runs; default: one of our own.")
    ] = None,
    require_verdict: Annotated[
        bool, typer.Option("--require-verdict", help="Exit 5 unless every endpoint got a verdict.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; only the result.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run one benchmark: stack up, load, record, judge, compare, report.

    Exit codes: 0 passed, 2 wrong configuration, 3 regressed, 4 an objective was breached, 5 the measurement
    cannot be judged, 6 not ready (nothing was sent), 130 cancelled, 1 internal error.
    """
    project = find_project()
    if prometheus:
        os.environ[ENV_PROMETHEUS_URL] = prometheus
    chosen = named_suite(project, suite)
    request = RunRequest(
        suite=chosen.name,
        target=target or chosen.default_target,
        profile=profile or chosen.default_profile,
        revision=revision,
        note=note,
        launched_by=f"{getpass.getuser()} (command line)",
    )
    check_request(chosen, request)
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
    code = _exit_code(stored.outcome, record, require_verdict=require_verdict)
    if result.internal_error:
        print(f"perf-pipeline: internal error in step {result.step}: {result.sentence}", file=sys.stderr)
        code = EXIT_INTERNAL
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
        print_record(project, record)
        print(f"time      {timing.sentence(time_s)}")
    else:
        print(stored.sentence)
        _point_to_logs(project.run_folder(run_id))
    raise typer.Exit(code)


def _launch(project: Project, request: RunRequest, *, quiet: bool) -> LaunchResult:
    if not quiet:
        print(f"{request.suite} on {request.target}, profile {request.profile}", file=sys.stderr, flush=True)
    from perf_pipeline.cli.progress import LoadDisplay  # noqa: PLC0415
    from perf_pipeline.defs.launch import run_benchmark  # noqa: PLC0415 - Dagster takes 2 s to import

    with LoadDisplay(quiet=quiet) as display:
        return run_benchmark(request.suite, request, home=project.home, on_progress=display)


def _exit_code(outcome: Outcome, record: RunRecord | None, *, require_verdict: bool) -> int:
    if require_verdict and outcome is Outcome.PASSED and record is not None:
        verdicts = {verdict.verdict for verdict in record.comparison.judgement.endpoints.values()}
        if verdicts & UNDECIDED:
            return Outcome.INVALID.exit_code
    return outcome.exit_code if outcome is not Outcome.LOST else EXIT_INTERNAL


def _point_to_logs(folder: Path) -> None:
    logs = sorted(folder.glob("*.log"))
    if logs:
        print("logs: " + ", ".join(str(log) for log in logs))
