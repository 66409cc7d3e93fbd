"""The sensor that archives: ticks of it, as Dagster's daemon makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import archive_parts as parts
import builders
import pytest
from dagster import DagsterInstance, SensorDefinition, SkipReason, build_sensor_context
from dagster._core.test_utils import create_run_for_test
from store_parts import at, begun

from perf_pipeline import conventions as names
from perf_pipeline.archive import locking
from perf_pipeline.archive.archives import list_archives
from perf_pipeline.archive.errors import PlaceError
from perf_pipeline.archive.local import LocalPlace
from perf_pipeline.archive.place import open_place
from perf_pipeline.archive.rebuild import rebuild_store
from perf_pipeline.core.model import Outcome
from perf_pipeline.defs.archiving import FAILED, OTHER_STORE, RECOVERED, archive_sensor
from perf_pipeline.project import Project
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import ArchivePolicy

pytestmark = pytest.mark.usefixtures("store")


class Daemon:
    """Ticks one sensor, a minute after the other."""

    def __init__(self, project: Project, instance: DagsterInstance, sensor: SensorDefinition) -> None:
        self.now = at(60)
        self._project, self._instance, self._sensor = project, instance, sensor
        self._cursor: str | None = None

    def tick(self, after: timedelta = timedelta(minutes=1)) -> str:
        """What it says."""
        self.now += after
        context = build_sensor_context(instance=self._instance, cursor=self._cursor)
        said = self._sensor(context)
        self._cursor = context.cursor
        assert isinstance(said, SkipReason)
        assert said.skip_message is not None
        return said.skip_message

    def archived(self) -> list[str]:
        return [one.run_id for one in list_archives(open_place(self._project.archive_url)).archives]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv(names.ENV_LOCK, str(tmp_path / "lock"))
    monkeypatch.delenv(names.ENV_ARCHIVE, raising=False)
    return parts.project_in(tmp_path)


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    with Store(project.store_url) as opened:
        parts.three_runs(project, opened)
        yield opened


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def daemon(project: Project, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setattr("socket.gethostname", lambda: parts.HOST)
    suite = builders.suite(archive=ArchivePolicy(keep_s=86_400.0, runs=2))
    started: list[Daemon] = []
    sensor = archive_sensor([suite], project, clock=lambda: started[0].now)
    started.append(Daemon(project, instance, sensor))
    return started[0]


class TestTheSensor:
    def test_archives_what_has_ended_and_says_so(self, daemon: Daemon, store: Store) -> None:
        assert daemon.tick().startswith("archived run-1, run-2, run-3")
        assert daemon.archived() == ["run-1", "run-2", "run-3"]
        assert daemon.tick() == "no run waits to be archived"
        assert {*store.archives()} == {"run-1", "run-2", "run-3"}

    def test_leaves_a_measurement_in_peace(self, daemon: Daemon) -> None:
        lock = HostLock()
        lock.take("measuring")
        try:
            assert daemon.tick().startswith("archiving would disturb the measurement: run measuring")
            assert daemon.archived() == []
        finally:
            lock.release()
        assert "archived run-1" in daemon.tick()

    def test_waits_for_a_run_of_dagster_that_reports_anew(
        self, daemon: Daemon, instance: DagsterInstance
    ) -> None:
        create_run_for_test(instance, parent_run_id="run-2", root_run_id="run-2")
        said = daemon.tick()
        assert "archived run-1, run-3" in said
        assert "run run-2 waits: Dagster is still at work on it" in said
        assert daemon.archived() == ["run-1", "run-3"]

    def test_that_cannot_archive_tells_it_once_and_tries_again_less_and_less_often(
        self, daemon: Daemon, store: Store, project: Project
    ) -> None:
        in_the_way = project.home / names.ARCHIVE_FOLDER
        in_the_way.write_text("not a folder")
        first = daemon.tick()
        assert "cannot be used" in first
        assert "It is tried again at" in daemon.tick(timedelta(seconds=30))
        assert "It is tried again at" not in daemon.tick(timedelta(seconds=40))
        assert "It is tried again at" in daemon.tick(timedelta(seconds=70)), "the pause has doubled"
        assert [notice.sentence for notice in store.notices(since=at(0))] == [first]
        in_the_way.unlink()
        assert "archived run-1" in daemon.tick(timedelta(hours=1))
        assert [notice.kind for notice in store.notices(since=at(0))] == [RECOVERED, FAILED]

    def test_prunes_once_a_day_but_never_what_a_baseline_holds(
        self, daemon: Daemon, store: Store, project: Project
    ) -> None:
        daemon.tick()
        assert "pruned 1 archive: run-3 (older than 1 day)" in daemon.tick(timedelta(days=2))
        assert daemon.archived() == ["run-1", "run-2"]
        assert daemon.tick() == "no run waits to be archived"
        store.reset(
            suite="multiplayer", target="local", profile="standard", who="a person", reason="new", at=at(99)
        )
        assert daemon.tick(timedelta(hours=1)) == "no run waits to be archived"
        assert "pruned 2 archives" in daemon.tick(timedelta(days=1))
        assert not project.run_folder("run-1").exists()
        assert [run.run_id for run in store.list_runs()] == ["run-3", "run-2", "run-1"]

    def test_says_that_the_store_is_gone(self, project: Project, instance: DagsterInstance) -> None:
        gone = replace(project, store_url="postgresql://nobody@127.0.0.1:9/nothing")
        daemon = Daemon(gone, instance, archive_sensor([builders.suite()], gone))
        assert "127.0.0.1:9" in daemon.tick()

    def test_prunes_even_when_nothing_can_be_archived(
        self, daemon: Daemon, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        daemon.tick()
        begun(store, "run-4", 90, **parts.DEAD)
        store.set_outcome("run-4", Outcome.CANCELLED, "cancelled: by a person", at(91))

        def full(*_: object) -> None:
            raise PlaceError("no room at all.")

        monkeypatch.setattr(LocalPlace, "write_folder", full)
        said = daemon.tick(timedelta(days=2))
        assert "pruned 1 archive: run-3" in said
        assert "no room at all." in said
        assert "It is tried again at" in daemon.tick(timedelta(seconds=30))
        monkeypatch.undo()
        monkeypatch.setattr("socket.gethostname", lambda: parts.HOST)
        assert daemon.tick(timedelta(hours=1)).startswith("archived run-4"), "and it was pruned today"

    def test_that_cannot_read_the_store_tells_it_once_and_tries_again_less_and_less_often(
        self, daemon: Daemon, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreadable(*_: object) -> None:
            raise StoreError("run-2 cannot be read.")

        with monkeypatch.context() as broken:
            broken.setattr(Store, "to_archive", unreadable)
            assert "run-2 cannot be read." in daemon.tick()
            assert "It is tried again at" in daemon.tick(timedelta(seconds=30))
            assert "It is tried again at" not in daemon.tick(timedelta(minutes=1))
        notices = store.notices(since=at(0))
        assert [(notice.kind, notice.sentence) for notice in notices] == [(FAILED, "run-2 cannot be read.")]
        assert "archived run-1" in daemon.tick(timedelta(hours=1))
        assert store.notices(since=at(0))[0].kind == RECOVERED

    def test_waits_while_somebody_else_is_writing(
        self, daemon: Daemon, store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locking, "WAIT_S", 0.1)
        with open_place(project.archive_url).locked():
            assert "another process has been writing" in daemon.tick()
        assert "archived run-1" in daemon.tick()
        assert store.notices(since=at(0)) == []

    def test_whose_store_was_lost_says_once_how_to_make_it_again(
        self, daemon: Daemon, store: Store, project: Project
    ) -> None:
        daemon.tick()
        store.close()
        for file in project.home.glob(f"{names.STORE_FILE}*"):
            file.unlink()
        for _ in range(3):
            assert "`perf-pipeline archive rebuild-store`" in daemon.tick()
        with Store(project.store_url) as empty:
            assert [notice.kind for notice in empty.notices(since=at(0))] == [OTHER_STORE]
            assert rebuild_store(open_place(project.archive_url), empty).missing == []
            assert len(empty.baseline_members()) == 2
        assert daemon.tick() == "no run waits to be archived"
