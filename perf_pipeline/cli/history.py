"""``perf-pipeline history``: when endpoints changed, and how far they have drifted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import (
    JsonOption,
    ProfileOption,
    RefusedError,
    SuiteArgument,
    TargetOption,
    named_suite,
    open_store,
    print_json,
)
from perf_pipeline.project import find_project


def history(
    suite: SuiteArgument = None,
    target: TargetOption = None,
    profile: ProfileOption = None,
    endpoint: Annotated[
        list[str] | None, typer.Option("--endpoint", help="Only this endpoint; may be repeated.")
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", help="Runs under this fingerprint. Default: that of the newest run."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show when endpoints changed, and by how much.

    Change points over all valid runs, with date, run and revision; the drift against the pinned baseline or
    the first runs; whether the baseline spans a change; how many alarms there were, and how many confirmed.
    """
    # Imported here: SciPy and rich would keep `--help` waiting.
    from perf_pipeline.report.terminal_history import print_history  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.store.past import read_past  # noqa: PLC0415 - keeps `--help` fast

    project = find_project()
    chosen = named_suite(project, suite)
    unknown = [name for name in endpoint or [] if name not in chosen.endpoints]
    if unknown:
        raise RefusedError(
            f"--endpoint '{unknown[0]}' is not in suite {chosen.name}; "
            f"there is {', '.join(chosen.endpoints)}."
        )
    with open_store(project) as store:
        past = read_past(
            store,
            chosen,
            target=target or chosen.default_target,
            profile=profile or chosen.default_profile,
            now=datetime.now(UTC),
            fingerprint_key=fingerprint,
        ).only(endpoint)
    if as_json:
        print_json(past.model_dump(mode="json") | {"budget_sentence": past.budget.sentence})
    elif past.history is None:
        under = f" under fingerprint {fingerprint}" if fingerprint else ""
        print(
            as_called(
                f"no valid run of {chosen.name} on {past.target} with profile {past.profile}{under} yet: "
                "start one with `perf-pipeline run`."
            )
        )
    else:
        print_history(past, as_called=as_called)
