"""``perf-pipeline generate``: everything that is derived from the suite file."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from perf_pipeline.cli.shared import RefusedError, SuiteArgument, named_suite
from perf_pipeline.monitoring.generate import generated_files
from perf_pipeline.monitoring.rules import colliding_records
from perf_pipeline.project import find_project
from perf_pipeline.suite_file import discover_suites, load_suite


def generate(
    suite: SuiteArgument = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 with a diff when a file differs.")
    ] = False,
) -> None:
    """Write the files that derive from suite.yaml (for all suites, unless one is named)."""
    project = find_project()
    found = [load_suite(file) for file in discover_suites(project.root).values()]
    collisions = colliding_records(found)  # with the other suites, also when one is named
    if collisions:
        raise RefusedError("\n".join(collisions))
    differing = 0
    for each in [named_suite(project, suite)] if suite else found:
        for path, text in generated_files(each).items():
            file = project.root / path
            old = file.read_text() if file.exists() else ""
            if old == text:
                continue
            differing += 1
            if check:
                diff = difflib.unified_diff(
                    old.splitlines(), text.splitlines(), path, f"{path} (generated)", lineterm=""
                )
                print("\n".join(diff))
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
                print(f"wrote {path}")
    if not differing:
        print("all generated files are up to date.")
    elif check:
        print(f"{differing} generated files differ from the suite; repair them with: perf-pipeline generate")
        raise typer.Exit(1)
