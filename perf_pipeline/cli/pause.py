"""``perf-pipeline pause`` and ``resume``: start nothing for a while, and say why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import RefusedError, named_suite, open_store, user_name
from perf_pipeline.defs.asking import check_known
from perf_pipeline.project import Project, find_project
from perf_pipeline.store.values import scope_words
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import discover_suites, load_suite

if TYPE_CHECKING:
    from perf_pipeline.store.repository import Pause, Store

SuiteScope = Annotated[str | None, typer.Argument(help="Only this suite. Default: every suite.")]
TargetScope = Annotated[str | None, typer.Option("--target", help="Only this target. Default: every target.")]


def pause(
    suite: SuiteScope = None,
    target: TargetScope = None,
    reason: Annotated[str, typer.Option(help="Why; shown wherever something is skipped for it.")] = "",
) -> None:
    """Start no benchmark until `resume`.

    Schedules and sensors skip, `run` and the UI are refused. A run that is under way goes on, and
    `run --despite-pause` is let through.
    """
    if not reason.strip():
        raise RefusedError(
            "a pause needs a reason, for whoever wonders why nothing runs: add --reason 'migration'."
        )
    project = find_project()
    _check(project, suite, target)
    project.make_home()
    with open_store(project) as store:
        known = store.pause(suite, target, reason=reason.strip(), who=user_name(), at=datetime.now(UTC))
        new = next(one for one in store.pauses() if (one.suite, one.target) == (suite, target))
        under_way = _under_way(store, new)
    print(as_called(f"already paused, nothing changed: {known.sentence}" if known else new.sentence))
    for run in under_way:
        print(f"run {run} is under way and goes on")


def resume(
    suite: SuiteScope = None,
    target: TargetScope = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the pause.")] = "",
) -> None:
    """End the pause of exactly this suite and target.

    What a wider or narrower one keeps paused is said.
    """
    project = find_project()
    _check(project, suite, target)
    project.make_home()
    with open_store(project) as store:
        ended = store.resume(suite, target, reason=reason.strip(), who=user_name(), at=datetime.now(UTC))
        left = [one for one in store.pauses() if _meets(one, suite, target)]
    if ended is None:
        print(f"{scope_words(suite, target)} was not paused: nothing changed")
    else:
        print(f"{ended.of} is resumed; it was paused since {ended.at:%Y-%m-%d %H:%M} UTC: {ended.reason}")
    for one in left:
        print(as_called(f"still paused: {one.sentence}"))


def _check(project: Project, suite: str | None, target: str | None) -> None:
    """Raises RefusedError or ConfigurationError for a suite or target that there is not."""
    if suite is not None:
        check_known(named_suite(project, suite), target=target, profile=None)
    elif target is not None:
        suites = [load_suite(folder) for folder in discover_suites(project.root).values()]
        if not any(target in one.targets for one in suites):
            raise RefusedError(f"no suite has a target '{target}' (there is {_targets(suites)}).")


def _targets(suites: list[Suite]) -> str:
    return ", ".join(sorted({name for one in suites for name in one.targets})) or "none"


def _under_way(store: Store, pause: Pause) -> list[str]:
    runs = store.list_runs(suite=pause.suite, target=pause.target)
    return [run.run_id for run in runs if run.outcome is None and not run.waits]


def _meets(pause: Pause, suite: str | None, target: str | None) -> bool:
    """It keeps something paused that was asked to be resumed."""
    same_suite = pause.suite is None or suite in (None, pause.suite)
    return same_suite and (pause.target is None or target in (None, pause.target))
