"""What the verbs have in common: which suite, which store, how JSON is printed."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.conventions import ENV_PROMETHEUS_URL, REPORT_HTML
from perf_pipeline.core.model import RunRecord, RunRequest, RunSamples
from perf_pipeline.defs.asking import check_request
from perf_pipeline.project import Project, find_project
from perf_pipeline.suite import USUAL_PROFILE, Suite
from perf_pipeline.suite_file import discover_suites, load_suite

if TYPE_CHECKING:
    from perf_pipeline.store.repository import Store, StoredRun

SuiteArgument = Annotated[
    str | None,
    typer.Argument(help="Name of the suite, a folder under k6/. Not needed where there is only one."),
]
TargetOption = Annotated[
    str | None, typer.Option("--target", help="Target of the suite. Default: the first in its file.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", help=f"Load profile of the suite. Default: {USUAL_PROFILE}, else the first in its file."
    ),
]
LAST = "last"
RunArgument = Annotated[str, typer.Argument(help="Run id, or the beginning of it; `last` is the newest.")]
PrometheusOption = Annotated[
    str | None,
    typer.Option("--prometheus", help="URL of a Prometheus that already runs; default: one of our own."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


class RefusedError(Exception):
    """What was asked for cannot be done; the text is one sentence that says why and what to do."""


def named_suite(project: Project, name: str | None) -> Suite:
    """The suite of that name, or the only one. Raises RefusedError or SuiteError."""
    found = discover_suites(project.root)
    names = ", ".join(sorted(found))
    if not found:
        raise RefusedError(f"no suite in {project.root / 'k6'}: write k6/<suite>/suite.yaml first.")
    if name is None:
        if len(found) > 1:
            raise RefusedError(f"there are several suites ({names}): name one.")
        name = next(iter(found))
    if name not in found:
        raise RefusedError(f"no suite '{name}' in {project.root / 'k6'}; there is {names}.")
    return load_suite(found[name])


def take_prometheus(option: str | None) -> None:
    """Let this process use the Prometheus of the option. Raises RefusedError for what is no URL."""
    url = prometheus_url(option)
    if url:
        os.environ[ENV_PROMETHEUS_URL] = url


def prepare(project: Project, suite: Suite, request: RunRequest) -> None:
    """Name all that is wrong before anything starts: the request, the home, the store."""
    check_request(suite, request)
    project.make_home()
    with open_store(project):
        pass


def prometheus_url(option: str | None) -> str | None:
    """The Prometheus of the option, else of the environment. Raises RefusedError for what is no URL."""
    said = option or os.environ.get(ENV_PROMETHEUS_URL)
    if not said:
        return None
    from perf_pipeline.stack.prometheus_server import check_url  # noqa: PLC0415 - httpx takes 0.2 s to import

    try:
        return check_url(said)
    except ValueError as error:
        raise RefusedError(f"{'--prometheus' if option else ENV_PROMETHEUS_URL}: {error}.") from None


def user_name() -> str:
    """Who is logged in; a user id without a name (a container) is ``uid 1234``."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid {os.getuid()}"


@contextmanager
def open_store(project: Project | None = None) -> Iterator[Store]:
    """The project's store. Raises StoreError."""
    from perf_pipeline.store.repository import Store  # noqa: PLC0415 - SQLAlchemy takes 0.3 s to import

    store = Store((project or find_project()).store_url)
    try:
        yield store
    finally:
        store.close()


def find_run(store: Store, name: str) -> StoredRun:
    """The run with that id, the only one whose id begins so, or the newest for ``last``.

    Raises StoreError or RefusedError.
    """
    if name != LAST:
        return store.find_run(name)
    newest = store.list_runs(limit=1)
    if not newest:
        raise RefusedError("there are no runs yet: start one with `perf-pipeline run`.")
    return newest[0]


def samples_of(project: Project, record: RunRecord) -> RunSamples | None:
    """Raw samples of a stored run; None when its folder has been removed."""
    from perf_pipeline.load.samples import load_samples  # noqa: PLC0415 - polars takes 0.2 s to import

    folder = project.run_folder(record.stack.run_id)
    try:
        return load_samples(folder)
    except FileNotFoundError:
        return None


def print_record(project: Project, record: RunRecord, suite: Suite) -> None:
    """The end of a run as a person reads it, with the place of its HTML report. ``suite``: of that run."""
    from perf_pipeline.report.terminal import print_run  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.view import build_view  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.store.past import past_of  # noqa: PLC0415 - keeps `--help` fast

    with open_store(project) as store:
        past = past_of(record, suite=suite, store=store)
    view = build_view(record, suite=suite, past=past)
    view = replace(
        view,
        baseline_sentence=as_called(view.baseline_sentence),
        hints=tuple(replace(hint, command=as_called(hint.command)) for hint in view.hints),
    )
    report = project.run_folder(record.stack.run_id) / REPORT_HTML
    print_run(view, report=_from_here(report) if report.exists() else None)


def print_json(value: Any) -> None:
    """One JSON document on stdout; dates and enums as text."""
    print(json.dumps(value, indent=2, default=str, allow_nan=False))


def _from_here(file: Path) -> str:
    """The shortest name that works in this folder."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)
