"""What a place withstands: other people's data, two writers at once, damaged and strange files."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import archive_parts as parts
import pytest
from s3_parts import SECRET, s3_bucket, s3_server  # noqa: F401
from store_parts import at, begun

from perf_pipeline import conventions as names
from perf_pipeline.archive import locking, remote
from perf_pipeline.archive.archives import find_archive, list_archives
from perf_pipeline.archive.errors import ArchiveError, OccupiedError, PlaceError
from perf_pipeline.archive.manifest import MANIFEST
from perf_pipeline.archive.place import Place, open_place
from perf_pipeline.archive.restore import export, restore
from perf_pipeline.archive.verify import verify_all
from perf_pipeline.core.model import Outcome
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store

MONTH = f"multiplayer/local/{at(0):%Y-%m}"
FOR_EVER = timedelta(days=365_00)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return parts.project_in(tmp_path)


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    with Store(project.store_url) as opened:
        yield opened


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = str(tmp_path / "archive")
    return open_place(request.getfixturevalue("s3_bucket") if request.param == "s3" else url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def filled(project: Project, store: Store, folder: Path) -> Place:
    parts.three_runs(project, store)
    place = open_place(str(folder))
    parts.swept(place, store, project)
    return place


def wrong(place: Place, store: Store) -> list[str]:
    return [problem for one in verify_all(place, store.archives()) for problem in one.problems]


def stop_after(files: int) -> Any:
    answers = iter([True] * files)
    return lambda: next(answers, False)


class TestOtherPeoplesData:
    def test_in_the_same_bucket_stays_whatever_is_swept(
        self,
        project: Project,
        store: Store,
        s3_bucket: str,  # noqa: F811
    ) -> None:
        place = open_place(s3_bucket)
        foreign = ["a/b/c/d/file", f"a/b/{at(0):%Y-%m}/d/file", f"{MONTH}/run-1/file"]
        for path in foreign:
            place.write(path, b"somebody's")
        parts.three_runs(project, store)
        parts.swept(place, store, project, keep_going=stop_after(2))
        half = place.files(f"{MONTH}/run-1.2")
        assert remote.WRITING in half and len(half) == 3
        place.sweep(at(0) + FOR_EVER)
        assert place.files(f"{MONTH}/run-1.2") == {}, "what a writer of ours has left goes"
        assert len(parts.swept(place, store, project).archived) == 3
        place.sweep(at(0) + FOR_EVER)
        assert [place.read(path) for path in foreign] == [b"somebody's"] * 3
        assert len(list_archives(place).archives) == 3

    def test_in_the_same_folder_stays(self, project: Project, store: Store, folder: Path) -> None:
        place = filled(project, store, folder)
        foreign = [folder / MONTH / ".download.partial", folder / "photos" / "2024" / "may" / "x" / "y.jpg"]
        for path in foreign:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("somebody's")
        parts.swept(place, store, project)
        place.sweep(at(0) + FOR_EVER)
        assert [path.read_text() for path in foreign] == ["somebody's"] * 2
        assert list_archives(place).problems == []


class TestTwoWriters:
    def test_on_one_machine_take_turns(
        self,
        project: Project,
        store: Store,
        s3_bucket: str,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        parts.three_runs(project, store)
        monkeypatch.setattr(locking, "WAIT_S", 0.1)
        with (
            open_place(s3_bucket, project.home).locked(),
            pytest.raises(OccupiedError, match="another process"),
        ):
            parts.swept(open_place(s3_bucket, project.home), store, project)
        assert len(parts.swept(open_place(s3_bucket, project.home), store, project).archived) == 3

    def test_on_two_machines_leave_each_others_uploads_alone(
        self,
        project: Project,
        store: Store,
        s3_bucket: str,  # noqa: F811
        tmp_path: Path,
    ) -> None:
        parts.three_runs(project, store)
        here, there = (open_place(s3_bucket, tmp_path / name) for name in ("here", "there"))
        said: list[dict[str, str]] = []

        def meanwhile() -> bool:
            if not said:
                said.append(parts.swept(there, store, project).waiting)
            return True

        found = parts.swept(here, store, project, keep_going=meanwhile)
        assert "another machine is writing" in said[0]["run-1"]
        assert [one.run_id for one in found.archived] == ["run-1", "run-2", "run-3"]
        assert wrong(here, store) == []

    def test_on_two_machines_that_began_at_once_make_one_archive_that_is_whole(
        self,
        project: Project,
        store: Store,
        s3_bucket: str,  # noqa: F811
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        parts.three_runs(project, store)
        here, there = (open_place(s3_bucket, tmp_path / name) for name in ("here", "there"))
        monkeypatch.setattr(remote, "GIVEN_UP", -FOR_EVER)  # the second one does not see the first
        ahead: list[str] = []

        def meanwhile() -> bool:
            if not ahead:
                ahead.append("the other one archives all of it meanwhile")
                (project.run_folder("run-1") / names.K6_LOG).write_text("level=info and more\n")
                assert len(parts.swept(there, store, project).archived) == 3
                (project.run_folder("run-1") / names.K6_LOG).write_text("level=info\n")
            return True

        found = parts.swept(here, store, project, keep_going=meanwhile)
        assert "another machine is writing" in found.waiting["run-1"]
        assert {one.run_id for one in found.archived} == {"run-2", "run-3"}
        assert find_archive(there, "run-1").generation == 1
        assert wrong(there, store) == []

    def test_that_are_threads_of_one_process_take_turns_in_a_folder(
        self, project: Project, store: Store, folder: Path
    ) -> None:
        parts.three_runs(project, store)
        place = open_place(str(folder))
        threads = [threading.Thread(target=lambda: parts.swept(place, store, project)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(list_archives(place).archives) == 3
        assert list_archives(place).earlier == []


class TestAStrangeFile:
    @pytest.mark.parametrize("name", [b"a\\b", b"latin-\xff"], ids=["backslash", "no-utf8"])
    def test_in_a_run_folder_keeps_that_run_alone_from_being_archived(
        self, project: Project, store: Store, place: Place, name: bytes, tmp_path: Path
    ) -> None:
        parts.three_runs(project, store)
        strange = os.fsencode(project.run_folder("run-1")) + b"/" + name
        Path(os.fsdecode(strange)).write_text("")
        found = parts.swept(place, store, project)
        assert [one.run_id for one in found.archived] == ["run-2", "run-3"]
        assert "rename the file, or remove it" in found.failed["run-1"]
        found.failed["run-1"].encode()
        Path(os.fsdecode(strange)).unlink()
        assert [one.run_id for one in parts.swept(place, store, project).archived] == ["run-1"]
        assert wrong(place, store) == []
        export(place, find_archive(place, "run-1"), tmp_path / "out")

    def test_in_an_archive_is_named(self, project: Project, store: Store, folder: Path) -> None:
        place = filled(project, store, folder)
        Path(os.fsdecode(os.fsencode(folder / MONTH / "run-1") + b"/\xff")).write_text("")
        problems = wrong(place, store)
        assert [problem.rpartition("/")[2] for problem in problems] == ["\\xff is in no manifest."]
        problems[0].encode()

    def test_in_place_of_a_manifest_is_one_problem(
        self, project: Project, store: Store, folder: Path
    ) -> None:
        place = filled(project, store, folder)
        manifest = folder / MONTH / "run-1" / MANIFEST
        manifest.unlink()
        manifest.mkdir()
        listing = list_archives(place)
        assert [one.run_id for one in listing.archives] == ["run-2", "run-3"]
        assert [problem.split("/")[-1] for problem in listing.problems] == [
            f"{MANIFEST} cannot be read (Is a directory)."
        ]
        assert any("cannot be read (Is a directory)" in problem for problem in wrong(place, store))

    def test_that_cannot_be_read_is_one_problem(
        self, project: Project, store: Store, folder: Path, tmp_path: Path
    ) -> None:
        place = filled(project, store, folder)
        log = folder / MONTH / "run-1" / names.K6_LOG
        log.unlink()
        log.mkdir()
        assert any("k6.log cannot be read (Is a directory)" in problem for problem in wrong(place, store))
        with pytest.raises(ArchiveError, match=r"k6\.log cannot be read"):
            restore(place, find_archive(place, "run-1"), tmp_path / "restored")
        assert not (tmp_path / "restored").exists()


class TestAFileSystemWithoutLocks:
    def test_is_named(
        self, project: Project, store: Store, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_locks(*_: object) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr("fcntl.flock", no_locks)
        with pytest.raises(PlaceError, match="No locks available"):
            parts.swept(place, store, project)


class TestADamagedArchive:
    def test_without_a_manifest_is_told_and_its_number_is_not_given_again(
        self, project: Project, store: Store, place: Place
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        place.remove(f"{MONTH}/run-1/{MANIFEST}")
        assert list_archives(place).problems == [
            f"{place.where}/{MONTH}/run-1 has no {MANIFEST}: it is no archive, or none any more."
        ]
        again = parts.swept(place, store, project, lost_too=True).archived
        assert [one.folder for one in again] == [f"{MONTH}/run-1.2"]
        request = store.record("run-1").stack.request
        begun(store, "run-1", request=request, owner_started=at(95).timestamp())
        (project.run_folder("run-1") / names.K6_LOG).write_text("another")
        assert [one.generation for one in parts.swept(place, store, project, minute=96).archived] == [3]

    def test_under_another_name_is_told_and_never_listed(
        self, project: Project, store: Store, folder: Path
    ) -> None:
        place = filled(project, store, folder)
        shutil.copytree(folder / MONTH / "run-1", folder / MONTH / "run-9")
        listing = list_archives(place)
        assert [one.folder for one in listing.archives] == [f"{MONTH}/run-{n}" for n in (1, 2, 3)]
        assert "run-9 holds the manifest of run run-1" in listing.problems[0]
        assert any("after which the folder is not named" in problem for problem in wrong(place, store))

    def test_of_a_newer_version_is_told_apart(self, project: Project, store: Store, folder: Path) -> None:
        from perf_pipeline.archive.manifest import MANIFEST_HASH, hash_file

        place = filled(project, store, folder)
        top = folder / MONTH / "run-1"
        content = (top / MANIFEST).read_bytes().replace(b'"schema_version": 1', b'"schema_version": 2')
        content = content.replace(b'"tools"', b'"newer_tools"')
        (top / MANIFEST).write_bytes(content)
        assert "they" not in (said := " ".join(wrong(place, store))) and "do not agree" in said
        assert "the other files of the archive were not verified" in said
        (top / MANIFEST_HASH).write_bytes(hash_file(content))
        said = " ".join(problem for one in verify_all(place, {}) for problem in one.problems)
        assert "use the newer perf-pipeline that wrote it" in said
        assert "do not agree" not in said


class TestARunWithAStrangeId:
    def test_is_not_archived_and_the_others_are(self, project: Project, store: Store, place: Place) -> None:
        parts.three_runs(project, store)
        begun(store, "../../out", 20, **parts.DEAD)
        store.set_outcome("../../out", Outcome.CANCELLED, "cancelled: by a person", at(21))
        found = parts.swept(place, store, project)
        assert [one.run_id for one in found.archived] == ["run-1", "run-2", "run-3"]
        assert found.failed == {
            "../../out": "'../../out' is no id of a run, and no archive can be named after it."
        }


class TestAUrl:
    @pytest.mark.parametrize("url", [f"s3://bucket/perf?sig={SECRET}", f"az://c/p#{SECRET}"])
    def test_with_a_query_or_a_fragment_is_refused_without_saying_it(self, url: str) -> None:
        with pytest.raises(ArchiveError, match="PERF_PIPELINE_ARCHIVE has a query or a fragment") as refused:
            open_place(url)
        assert SECRET not in str(refused.value)
