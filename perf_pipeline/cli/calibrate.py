"""``perf-pipeline calibrate``: how far the verdicts of this machine and target can be trusted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.series import Ended, run_series, silent, tell
from perf_pipeline.cli.shared import (
    JsonOption,
    ProfileOption,
    PrometheusOption,
    SuiteArgument,
    TargetOption,
    named_suite,
    open_store,
    prepare,
    print_json,
    take_prometheus,
    user_name,
)
from perf_pipeline.conventions import CONTROL, EXIT_INTERNAL
from perf_pipeline.core.model import FollowUp, Outcome, RunRequest, RunSamples
from perf_pipeline.core.wording import count
from perf_pipeline.project import Project, find_project

if TYPE_CHECKING:
    from perf_pipeline.store.values import StoredRun

USUAL_RUNS = 0
MOST_RUNS = 100


def calibrate(
    suite: SuiteArgument = None,
    target: TargetOption = None,
    profile: ProfileOption = None,
    runs: Annotated[
        int,
        typer.Option(
            "--runs", min=0, max=MOST_RUNS, help="Identical runs to make first; 0: take those there are."
        ),
    ] = USUAL_RUNS,
    prometheus: PrometheusOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; only the result.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say how far verdicts can be trusted here.

    Replays the judge over its own history: false alarms, power, noise, and the schedule to choose.

    Makes identical runs of the target as it is (--runs), as ordinary runs that the baseline may take. Then
    all valid runs under the newest one's fingerprint are judged against each other, as they are and with
    slowdowns injected into their samples. Ctrl-C ends a run that is under way; finished ones are kept.
    """
    project = find_project()
    take_prometheus(prometheus)
    chosen = named_suite(project, suite)
    request = RunRequest(
        suite=chosen.name,
        target=target or chosen.default_target,
        profile=profile or chosen.default_profile,
        launched_by=f"{user_name()} (command line)",
        follow_up=FollowUp.NOBODY,  # else chance would decide how many runs there are
    )
    prepare(project, chosen, request)
    say = silent if quiet or as_json else tell
    _run_identical(project, request, runs, quiet=quiet or as_json)

    # Imported here: SciPy, polars and rich would keep `--help` waiting.
    from perf_pipeline.core.calibration import ENOUGH_RUNS  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.core.calibration import calibrate as replay  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.calibration_words import markdown  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.terminal_calibration import print_calibration  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.store.alike import alike_runs  # noqa: PLC0415 - keeps `--help` fast

    with open_store(project) as store:
        alike = alike_runs(store, chosen.name, request.target, request.profile)
    there = _samples(project, alike.runs)
    found = replay(
        list(there.values()),
        chosen.verdict,
        control=CONTROL,
        most_baseline=chosen.baseline.keep,
        revisions=len({run.revision for run in alike.runs if run.run_id in there}),
        on_progress=say,
    )
    left_out = [*alike.left_out, *_gone(len(alike.runs) - len(there))]
    title = f"{chosen.name} on {request.target}, profile {request.profile}"
    file = project.home / f"calibration-{chosen.name}-{request.target}-{request.profile}.md"
    file.write_text(markdown(found, title=f"Calibration of {title}"))
    if as_json:
        told = {"fingerprint_key": alike.fingerprint_key, "left_out": left_out, "file": str(file)}
        print_json(told | found.model_dump(mode="json"))
        return
    print_calibration(found, title=title)
    for sentence in left_out:
        print(f"left out  {sentence}")
    print(f"report    {file}")
    if found.problems:
        missing = max(ENOUGH_RUNS - found.runs, 1)
        named = f"{chosen.name} --target {request.target} --profile {request.profile}"
        print(as_called(f"next      `perf-pipeline calibrate {named} --runs {missing}`"))


def _samples(project: Project, runs: Sequence[StoredRun]) -> Mapping[str, RunSamples]:
    """Run id -> samples, oldest first; without those whose files were removed."""
    from perf_pipeline.load.samples import load_samples  # noqa: PLC0415 - keeps `--help` fast

    found = {}
    for run in runs:
        with suppress(FileNotFoundError):
            found[run.run_id] = load_samples(project.run_folder(run.run_id))
    return found


def _gone(number: int) -> list[str]:
    return [f"{count(number, 'run')} whose raw samples are gone"] if number else []


def _run_identical(project: Project, request: RunRequest, runs: int, *, quiet: bool) -> None:
    """Ends the command when one of them was not measured: the next would fare the same."""
    for number in range(1, runs + 1):
        note = f"calibrate: identical run {number} of {runs}"
        if not quiet:
            tell(note)
        code, why = Outcome.CANCELLED.exit_code, "cancelled"
        with suppress(KeyboardInterrupt):  # before its first step: nothing was started or stored
            ended = run_series(project, request.model_copy(update={"note": note}), most=1, quiet=quiet)[-1]
            stop = _why_to_stop(ended)
            if stop is None:
                continue
            code, why = stop, ended.stored.sentence or why
        again = (
            f"perf-pipeline calibrate {request.suite} --target {request.target} --profile {request.profile}"
        )
        said = f"calibrate: stopped at run {number} of {runs}: {why}; `{again}` takes those that are done"
        print(as_called(said), file=sys.stderr)
        raise typer.Exit(code)


def _why_to_stop(ended: Ended) -> int | None:
    """The exit code to stop with; None: go on. An invalid or slow run is a finding and no reason."""
    if ended.result.cancelled or ended.result.asked_to_end:
        return Outcome.CANCELLED.exit_code
    if ended.result.internal_error or ended.stored.outcome is None:
        return EXIT_INTERNAL
    return None if ended.stored.measured else ended.stored.outcome.exit_code
