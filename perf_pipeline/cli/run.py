"""``perf-pipeline run``: one complete benchmark, from the stack to the verdict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli import timing
from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.series import run_series
from perf_pipeline.cli.shared import (
    JsonOption,
    ProfileOption,
    PrometheusOption,
    RefusedError,
    SuiteArgument,
    TargetOption,
    named_suite,
    prepare,
    print_json,
    print_record,
    take_prometheus,
    user_name,
)
from perf_pipeline.conventions import EXIT_INTERNAL
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import FollowUp, Outcome, RunRecord, RunRequest
from perf_pipeline.project import find_project
from perf_pipeline.suite_quantities import seconds

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
    no_confirm: Annotated[
        bool, typer.Option("--no-confirm", help="One run and no more, also when it asks for confirmation.")
    ] = False,
    wait: Annotated[
        str | None,
        typer.Option(help="How long to wait for another benchmark to end, such as 30m. Default: not at all."),
    ] = None,
    despite_pause: Annotated[
        bool, typer.Option("--despite-pause", help="Run although the suite or target is paused.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; only the result.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run one benchmark: load, record, judge, compare, report.

    A run that seems changed is repeated at once, up to two times, and judged with its repetitions.

    Exit codes: 0 passed, 2 wrong configuration, 3 regressed, 4 an objective was breached, 5 the measurement
    cannot be judged, 6 not ready (nothing was sent), 130 cancelled, 1 internal error.
    """
    project = find_project()
    take_prometheus(prometheus)
    chosen = named_suite(project, suite)
    request = RunRequest(
        suite=chosen.name,
        target=target or chosen.default_target,
        profile=profile or chosen.default_profile,
        revision=revision,
        note=note,
        launched_by=f"{user_name()} (command line)",
        follow_up=FollowUp.NOBODY if no_confirm else FollowUp.CALLER,
    )
    wait_s = _seconds(wait)
    prepare(project, chosen, request)
    ended = run_series(
        project,
        request,
        most=chosen.verdict.runs,
        quiet=quiet or as_json,
        wait_s=wait_s,
        despite_pause=despite_pause,
    )
    result, stored, record = ended[-1].result, ended[-1].stored, ended[-1].record
    code = exit_code(result, stored.outcome, record, require_verdict=require_verdict)
    if result.internal_error:
        print(f"perf-pipeline: internal error in step {result.step}: {result.sentence}", file=sys.stderr)
    elif result.cancelled and stored.measured:
        print("perf-pipeline: cancelled, after the run had been judged", file=sys.stderr)
    elif stored.outcome is Outcome.PASSED and code != stored.outcome.exit_code:
        print("perf-pipeline: --require-verdict: not every endpoint got a verdict", file=sys.stderr)
    run_id = stored.run_id
    time_s = timing.where_it_went([one.result.step_s for one in ended], chosen.profiles[request.profile])
    if as_json:
        document = {
            "run_id": run_id,
            "outcome": stored.outcome,
            "sentence": stored.sentence,
            "exit_code": code,
            "run_folder": str(project.run_folder(run_id)),
            "time_s": time_s,
            "series": [
                {"run_id": one.run_id, "outcome": one.outcome, "sentence": one.sentence, "asks": one.asks}
                for one in (each.stored for each in ended)
            ],
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


def _seconds(wait: str | None) -> float:
    if wait is None:
        return 0.0
    try:
        return seconds(wait)
    except ValueError as error:
        raise RefusedError(f"--wait: {error}.") from None


def exit_code(
    result: LaunchResult, outcome: Outcome | None, record: RunRecord | None, *, require_verdict: bool
) -> int:
    """What the command ends with. ``outcome``, ``record``: as stored; a late Ctrl-C changes nothing there."""
    if outcome is None:
        raise RuntimeError(f"run {result.run_id} ended without an outcome")
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
