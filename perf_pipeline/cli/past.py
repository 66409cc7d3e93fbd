"""Suites of stored runs: an old run can be read although today's suite file is wrong, or gone."""

from __future__ import annotations

from pathlib import Path

from perf_pipeline.core.model import EndpointSlo, RunRecord
from perf_pipeline.project import Project
from perf_pipeline.suite import Endpoint, Objectives, Suite
from perf_pipeline.suite_file import SuiteError, discover_suites, load_suite


def suite_today(project: Project, record: RunRecord) -> Suite | None:
    """The suite of that name as its file is now; None: there is none, or it cannot be read."""
    file = discover_suites(project.root).get(record.load.fingerprint.suite)
    try:
        return load_suite(file) if file else None
    except SuiteError:
        return None


def suite_as_recorded(record: RunRecord) -> Suite:
    """What a record tells of its suite: endpoints and objectives, but no profile, target or path."""
    return Suite(
        name=record.load.fingerprint.suite,
        description="",
        folder=Path(record.stack.run_folder),
        script="",
        endpoints={slo.endpoint: _endpoint(slo) for slo in record.slo.endpoints},
        profiles={},
        targets={},
        allowed_origins=(),
    )


def _endpoint(slo: EndpointSlo) -> Endpoint:
    return Endpoint(
        name=slo.endpoint,
        method="",
        path="",
        weight=1,
        metric="",
        record="",
        slo=Objectives(
            p95_ms=slo.p95_objective_ms,
            p50_ms=slo.p50_objective_ms,
            error_ratio=slo.error_objective_ratio,
        ),
    )
