"""`perf-pipeline status` in a real project, beside Dagster's own files as Dagster writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cli_parts
import pytest
from cli_parts import COMMAND, Project
from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from perf_pipeline.defs.daemon_state import daemon_state

NOW = datetime.now(UTC)
SINCE = NOW - timedelta(days=30)
ELSEWHERE = """
storage:
  sqlite:
    base_dir: {folder}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = cli_parts.make_project(tmp_path_factory.mktemp("project"))
    cli_parts.fill_store(made)
    return made


class TestTheCommand:
    def test_shows_a_store_that_runs_came_into_and_ends_with_what_needs_a_person(
        self, project: Project
    ) -> None:
        answer = project.call("status", "--days", "36500")
        assert answer.code == 0, answer.err
        assert "tiny on local" in answer.out
        assert "What needs a person" in answer.out
        assert f"-> {COMMAND} archive sweep" in answer.out
        assert f"-> {COMMAND} show slow" in answer.out, "a regression, though the next run was not ready"
        assert f"-> {COMMAND} doctor tiny --target local" in answer.out, "and though another one is under way"

    def test_is_one_document_with_json(self, project: Project) -> None:
        document = project.call("status", "--days", "36500", "--json").document
        assert document["daemon"]["last_sign"] is None
        assert {run["run_id"] for run in document["no_result"]} == {"down"}

    def test_works_where_nothing_was_ever_run(self, tmp_path: Path) -> None:
        answer = cli_parts.make_project(tmp_path).call("status")
        assert answer.code == 0, answer.err
        assert "no runs, and nothing starts by itself" in answer.out


class TestTheDaemon:
    def test_that_never_ran_is_not_alive(self, tmp_path: Path) -> None:
        assert not daemon_state(tmp_path, now=NOW, since=SINCE).alive

    @pytest.mark.parametrize("asked", ["read from Dagster's files", "asked of Dagster"])
    def test_is_known_with_what_was_switched_and_what_failed(self, tmp_path: Path, asked: str) -> None:
        if asked == "asked of Dagster":
            (tmp_path / "dagster.yaml").write_text(ELSEWHERE.format(folder=tmp_path / "there"))
        else:
            (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        _a_daemon_that_ran(tmp_path)
        state = daemon_state(tmp_path, now=NOW, since=SINCE)
        assert state.alive
        assert state.switched == {"nightly": False}
        assert (state.failed_ticks, state.last_failure) == ({"nightly": 1}, "no route to host")

    @pytest.mark.parametrize("asked", ["read from Dagster's files", "asked of Dagster"])
    @pytest.mark.parametrize(
        ("latest", "failed"), [(TickStatus.SUCCESS, {}), (TickStatus.FAILURE, {"nightly": 2})]
    )
    def test_has_failures_of_days_ago_only_while_they_go_on(
        self, tmp_path: Path, asked: str, latest: TickStatus, failed: dict[str, int]
    ) -> None:
        if asked == "asked of Dagster":
            (tmp_path / "dagster.yaml").write_text(ELSEWHERE.format(folder=tmp_path / "there"))
        else:
            (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        _a_daemon_that_ran(tmp_path, latest)
        state = daemon_state(tmp_path, now=NOW + timedelta(days=3), since=SINCE)
        assert state.failed_ticks == failed

    def test_that_gave_its_last_sign_an_hour_ago_is_not_alive(self, tmp_path: Path) -> None:
        (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        _a_daemon_that_ran(tmp_path)
        state = daemon_state(tmp_path, now=NOW + timedelta(hours=1), since=SINCE)
        assert (state.alive, state.last_sign) == (False, NOW)


def _a_daemon_that_ran(dagster_home: Path, latest: TickStatus = TickStatus.SUCCESS) -> None:
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name="perf_pipeline.definitions"), location_name="perf-pipeline"
    )
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), "nightly")
    state = InstigatorState(
        origin, InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, ScheduleInstigatorData("0 2 * * *")
    )
    error = SerializableErrorInfo("no route\nto host", [], "ConnectError")
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        for daemon in ("SCHEDULER", "SENSOR"):
            instance.add_daemon_heartbeat(DaemonHeartbeat(NOW.timestamp(), daemon, "1", []))
        instance.add_instigator_state(state)
        for minutes, status in ((5, TickStatus.FAILURE), (1, latest)):
            instance.create_tick(
                TickData(
                    state.instigator_origin_id,
                    "nightly",
                    InstigatorType.SCHEDULE,
                    status,
                    (NOW - timedelta(minutes=minutes)).timestamp(),
                    run_ids=[],
                    run_keys=[],
                    error=error if status is TickStatus.FAILURE else None,
                    selector_id=state.selector_id,
                )
            )
