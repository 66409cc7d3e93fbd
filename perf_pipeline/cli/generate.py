"""``perf-pipeline generate``: everything that is derived from the suite file."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import JsonOption, RefusedError, SuiteArgument, named_suite, print_json
from perf_pipeline.core.wording import count
from perf_pipeline.monitoring.generate import generated_files
from perf_pipeline.monitoring.rules import colliding_records
from perf_pipeline.project import find_project
from perf_pipeline.suite_file import discover_suites, load_suite


def generate(
    suite: SuiteArgument = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 with a diff when a file differs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the files that derive from suite.yaml.

    For all suites, unless one is named.
    """
    project = find_project()
    found = [load_suite(file) for file in discover_suites(project.root).values()]
    collisions = colliding_records(found)  # with the other suites, also when one is named
    if collisions:
        raise RefusedError("\n".join(collisions))
    differing: list[str] = []
    suites = [named_suite(project, suite)] if suite else found
    # One file is of all suites, and all generate the same: a dictionary holds it once.
    files = {path: text for each in suites for path, text in generated_files(each).items()}
    for path, text in files.items():
        file = project.root / path
        old = file.read_text() if file.exists() else ""
        if old == text:
            continue
        differing.append(path)
        if not check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        if not as_json:
            print(_diff(path, old, text) if check else f"wrote {path}")
    if as_json:
        print_json({"differing" if check else "written": differing})
    elif not differing:
        print("all generated files are up to date.")
    elif check:
        print(
            as_called(
                f"out of date: {count(len(differing), 'generated file')}; run `perf-pipeline generate`."
            )
        )
    if differing and check:
        raise typer.Exit(1)


def _diff(path: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), path, f"{path} (generated)", lineterm="")
    return "\n".join(lines)
