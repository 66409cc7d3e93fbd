"""A run whose process is killed, and a database that is: nothing stays behind, and nothing is lost."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster_parts as parts
import pytest
from builders import run_record
from dagster import DagsterInstance, DagsterRunStatus, build_sensor_context
from played_parts import PlayedParts, played_world
from postgres import MortalPostgres, mortal_postgres
from store_parts import begun

from perf_pipeline import conventions as names
from perf_pipeline.cli.series import run_series
from perf_pipeline.core.model import Outcome
from perf_pipeline.defs.housekeeping import NOTHING, clean_up, housekeeping_sensor
from perf_pipeline.defs.instance import prepare_dagster_home
from perf_pipeline.defs.kept import keep_outcome, keep_record
from perf_pipeline.defs.launch import LaunchResult
from perf_pipeline.defs.lost import NOTICE, find_lost
from perf_pipeline.defs.parts import Parts
from perf_pipeline.project import Project, find_project
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.store.errors import StoreError, UnreachableError
from perf_pipeline.store.repository import Store

AWAY_S = 2.0
NO_PID = 2**22 + 1  # above what Linux hands out


def tick(project: Project, instance: DagsterInstance) -> str:
    """What the daemon's sensor finds at this moment."""
    sensor = housekeeping_sensor(project, Parts())
    with build_sensor_context(instance=instance) as context:
        return str(sensor.evaluate_tick(context).skip_message)


@pytest.mark.slow
class TestARunWhoseProcessIsKilledInTheLoad:
    def test_is_cleaned_up_after_though_nobody_starts_another_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = parts.make_project(tmp_path)
        lock = root / "benchmark.lock"
        for name, value in parts.environment(root, **{names.ENV_LOCK: str(lock)}).items():
            monkeypatch.setenv(name, value)
        prepare_dagster_home(root / "home")
        project = find_project()
        with DagsterInstance.get() as instance:
            with parts.start_run(root) as run:
                parts.wait_for_line(run, "progress warmup")
                assert tick(project, instance) == NOTHING, "a run that lives is left alone"
                assert len(parts.benchmark_processes(root)) >= 3
                run.kill()

            said = tick(project, instance)

            assert parts.benchmark_processes(root) == []
            assert list((root / "home" / "processes").iterdir()) == []
            assert HostLock(lock).busy() is None
            (dagster_run,) = instance.get_runs()
            assert dagster_run.status is DagsterRunStatus.FAILURE
            assert tick(project, instance) == NOTHING
        with Store(project.store_url) as store:
            (stored,) = store.list_runs()
            notices = store.notices(since=datetime.now(UTC) - timedelta(minutes=5), kind=NOTICE)
        assert stored.outcome is Outcome.LOST
        assert f"run {stored.run_id} of tiny on local: lost: its process (pid {run.pid} on " in said
        assert "ended Prometheus (pid " in said
        told = [one.sentence for one in notices]
        assert any(f"the process of run {stored.run_id} died: lost: its process" in one for one in told)
        assert any("ended Prometheus (pid " in one for one in told)


@contextmanager
def restarting(server: MortalPostgres) -> Iterator[None]:
    """Killed now, and back on the same data after ``AWAY_S``."""
    server.kill()

    def later() -> None:
        time.sleep(AWAY_S)
        server.start()

    starter = threading.Thread(target=later)
    starter.start()
    try:
        yield
    finally:
        starter.join(60)


