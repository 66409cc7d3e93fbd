"""A backup is made while everything is in use, and what is copied back is what was there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pgserver
import pytest
from dagster import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat
from postgres import postgres_server, postgres_url  # noqa: F401
from store_parts import at, begun, measured, ran

from perf_pipeline.backup import NOTE, back_up
from perf_pipeline.project import Project
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store
from perf_pipeline.store.tables import SCHEMA_REVISION

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 25, tzinfo=UTC)
CLIENTS = Path(pgserver.__file__).parent / "pginstall" / "bin"


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """With one measured run, its folder and Dagster's storage."""
    home = tmp_path / "home"
    url = f"sqlite:///{home / 'store.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        monkeypatch.setenv("PATH", f"{CLIENTS}{os.pathsep}{os.environ['PATH']}")
    made = Project(root=tmp_path, home=home, tools=tmp_path / "tools", store_url=url)
    for part in ("dagster", "runs/run-0", "archive/run-0"):
        (home / part).mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    (home / "runs" / "run-0" / "report.json").write_text("{}")
    (home / "archive" / "run-0" / "manifest.json").write_text("{}")
    with Store(url) as store:
        ran(store, "run-0", 0)
    _heartbeat(home / "dagster", 1.0)
    return made


class TestABackup:
    def test_that_is_copied_back_has_the_runs_their_files_and_dagsters_storage(
        self, project: Project, tmp_path: Path
    ) -> None:
        back_up(project, tmp_path / "backup", now=NOW)
        with Store(project.store_url) as store:
            ran(store, "run-1", 1)  # is lost with the disk
        restored = _restored(project, tmp_path)
        with Store(restored.store_url) as store:
            assert [run.run_id for run in store.list_runs()] == ["run-0"]
            assert store.record("run-0") == measured("run-0", started_at=at(0))
        assert (restored.home / "runs" / "run-0" / "report.json").read_text() == "{}"
        assert (restored.home / "archive" / "run-0" / "manifest.json").exists()
        with DagsterInstance.from_config(str(restored.home / "dagster")) as instance:
            assert instance.get_daemon_heartbeats()["SENSOR"].timestamp == 1.0

    def test_is_one_moment_of_a_store_that_is_written_to(self, project: Project, tmp_path: Path) -> None:
        over = threading.Event()

        def write() -> None:
            with Store(project.store_url) as store:
                number = 0
                while not over.is_set():
                    number += 1
                    begun(store, f"busy-{number}", number)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            back_up(project, tmp_path / "backup", now=NOW)
        finally:
            over.set()
            writer.join(30)
        restored = _restored(project, tmp_path)
        with Store(restored.store_url) as store:
            assert store.record("run-0") == measured("run-0", started_at=at(0))

    def test_made_again_copies_only_what_is_new(self, project: Project, tmp_path: Path) -> None:
        back_up(project, tmp_path / "backup", now=NOW)
        back_up(project, tmp_path / "backup", now=NOW)  # SQLite tidies up when its last reader leaves
        (project.home / "runs" / "run-0" / "report.html").write_text("<p>")
        assert back_up(project, tmp_path / "backup", now=NOW)["files_copied"] == 1
        _heartbeat(project.home / "dagster", 2.0)
        assert int(back_up(project, tmp_path / "backup", now=NOW)["files_copied"]) > 0
        with DagsterInstance.from_config(str(tmp_path / "backup" / "dagster")) as instance:
            assert instance.get_daemon_heartbeats()["SENSOR"].timestamp == 2.0

    def test_says_which_schema_it_has_when_it_is_complete(self, project: Project, tmp_path: Path) -> None:
        back_up(project, tmp_path / "backup", now=NOW)
        note = json.loads((tmp_path / "backup" / NOTE).read_text())
        assert (note["schema"], note["at"]) == (SCHEMA_REVISION, "2026-11-25T00:00:00+00:00")


