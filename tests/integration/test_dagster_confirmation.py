"""Dagster's daemon starts the run that another one asks for. Real parts, a judge that always asks once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import asking_judge
import dagster_parts as parts
import pytest
from dagster import DagsterInstance, DagsterRun

from perf_pipeline import conventions as names
from perf_pipeline.core.model import Outcome
from perf_pipeline.defs.confirming import SENSOR
from perf_pipeline.defs.instance import prepare_dagster_home
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun

pytestmark = pytest.mark.slow

WORKSPACE = """
load_from:
  - python_module:
      module_name: asking_location
      attribute: defs
      location_name: perf-pipeline
"""
SLOW = {"PERF_DEMO_FAULTS": f"slow={asking_judge.ENDPOINT}:30ms"}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A project whose code location has the judge of these tests."""
    made = parts.make_project(tmp_path)
    (made / "workspace.yaml").write_text(WORKSPACE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in parts.environment(made, PYTHONPATH=os.pathsep.join(sys.path), **SLOW).items():
            patch.setenv(name, value)
        prepare_dagster_home(made / "home")
        yield made


def measured(root: Path, **environment: str) -> None:
    """A run that nobody waits for, in a process of its own."""
    with parts.start_run(root, before="import asking_judge; asking_judge.install()", **environment) as run:
        out, err = run.communicate(timeout=120)
    assert "SUCCESS" in out, err


def stored() -> list[StoredRun]:
    """All runs, oldest first."""
    with Store(os.environ[names.ENV_STORE_URL]) as store:
        return store.list_runs()[::-1]


def dagster_run(run_id: str) -> DagsterRun:
    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        return run


class TestARunThatAsks:
    def test_is_confirmed_by_the_daemon_once(self, root: Path) -> None:
        measured(root, PERF_DEMO_FAULTS="")
        measured(root)
        first = stored()[-1]
        assert first.asks == asking_judge.WHY
        assert first.sentence.startswith("passed: asks for confirmation")

        with parts.dagster_ui(root, workspace=root / "workspace.yaml") as ui:
            parts.wait_until(lambda: len(stored()) > 2, 60)
            second = stored()[-1].run_id
            assert ui.wait_for_end(second) == "SUCCESS"

            baseline, _, confirming = stored()
            assert (confirming.run_id, confirming.confirms) == (second, first.run_id)
            assert confirming.launched_by == "confirmation"
            assert confirming.outcome is Outcome.REGRESSED
            assert "in 2 runs against 1 baseline run" in confirming.sentence
            assert [run.in_baseline for run in (baseline, first, confirming)] == [True, False, False]
            tags = dagster_run(second).tags
            assert (tags["perf/series"], tags["perf/series_number"]) == (first.run_id, "2")
            assert tags["dagster/sensor_name"] == SENSOR
            assert parts.benchmark_processes(root) == []
            before = ui.ticks(SENSOR)
            parts.wait_until(lambda: ui.ticks(SENSOR) > before + 1, 60)
            assert len(stored()) == 3, "it looked again, and found nothing to do"
