"""``perf-pipeline baseline``: what runs are compared with, and who decided it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypedDict

import typer

from perf_pipeline.cli.shared import (
    JsonOption,
    ProfileOption,
    RefusedError,
    RunArgument,
    SuiteArgument,
    TargetOption,
    find_run,
    named_suite,
    open_store,
    print_json,
    user_name,
)
from perf_pipeline.core.wording import count
from perf_pipeline.project import find_project

app = typer.Typer(
    help="Show or change the runs that new runs are compared with. Every change keeps who, when and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]
WhoOption = Annotated[str | None, typer.Option("--who", help="Who decides; default: the user logged in.")]


@app.command("show")
def show(
    suite: SuiteArgument = None,
    target: TargetOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the runs that new runs are compared with.

    The baselines of a suite, target and profile: their runs, and every decision about them.
    """
    from perf_pipeline.report.terminal import print_baselines  # noqa: PLC0415 - keeps `--help` fast

    place = _place(suite, target, profile)
    with open_store() as store:
        found = store.baselines(**place)
    if as_json:
        print_json([baseline.model_dump(mode="json") for baseline in found])
    elif not found:
        print(f"no baseline for {_named(place)}: the first valid run becomes it.")
    else:
        print_baselines(found)


@app.command("accept")
def accept(
    run: RunArgument,
    reason: ReasonOption,
    who: WhoOption = None,
    reset: Annotated[
        bool | None,
        typer.Option(
            "--reset/--no-reset",
            help="Begin the baseline anew with this run. Default: only when an endpoint of it regressed or "
            "improved, or all of them changed together.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a run into the baseline by hand.

    Such as a regression that is wanted. The runs that confirmed it, or that it confirmed, enter with it.
    """
    with open_store() as store:
        found = find_run(store, run)
        said = store.accept(found.run_id, who=_who(who), reason=_given(reason), at=_now(), reset=reset)
    _say(said, as_json, run_ids=[found.run_id])


@app.command("pin")
def pin(
    run: Annotated[list[str], typer.Argument(help="Run ids, or their beginnings.")],
    reason: ReasonOption,
    who: WhoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare with exactly these runs from now on.

    Such as those of a release.
    """
    with open_store() as store:
        run_ids = [find_run(store, prefix).run_id for prefix in run]
        said = store.pin(run_ids, who=_who(who), reason=_given(reason), at=_now())
    _say(said, as_json, run_ids=run_ids)


@app.command("unpin")
def unpin(
    reason: ReasonOption,
    suite: SuiteArgument = None,
    target: TargetOption = None,
    profile: ProfileOption = None,
    who: WhoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go back from a pinned baseline to the automatic one."""
    place = _place(suite, target, profile)
    with open_store() as store:
        removed = store.unpin(**place, who=_who(who), reason=_given(reason), at=_now())
    said = f"{removed} runs are no longer pinned; the automatic baseline counts again."
    _say(said, as_json, **place, removed=removed)


@app.command("reset")
def reset(
    reason: ReasonOption,
    suite: SuiteArgument = None,
    target: TargetOption = None,
    profile: ProfileOption = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="The run to begin with; later ones stay. Default: from now on."),
    ] = None,
    who: WhoOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin the automatic baseline anew.

    Earlier runs stop counting, such as after a change of the machine. A pinned baseline stays in force, and
    the runs themselves stay, too.
    """
    place = _place(suite, target, profile)
    with open_store() as store:
        first_run = find_run(store, first).run_id if first else None
        removed = store.reset(**place, who=_who(who), reason=_given(reason), at=_now(), first_run=first_run)
    since = f"run {first_run}" if first_run else "the next run"
    said = f"the baseline of {_named(place)} begins anew with {since}: {count(removed, 'run')} left it."
    _say(said, as_json, **place, removed=removed)


class _Place(TypedDict):
    suite: str
    target: str
    profile: str


def _place(suite: str | None, target: str | None, profile: str | None) -> _Place:
    chosen = named_suite(find_project(), suite)
    return _Place(
        suite=chosen.name,
        target=target or chosen.default_target,
        profile=profile or chosen.default_profile,
    )


def _named(place: _Place) -> str:
    return f"{place['suite']} on {place['target']} with profile {place['profile']}"


def _say(sentence: str, as_json: bool, **facts: object) -> None:
    if as_json:
        print_json({"sentence": sentence, **facts})
    else:
        print(sentence)


def _who(who: str | None) -> str:
    return who or user_name()


def _given(reason: str) -> str:
    if not reason.strip():
        raise RefusedError("--reason is empty: say why, in a few words, for whoever looks in later.")
    return reason.strip()


def _now() -> datetime:
    return datetime.now(UTC)
