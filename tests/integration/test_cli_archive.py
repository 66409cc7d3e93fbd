"""``perf-pipeline archive``, as a person calls it."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
from cli_parts import Project, fill_store, make_project

from perf_pipeline import conventions as names
from perf_pipeline.archive.archives import list_archives
from perf_pipeline.archive.place import open_place
from perf_pipeline.stack.lock import HostLock

ENDED = ["base-1", "base-2", "slow", "down"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four runs that have ended and are archived, and one that has not."""
    project = make_project(tmp_path_factory.mktemp("project"))
    fill_store(project)
    assert "no archives at" in project.call("archive", "list").out
    said = project.call("archive", "sweep")
    assert (said.code, said.out.splitlines()[-1]) == (0, f"4 runs archived at {project.home / 'archive'}")
    return project


@pytest.fixture
def project(swept: Project, tmp_path: Path) -> Project:
    """A copy: each test does with it what it likes."""
    return Project(Path(shutil.copytree(swept.root, tmp_path / "project")))


class TestArchives:
    def test_are_listed_verified_restored_and_exported(self, project: Project) -> None:
        listed = project.call("archive", "list", "--json").document
        assert [one["run_id"] for one in listed["archives"]] == ENDED[::-1]
        verified = project.call("archive", "verify")
        assert (verified.code, verified.out.endswith("all as they were written\n")) == (0, True)
        shutil.rmtree(project.home / "runs" / "slow")
        restored = project.call("archive", "restore", "slow")
        assert restored.out == f"run slow is restored to {project.home / 'runs' / 'slow'}\n"
        assert (project.home / "runs" / "slow" / names.SAMPLES).is_file()
        exported = project.call("archive", "export", "last", "--to", str(project.root), "--json").document
        with tarfile.open(exported["file"]) as tar:
            assert tar.getnames()[:2] == ["down/manifest.json", "down/manifest.sha256"]

    def test_that_are_damaged_are_named_with_exit_code_5(self, project: Project) -> None:
        file = next((project.home / "archive").rglob(f"slow/{names.SAMPLES}"))
        file.write_bytes(file.read_bytes()[:-1])
        said = project.call("archive", "verify", "slow")
        assert said.code == 5
        assert said.out.splitlines()[0].startswith(f"{file} has ")

    def test_are_pruned_by_the_suite_file_and_a_baseline_stays(self, project: Project) -> None:
        text = project.suite_file.read_text()
        before, _, after = text.partition("\narchive:")
        rest = after.partition("\n")[2] if after else ""
        project.suite_file.write_text(f"{before}\narchive: {{keep: 400d, runs: 1}}\n{rest}")
        planned = project.call("archive", "prune", "--dry-run")
        assert "would go  slow  not among the newest 1 run of its target" in planned.out
        assert (project.home / "runs" / "slow").is_dir()
        pruned = project.call("archive", "prune", "--json").document
        assert [one["run_id"] for one in pruned["runs"]] == ["slow"]
        assert not (project.home / "runs" / "slow").exists()
        left = list_archives(open_place(str(project.home / "archive"))).archives
        assert [one.run_id for one in left] == ["base-1", "base-2", "down"]

    def test_are_verified_and_listed_without_a_store_and_none_is_made(self, project: Project) -> None:
        for file in project.home.glob(f"{names.STORE_FILE}*"):
            file.unlink()
        said = project.call("archive", "verify")
        assert said.code == 0
        assert "not here yet" in said.out
        assert "held against their own manifests alone" in said.out
        next((project.home / "archive").rglob("slow/manifest.json")).unlink()
        assert "has no manifest.json" in project.call("archive", "list", "--json").document["problems"][0]
        assert project.call("archive", "verify").code == 5
        assert not (project.home / names.STORE_FILE).exists()

    def test_wait_for_the_end_of_a_measurement_unless_they_are_told_not_to(self, project: Project) -> None:
        shutil.rmtree(project.home / "archive")
        lock = HostLock(Path(project.environment()[names.ENV_LOCK]))
        lock.take("measuring")
        try:
            for verb in ("sweep", "prune"):
                said = project.call("archive", verb)
                assert said.code != 0
                assert said.line.startswith("perf-pipeline: run measuring")
                assert "--now does it all the same" in said.line
            assert not (project.home / "archive").exists()
            assert "3 runs archived" in project.call("archive", "sweep", "--now").out
        finally:
            lock.release()

    def test_make_the_store_again(self, project: Project) -> None:
        assert "is not empty" in project.call("archive", "rebuild-store").line
        with project.store() as store:
            runs, beside = store.list_runs(), store.rows_beside_runs()
        for file in project.home.glob(f"{names.STORE_FILE}*"):
            file.unlink()
        rebuilt = project.call("archive", "rebuild-store")
        assert rebuilt.out.endswith(f"has 4 runs from {project.home / 'archive'}\n")
        with project.store() as store:
            assert store.list_runs() == [run for run in runs if run.outcome is not None]
            assert store.rows_beside_runs() == beside

    def test_refuse_in_one_sentence(self, project: Project) -> None:
        assert (
            "'base' is ambiguous, it may be base-1, base-2" in project.call("archive", "restore", "base").line
        )
        assert "run down has nothing to judge" in project.call("archive", "rejudge", "down").line
