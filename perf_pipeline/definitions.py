"""Dagster's entry point, named in workspace.yaml: composition only."""

from __future__ import annotations

from perf_pipeline.defs.build import build_definitions
from perf_pipeline.defs.suites import load_suites
from perf_pipeline.project import find_project

_project = find_project()

defs = build_definitions(load_suites(_project.root), _project)
