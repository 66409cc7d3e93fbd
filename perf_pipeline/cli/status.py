"""``perf-pipeline status``: what ran, what is due, and what needs a person."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import JsonOption, open_store, print_json
from perf_pipeline.core.model import Outcome
from perf_pipeline.defs.naming import schedule_name
from perf_pipeline.project import Project, find_project
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import SuiteError, discover_suites, load_suite

if TYPE_CHECKING:
    from perf_pipeline.report.status_model import Found, HomeView
    from perf_pipeline.store.repository import Store
    from perf_pipeline.store.values import StoredRun

MOST_RUNS = 10_000  # of the period: one every five minutes for a month


def status(
    days: Annotated[int, typer.Option(min=1, help="How far back to look.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """Show what ran, what is due, and what needs a person."""
    # Imported here: rich and yaml would keep `--help` waiting.
    from perf_pipeline.report.status import status_view  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.terminal_status import print_status  # noqa: PLC0415 - keeps `--help` fast

    project = find_project()
    project.make_home()
    with open_store(project) as store:
        view = status_view(_found(project, store, now=datetime.now(UTC), days=days))
    if as_json:
        print_json(view.model_dump(mode="json"))
    else:
        print_status(view, as_called=as_called)


def _found(project: Project, store: Store, *, now: datetime, days: int) -> Found:
    from perf_pipeline.defs.daemon_state import daemon_state  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.status_model import Found  # noqa: PLC0415 - keeps `--help` fast

    since = now - timedelta(days=days)
    suites, broken = _suites(project)
    places = [(suite.name, target) for suite in suites for target in suite.targets]
    newest = {place: store.list_runs(suite=place[0], target=place[1], limit=1) for place in places}
    last = {place: runs[0] for place, runs in newest.items() if runs}
    return Found(
        at=now,
        days=days,
        suites=suites,
        broken_suites=broken,
        runs=store.list_runs(since=since, limit=MOST_RUNS),
        last=last,
        ended={
            (suite.name, target): _newest_ended(store, suite, target)
            for suite in suites
            for target in suite.targets
        },
        baseline={
            (suite.name, target): _baseline_sizes(store, suite, target)
            for suite in suites
            for target in suite.targets
        },
        pauses=store.pauses(),
        deploys=store.list_deploys(limit=MOST_RUNS),
        notices=store.notices(since=since),
        archives=store.archives(),
        unarchived=store.to_archive(),
        daemon=daemon_state(project.home / "dagster", now=now, since=since),
        home=_home(project.home),
        schedule_names={
            (suite.name, target.name, one.name): schedule_name(suite.name, target.name, one.name)
            for suite in suites
            for target in suite.targets.values()
            for one in target.schedules
        },
    )


def _suites(project: Project) -> tuple[list[Suite], list[str]]:
    """A broken file does not keep the others from being shown: its sentences are."""
    suites: list[Suite] = []
    broken: list[str] = []
    for _, file in sorted(discover_suites(project.root).items()):
        try:
            suites.append(load_suite(file))
        except SuiteError as error:
            broken += error.problems
    return suites, broken


def _newest_ended(store: Store, suite: Suite, target: str) -> list[StoredRun]:
    """Of each profile and outcome the newest run, however long ago."""
    return [
        run
        for profile in suite.profiles
        if store.list_runs(suite=suite.name, target=target, profile=profile, limit=1)
        for outcome in Outcome
        for run in store.list_runs(suite=suite.name, target=target, profile=profile, outcome=outcome, limit=1)
    ]


def _baseline_sizes(store: Store, suite: Suite, target: str) -> dict[str, int]:
    """Profile -> runs that count in its baseline, where there is one."""
    sizes = {}
    for profile in suite.profiles:
        for one in store.baselines(suite=suite.name, target=target, profile=profile):
            if one.in_use:
                sizes[profile] = sum(member.removed_at is None for member in one.members)
    return {profile: size for profile, size in sizes.items() if size}


def _home(home: Path) -> HomeView:
    from perf_pipeline.report.status_model import HomeView  # noqa: PLC0415 - keeps `--help` fast

    return HomeView(
        folder=str(home),
        free_bytes=shutil.disk_usage(home).free,
        parts={entry.name: _bytes(Path(entry)) for entry in os.scandir(home)},
    )


def _bytes(place: Path) -> int:
    """What a file or a folder takes; files that vanish meanwhile count nothing."""
    if not place.is_dir():
        return _size(place)
    return sum(_size(Path(folder) / name) for folder, _, names in os.walk(place) for name in names)


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except FileNotFoundError:
        return 0
