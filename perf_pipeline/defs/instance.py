"""Dagster's own home: storage of runs and events, shared by the command line and the UI."""

from __future__ import annotations

import os
from pathlib import Path

DAGSTER_YAML = """\
# Written once by perf-pipeline; yours to change. Dagster keeps SQLite files in this folder, unless told
# otherwise under `storage:`.
telemetry:
  enabled: false
nux:
  enabled: false

# One benchmark at a time: two on one machine would measure each other.
concurrency:
  pools:
    granularity: run
    default_limit: 1

# Also knows the runs that the command line executes in its own process.
run_launcher:
  module: perf_pipeline.defs.launcher
  class: LocalRunLauncher

# A run whose process does not answer to a cancellation is marked as canceled, instead of hanging for ever.
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  cancel_timeout_seconds: 120
  poll_interval_seconds: 30
"""


def prepare_dagster_home(home: Path) -> Path:
    """Make ``<home>/dagster`` with its configuration if it is not there, and set DAGSTER_HOME to it."""
    folder = home.resolve() / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.exists():
        config.write_text(DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder
