"""``perf-pipeline doctor``: would a benchmark run here?"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated

import typer

from perf_pipeline.cli.shared import JsonOption, SuiteArgument, TargetOption, named_suite, print_json
from perf_pipeline.conventions import ENV_PROMETHEUS_URL
from perf_pipeline.core.model import Outcome
from perf_pipeline.project import Project, find_project
from perf_pipeline.stack.doctor import Check, run_checks
from perf_pipeline.store.repository import Store, StoreError


def doctor(
    suite: SuiteArgument = None,
    target: TargetOption = None,
    prometheus: Annotated[
        str | None, typer.Option(help="URL of a Prometheus that already runs; default: one of our own.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check everything that a benchmark needs, in a few seconds. Starts nothing, sends no load.

    Exit codes: 0 ready, 6 something is missing.
    """
    project = find_project()
    url = prometheus or os.environ.get(ENV_PROMETHEUS_URL)
    chosen = named_suite(project, suite)
    checks = run_checks(
        chosen,
        target or chosen.default_target,
        home=project.home,
        tools=project.tools,
        stack_kind="external" if url else "embedded",
        prometheus_url=url,
    )
    checks.append(_store(project))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mark = "ok" if check.ok and not check.advice else "note" if check.ok else "FAIL"
            print(f"{mark:5} {check.name:12} {check.sentence}")
            if check.advice:
                print(f"{'':18} -> {check.advice}")
    if not all(check.ok for check in checks):
        raise typer.Exit(Outcome.NOT_READY.exit_code)


def _store(project: Project) -> Check:
    if project.store_url.startswith("sqlite") and not project.home.exists():
        return Check("store", True, f"not here yet: the first run makes {project.home}")
    try:
        with Store(project.store_url) as store:
            where = store.where
    except StoreError as error:
        return Check("store", False, str(error), "correct PERF_PIPELINE_STORE_URL, or start the database")
    return Check("store", True, where)
