"""The suites of the project, as Dagster's code location needs them."""

from __future__ import annotations

from pathlib import Path

from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import SuiteError, discover_suites, load_suite


def load_suites(root: Path) -> list[Suite]:
    """All suites under ``root``, by name.

    Raises one SuiteError with the sentences of every broken file: the UI then shows them in place of the
    code location, rather than assets that quietly lack a suite.
    """
    suites, problems = [], []
    for _, path in sorted(discover_suites(root).items()):
        try:
            suites.append(load_suite(path))
        except SuiteError as error:
            problems += error.problems
    if problems:
        raise SuiteError(problems)
    return suites
