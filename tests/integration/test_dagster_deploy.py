"""Dagster's daemon sees a deploy and measures it. Real parts: daemon, sensor, backend, load."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster_parts as parts
import deploy_parts
import pytest
from dagster import DagsterInstance

from perf_pipeline import conventions as names
from perf_pipeline.defs.deploying import SENSOR
from perf_pipeline.defs.instance import prepare_dagster_home
from perf_pipeline.store.repository import Store, StoredDeploy, StoredRun
from perf_pipeline.store.values import DeployState

pytestmark = pytest.mark.slow

WORKSPACE = """
load_from:
  - python_module:
      module_name: deploying_location
      attribute: defs
      location_name: perf-pipeline
"""
PLACE = (parts.SUITE, deploy_parts.TARGET)


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[deploy_parts.Deployable]:
    with deploy_parts.deployable(tmp_path / "backend") as made:
        made.deploy("1.4.0")
        yield made


@pytest.fixture
def root(tmp_path: Path, backend: deploy_parts.Deployable) -> Iterator[Path]:
    made = deploy_parts.watched_project(tmp_path / "project", backend.url, settle="2s")
    (made / "workspace.yaml").write_text(WORKSPACE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in parts.environment(made, PYTHONPATH=os.pathsep.join(sys.path)).items():
            patch.setenv(name, value)
        prepare_dagster_home(made / "home")
        yield made


def deploys() -> list[StoredDeploy]:
    with Store(os.environ[names.ENV_STORE_URL]) as store:
        return store.list_deploys()


def run(run_id: str) -> StoredRun:
    with Store(os.environ[names.ENV_STORE_URL]) as store:
        return store.find_run(run_id)


class TestADeploy:
    def test_is_seen_and_measured_by_the_daemon_once(
        self, root: Path, backend: deploy_parts.Deployable
    ) -> None:
        with parts.dagster_ui(root, workspace=root / "workspace.yaml") as ui:
            parts.wait_until(lambda: ui.ticks(SENSOR) > 0, 60)
            backend.deploy("1.5.0")
            parts.wait_until(lambda: any(one.state is DeployState.MEASURED for one in deploys()), 120)
        (deploy,) = deploys()
        assert (deploy.number, deploy.revision, deploy.previous_revision) == (1, "1.5.0", "1.4.0")
        measured = run(deploy.run_id or "")
        assert measured.deploy == deploy.as_deploy
        assert (measured.revision, measured.launched_by) == ("1.5.0", "deploy")
        assert measured.measured
        report = root / "home" / "runs" / measured.run_id / names.REPORT_MARKDOWN
        assert "- deploy: deploy 1 (version endpoint): 1.4.0 -> 1.5.0, seen " in report.read_text()
        with DagsterInstance.get() as instance:
            tags = instance.get_run_by_id(measured.run_id).tags  # type: ignore[union-attr]
        assert tags["dagster/run_key"].startswith("tiny:own:deploy:1:")
        assert tags["dagster/sensor_name"] == SENSOR
        found = {name: tags[f"perf/{name}"] for name in ("deploy", "revision", "previous_revision")}
        assert found == {"deploy": "1", "revision": "1.5.0", "previous_revision": "1.4.0"}
