"""``perf-pipeline doctor``: would a benchmark run here?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import (
    JsonOption,
    PrometheusOption,
    SuiteArgument,
    TargetOption,
    named_suite,
    print_json,
    prometheus_url,
)
from perf_pipeline.conventions import ENV_STORE_URL
from perf_pipeline.core.model import Outcome
from perf_pipeline.project import Project, find_project

if TYPE_CHECKING:
    from perf_pipeline.stack.doctor import Check

STORE_TIMEOUT_S = 2  # the least that PostgreSQL's client knows


def doctor(
    suite: SuiteArgument = None,
    target: TargetOption = None,
    prometheus: PrometheusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check everything that a benchmark needs, in a few seconds. Starts nothing, sends no load.

    Exit codes: 0 ready, 6 something is missing.
    """
    from perf_pipeline.stack.doctor import run_checks  # noqa: PLC0415 - keeps the other verbs fast

    project = find_project()
    url = prometheus_url(prometheus)
    chosen = named_suite(project, suite)
    checks = run_checks(
        chosen,
        target or chosen.default_target,
        home=project.home,
        tools=project.tools,
        stack_kind="external" if url else "embedded",
        prometheus_url=url,
        more={"store": lambda: _store(project)},
    )
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mark = "ok" if check.ok and not check.advice else "note" if check.ok else "FAIL"
            print(f"{mark:5} {check.name:12} {check.sentence}")
            if check.advice:
                print(f"{'':18} -> {as_called(check.advice)}")
    if not all(check.ok for check in checks):
        raise typer.Exit(Outcome.NOT_READY.exit_code)


def _store(project: Project) -> Check:
    from perf_pipeline.stack.doctor import Check  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.store.errors import StoreError  # noqa: PLC0415 - keeps `--help` fast
    from perf_pipeline.store.probe import look_at_store  # noqa: PLC0415 - SQLAlchemy takes 0.3 s to import

    try:
        return Check("store", True, look_at_store(project.store_url, timeout_s=STORE_TIMEOUT_S))
    except StoreError as error:
        return Check("store", False, str(error), f"correct {ENV_STORE_URL}, or start the database")