class TestTheRestoreThatTheDocumentationShows:
    def test_over_a_used_home_has_what_the_backup_had(self, project: Project, tmp_path: Path) -> None:
        back_up(project, tmp_path / "backup", now=NOW)
        with Store(project.store_url) as store:
            ran(store, "run-1", 1)
            _kill_with_the_store_open(project.store_url)  # leaves SQLite's -wal behind
            _restore_as_documented(project, tmp_path)
        with Store(project.store_url) as store:
            assert [run.run_id for run in store.list_runs()] == ["run-0"]
            assert store.record("run-0") == measured("run-0", started_at=at(0))
        assert (project.home / "runs" / "run-0" / "report.json").read_text() == "{}"
        assert (tmp_path / "home.before").exists()


class TestABackupThatCannotBeMade:
    def test_of_a_store_that_is_not_there_is_one_sentence(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'none.sqlite'}"
        project = Project(root=tmp_path, home=tmp_path / "home", tools=tmp_path, store_url=url)
        with pytest.raises(StoreError, match=r"there is no store at .* yet: nothing to back up"):
            back_up(project, tmp_path / "backup", now=NOW)
        assert not (tmp_path / "backup" / NOTE).exists()

    def test_of_postgresql_without_its_client_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        url = "postgresql://perf:hunter2@127.0.0.1:1/perf"
        project = Project(root=tmp_path, home=tmp_path / "home", tools=tmp_path, store_url=url)
        with pytest.raises(StoreError, match="install the PostgreSQL client") as caught:
            back_up(project, tmp_path / "backup", now=NOW)
        assert "hunter2" not in str(caught.value)

    def test_of_a_postgresql_that_is_not_there_names_it_without_its_password(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f"{CLIENTS}{os.pathsep}{os.environ['PATH']}")
        url = "postgresql://perf:hunter2@127.0.0.1:1/perf"
        project = Project(root=tmp_path, home=tmp_path / "home", tools=tmp_path, store_url=url)
        with pytest.raises(
            StoreError, match=r"postgresql://127\.0\.0\.1:1/perf cannot be backed up"
        ) as caught:
            back_up(project, tmp_path / "backup", now=NOW)
        assert "hunter2" not in str(caught.value)


def _heartbeat(dagster_home: Path, timestamp: float) -> None:
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(timestamp, "SENSOR", "1", []))


def _restored(project: Project, tmp_path: Path) -> Project:
    """As docs/operations.md says: the folder copied to where the home was; PostgreSQL by pg_restore."""
    home = tmp_path / "restored"
    shutil.copytree(tmp_path / "backup", home)
    dump = home / "store.dump"
    url = f"sqlite:///{home / 'store.sqlite'}"
    if dump.exists():
        url = project.store_url
        restore = [CLIENTS / "pg_restore", "--clean", "--if-exists", "--no-owner", f"--dbname={url}", dump]
        subprocess.run(restore, check=True, capture_output=True, text=True, timeout=60)
    return Project(root=project.root, home=home, tools=project.tools, store_url=url)


def _kill_with_the_store_open(url: str) -> None:
    code = (
        "import os, signal, sys; sys.path[:0] = ['tests/integration', 'tests/unit']\n"
        "from store_parts import begun; from perf_pipeline.store.repository import Store\n"
        f"store = Store({url!r}); begun(store, 'run-2', 2); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL


def _restore_as_documented(project: Project, tmp_path: Path) -> None:
    """The commands of docs/operations.md, between stopping the units and starting them, with our folders."""
    text = (ROOT / "docs" / "operations.md").read_text().partition("Restore, as root.")[2]
    commands = [line for line in text.partition("systemctl start")[0].splitlines() if line.startswith("    ")]
    if project.store_url.startswith("sqlite"):
        commands = [line for line in commands if "url" not in line]
    script = "\n".join(["set -e", *commands])
    for place, ours in (
        ("/var/lib/perf-pipeline", project.home),
        ("/mnt/backup/perf", tmp_path / "backup"),
        ("/etc/perf-pipeline/environment", tmp_path / "environment"),
    ):
        script = script.replace(place, str(ours))
    (tmp_path / "environment").write_text(f"# the service's\nPERF_PIPELINE_STORE_URL={project.store_url}\n")
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name, what in (
        ("systemctl", "true"),
        ("chown", "true"),
        ("install", 'for last; do :; done; mkdir "$last"'),
    ):
        (stubs / name).write_text(f"#!/bin/sh\n{what}\n")
        (stubs / name).chmod(0o755)
    path = f"{stubs}{os.pathsep}{CLIENTS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"PATH": path},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
