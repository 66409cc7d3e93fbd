"""What the verbs have in common: which suite, which store, how JSON is printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from perf_pipeline.conventions import REPORT_HTML
from perf_pipeline.core.model import RunRecord, RunSamples
from perf_pipeline.project import Project, find_project
from perf_pipeline.store.repository import Store, StoredRun
from perf_pipeline.suite import USUAL_PROFILE, Suite
from perf_pipeline.suite_file import discover_suites, load_suite

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


@contextmanager
def open_store(project: Project | None = None) -> Iterator[Store]:
    """The project's store. Raises StoreError."""
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


def print_record(project: Project, record: RunRecord) -> None:
    """The end of a run as a person reads it, with the place of its HTML report."""
    from perf_pipeline.report.terminal import print_run  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.report.view import build_view  # noqa: PLC0415

    suite = named_suite(project, record.load.fingerprint.suite)
    report = project.run_folder(record.stack.run_id) / REPORT_HTML
    print_run(build_view(record, suite=suite), report=str(report) if report.exists() else None)


def print_json(value: Any) -> None:
    """One JSON document on stdout; dates and enums as text."""
    print(json.dumps(value, indent=2, default=str, allow_nan=False))