class TestADatabaseThatIsKilledWhenARunIsToBeStored:
    @pytest.fixture(scope="class")
    def server(self) -> Iterator[MortalPostgres]:
        with mortal_postgres() as one:
            yield one

    def test_keeps_the_run_waiting_and_has_all_of_it_afterwards(
        self, tmp_path: Path, server: MortalPostgres
    ) -> None:
        with played_world(tmp_path) as world:
            world.project = replace(world.project, store_url=server.url)
            gone = restarting(server)
            result = world.run(PlayedParts(on_snapshot=gone.__enter__))
            gone.__exit__(None, None, None)
            assert result.success
            stored = world.stored(result.run_id)
        assert (stored.outcome, stored.measured, stored.in_baseline) == (Outcome.PASSED, True, True)

    def test_keeps_one_that_broke_waiting_too(self, tmp_path: Path, server: MortalPostgres) -> None:
        with played_world(tmp_path) as world:
            world.project = replace(world.project, store_url=server.url)
            gone = restarting(server)

            def breaks() -> None:
                gone.__enter__()
                raise RuntimeError("no such thing")

            result = world.run(PlayedParts(on_load=breaks))
            gone.__exit__(None, None, None)
            assert world.stored(result.run_id).outcome is Outcome.INVALID

    def test_that_stays_away_to_the_end_gets_the_outcome_from_the_runs_folder(
        self, tmp_path: Path, server: MortalPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perf_pipeline.store.database.OUTAGE_S", 0.2)

        def breaks() -> None:
            server.kill()
            raise RuntimeError("no such thing")

        with played_world(tmp_path) as world:
            world.project = replace(world.project, store_url=server.url)
            try:
                run_id = world.run(PlayedParts(on_load=breaks)).run_id
            finally:
                server.start()
            assert world.stored(run_id).outcome is None
            monkeypatch.setattr("perf_pipeline.defs.lost.is_alive", lambda *_: False)
            with Store(server.url) as store:
                find_lost(store, datetime.now(UTC))
            stored = world.stored(run_id)
        assert (stored.outcome, stored.measured) == (Outcome.INVALID, False)
        assert stored.sentence.startswith("invalid: internal error in step load_test: ")

    def test_says_that_it_has_gone_when_it_stays_away(
        self, server: MortalPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perf_pipeline.store.database.OUTAGE_S", 0.2)
        with Store(server.url) as store:
            server.kill()
            try:
                with pytest.raises(UnreachableError, match=r"cannot be used .*: check that it is there"):
                    store.list_runs()
            finally:
                server.start()


class TestTheSensorWhileTheStoreIsAway:
    def test_skips_and_says_why(self, tmp_path: Path) -> None:
        url = "postgresql://perf:hunter2@127.0.0.1:1/perf"
        project = Project(root=tmp_path, home=tmp_path, tools=tmp_path, store_url=url)
        with DagsterInstance.ephemeral() as instance:
            said = tick(project, instance)
        assert said.startswith(
            "runs that died are looked for at the next tick: the store at postgresql://127"
        )


def died(store: Store, run_id: str, run_folder: Path, **more: Any) -> None:
    """Begun on this host by a process that is not there any more."""
    begun(store, run_id, run_folder=str(run_folder), owner_pid=NO_PID, host=socket.gethostname(), **more)


class TestARunThatWasJudgedWhenItsProcessDied:
    def test_is_taken_from_its_folder_and_enters_no_baseline(self, tmp_path: Path) -> None:
        record = run_record()
        record = record.model_copy(
            update={"stack": record.stack.model_copy(update={"run_folder": str(tmp_path)})}
        )
        run_id = record.stack.run_id
        (tmp_path / "values").mkdir()
        half = tmp_path / "values" / ".run_report.json.x7f3"
        half.touch()
        with Store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
            died(store, run_id, tmp_path, request=record.stack.request)
            keep_record(record)
            (found,) = find_lost(store, datetime.now(UTC))
            assert (found.run_id, found.outcome, found.in_baseline) == (run_id, record.outcome, False)
            said = store.record(run_id).baseline_sentence
        assert said.startswith("did not enter the baseline: the run was judged, but its process died")
        assert not half.exists()

    def test_is_not_taken_for_judged_because_an_earlier_execution_was(self, tmp_path: Path) -> None:
        record = run_record()
        record = record.model_copy(
            update={"stack": record.stack.model_copy(update={"run_folder": str(tmp_path)})}
        )
        keep_record(record)
        keep_outcome(tmp_path, record.stack.run_id, Outcome.INVALID, "invalid: of the earlier one.")
        later = time.time() + 60
        with Store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
            died(store, record.stack.run_id, tmp_path, request=record.stack.request, owner_started=later)
            (found,) = find_lost(store, datetime.now(UTC))
        assert found.outcome is Outcome.LOST

    def test_is_told_to_a_prometheus_that_stays_up(self, tmp_path: Path) -> None:
        played = PlayedParts()
        with played_world(tmp_path) as world, Store(world.project.store_url) as store:
            died(store, "run", tmp_path)
            found = clean_up(
                world.project, world.instance, parts=played, now=datetime.now(UTC), warn=pytest.fail
            )
        assert len(found) == 1
        assert played.told_of(names.RUN_OUTCOME) == [{"outcome": "lost"}]

    def test_is_lost_when_its_folder_has_nothing_that_can_be_read(self, tmp_path: Path) -> None:
        (tmp_path / names.REPORT_JSON).write_text('{"schema": "perf-pip')
        with Store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
            died(store, "run", tmp_path)
            (found,) = find_lost(store, datetime.now(UTC))
        assert found.outcome is Outcome.LOST


class TestTheCommandLineOfARunThatTheStoreDidNotGet:
    @pytest.mark.parametrize("recorded_as", [Outcome.INVALID, Outcome.LOST])
    def test_says_in_one_sentence_what_the_next_start_makes_of_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded_as: Outcome
    ) -> None:
        project = Project(tmp_path, tmp_path, tmp_path, f"sqlite:///{tmp_path / 'store.sqlite'}")
        with Store(project.store_url) as store:
            begun(store, "run", run_folder=str(tmp_path))
        if recorded_as is Outcome.INVALID:
            keep_outcome(tmp_path, "run", Outcome.INVALID, "invalid: the store was away.")
        result = LaunchResult(
            run_id="run",
            status=DagsterRunStatus.FAILURE,
            step="load_test",
            sentence="the store was away",
            internal_error=True,
            report=None,
            step_s={},
            asked_to_end=False,
        )
        monkeypatch.setattr("perf_pipeline.defs.launch.run_benchmark", lambda *_, **__: result)
        with pytest.raises(StoreError, match=f"the next start records it as {recorded_as}, from its folder"):
            run_series(project, parts.request(), most=1, quiet=True)
