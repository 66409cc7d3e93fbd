"""``perf-pipeline explain``: everything that follows from one endpoint of the suite file."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from perf_pipeline.cli.shared import JsonOption, RefusedError, SuiteArgument, named_suite, print_json
from perf_pipeline.conventions import SUITE_FILE
from perf_pipeline.monitoring.explain import PANEL, Artefact
from perf_pipeline.monitoring.explain import explain as artefacts
from perf_pipeline.monitoring.generate import generated_files
from perf_pipeline.project import find_project
from perf_pipeline.suite_units import did_you_mean


def explain(
    endpoint: Annotated[str, typer.Argument(help="Name of an endpoint in the suite file.")],
    suite: SuiteArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Show all that comes from one endpoint of the suite.

    Every rule, alert, threshold and panel, with file and line.
    """
    project = find_project()
    of_suite = named_suite(project, suite)
    if endpoint not in of_suite.endpoints:
        hint = did_you_mean(endpoint, list(of_suite.endpoints))
        raise RefusedError(f"suite {of_suite.name} has no endpoint '{endpoint}'{hint}")
    found = artefacts(
        of_suite,
        endpoint,
        suite_text=(of_suite.folder / SUITE_FILE).read_text(encoding="utf-8"),
        files=generated_files(of_suite),
    )
    if as_json:
        print_json([artefact.model_dump() for artefact in found])
        return
    for artefact in found:
        if not artefact.shared:
            print(_shown(artefact, artefact.text))
    print("\nFor this endpoint among others, told apart by the label `endpoint` or by a list of names:\n")
    for artefact in found:
        if artefact.shared:
            # An alert's sentences are long, and panels for all endpoints ask the same for each.
            asked = artefact.text.partition("\n  annotations:")[0]
            print(_shown(artefact, "" if artefact.kind == PANEL else asked))


def _shown(artefact: Artefact, text: str) -> str:
    place = f"{artefact.file}:{artefact.line}: {artefact.kind} {artefact.name}"
    return f"{place}\n{textwrap.indent(text, '    ')}" if text else place
