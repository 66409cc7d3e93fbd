"""``perf-pipeline runs``: what was run here."""

from __future__ import annotations

from typing import Annotated

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import JsonOption, RefusedError, open_store, print_json
from perf_pipeline.core.model import Outcome

OUTCOMES = ", ".join(outcome.value for outcome in Outcome)


def runs(
    suite: Annotated[str | None, typer.Option(help="Only runs of this suite.")] = None,
    target: Annotated[str | None, typer.Option(help="Only runs against this target.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only runs with this load profile.")] = None,
    outcome: Annotated[str | None, typer.Option(help=f"Only runs with this outcome ({OUTCOMES}).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first, with their outcomes."""
    from perf_pipeline.report.terminal import print_runs  # noqa: PLC0415 - keeps `--help` fast

    if outcome is not None and outcome not in list(Outcome):
        raise RefusedError(f"--outcome '{outcome}' is not an outcome; there is {OUTCOMES}.")
    with open_store() as store:
        found = store.list_runs(
            suite=suite,
            target=target,
            profile=profile,
            outcome=Outcome(outcome) if outcome else None,
            limit=limit,
        )
    if as_json:
        print_json([run.model_dump(mode="json") for run in found])
    elif not found:
        print(as_called("no runs yet: start one with `perf-pipeline run`."))
    else:
        print_runs(found)
