"""Archives of ended runs, in a folder and on S3: complete or not there, verified, restored, exported."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import archive_parts as parts
import pytest
from s3_parts import SECRET, s3_bucket, s3_server  # noqa: F401
from store_parts import at, begun

from perf_pipeline import conventions as names
from perf_pipeline.archive.archives import find_archive, list_archives, read_record
from perf_pipeline.archive.errors import ArchiveError, PlaceError
from perf_pipeline.archive.manifest import MANIFEST, MANIFEST_HASH
from perf_pipeline.archive.place import Place, open_place
from perf_pipeline.archive.restore import export, restore
from perf_pipeline.archive.verify import verify_all, verify_archive
from perf_pipeline.core.model import Outcome
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store


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


def hidden(folder: Path) -> list[str]:
    """What a writer has left that was not done."""
    return [path.name for path in folder.rglob(".*") if path.name != ".lock"]


class TestEndedRuns:
    def test_are_archived_once_with_all_that_they_left(
        self, project: Project, store: Store, place: Place, tmp_path: Path
    ) -> None:
        runs = parts.three_runs(project, store)
        found = parts.swept(place, store, project)
        assert [one.run_id for one in found.archived] == runs
        assert (found.waiting, found.failed, found.stopped) == ({}, {}, "")
        assert parts.swept(place, store, project).archived == []
        listed = list_archives(place).archives
        assert [one.folder for one in listed] == [f"multiplayer/local/{at(0):%Y-%m}/{run}" for run in runs]
        left = {"k6-samples.csv.gz", "k6.log", "report.json", "samples.parquet", "tsdb/01BLOCK/chunks/000001"}
        assert {*listed[0].manifest.files} == left | {names.RUN_JSON}
        assert {*listed[2].manifest.files} == {names.RUN_JSON}
        assert listed[2].manifest.outcome == Outcome.NOT_READY
        assert listed[1].manifest.verdicts["join_room"] == "unchanged"
        assert read_record(place, listed[1]) == store.record("run-2")
        assert {one.run_id: one for one in map(type(listed[0]).as_stored, listed)} == store.archives()
        assert [one.problems for one in verify_all(place, store.archives())] == [[], [], []]
        restored = restore(place, listed[0], tmp_path / "restored")
        for name in left:
            assert (restored / name).read_bytes() == (project.run_folder("run-1") / name).read_bytes()
        exported = export(place, listed[0], tmp_path / "out")
        first = exported.read_bytes()
        assert export(place, listed[0], tmp_path / "out").read_bytes() == first

    def test_are_archived_anew_when_a_reexecution_changed_them_and_only_then(
        self, project: Project, store: Store, place: Place
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        request = store.record("run-1").stack.request
        begun(store, "run-1", request=request, owner_started=at(90).timestamp())
        assert parts.swept(place, store, project, minute=91).archived[0].generation == 1
        begun(store, "run-1", request=request, owner_started=at(95).timestamp())
        (project.run_folder("run-1") / names.REPORT_MARKDOWN).write_text("reported again")
        again = parts.swept(place, store, project, minute=96).archived
        assert [one.folder.rpartition("/")[2] for one in again] == ["run-1.2"]
        listing = list_archives(place)
        assert [one.generation for one in listing.archives if one.run_id == "run-1"] == [2]
        assert [one.generation for one in listing.earlier] == [1]
        assert [one.problems for one in verify_all(place, store.archives())] == [[]] * 4

    def test_wait_while_somebody_is_still_at_work_on_them(self, project: Project, store: Store) -> None:
        parts.three_runs(project, store)
        begun(store, "own", 40, owner_pid=os.getppid(), owner_started=_started(os.getppid()))
        store.set_outcome("own", Outcome.CANCELLED, "cancelled: by a person", at(41))
        begun(store, "elsewhere", 50, host="bench-2")
        store.set_outcome("elsewhere", Outcome.CANCELLED, "cancelled: by a person", at(51))
        begun(store, "under-way", 55)
        found = parts.swept(open_place(str(project.home / "archive")), store, project)
        assert found.waiting == {
            "own": "its process is still at work",
            "elsewhere": "it ended on bench-2 a moment ago",
        }
        assert len(found.archived) == 3

    def test_are_archived_again_when_their_archive_is_gone(
        self, project: Project, store: Store, place: Place
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        for run in ("run-1", "run-3"):  # run-3 has no folder to make it from
            place.remove_folder(find_archive(place, run).folder)
        assert parts.swept(place, store, project, minute=61).archived == []
        again = parts.swept(place, store, project, minute=62, lost_too=True)
        assert [one.run_id for one in again.archived] == ["run-1"]
        assert verify_archive(place, again.archived[0], store.archives()["run-1"]).problems == []


def _started(pid: int) -> float:
    import psutil

    return psutil.Process(pid).create_time()


class TestVerify:
    def test_finds_one_flipped_byte_in_each_file(self, project: Project, store: Store, folder: Path) -> None:
        place = _filled(project, store, folder)
        archive = find_archive(place, "run-1")
        top = folder / archive.folder
        files = [path for path in top.rglob("*") if path.is_file()]
        assert len(files) == 8
        for file in files:
            good = file.read_bytes()
            for where in (0, len(good) // 2, len(good) - 1):
                _flip(file, good, where)
                problems = verify_archive(place, archive).problems
                assert len(problems) >= 1, file
                assert str(file.relative_to(top)) in problems[0] or file.name == MANIFEST_HASH
                assert all(len(problem.splitlines()) == 1 for problem in problems)
            file.unlink()
            file.write_bytes(good)
        assert verify_archive(place, archive).problems == []

    def test_finds_what_is_missing_too_much_and_gone(
        self, project: Project, store: Store, place: Place
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        archive = find_archive(place, "run-1")
        place.remove(f"{archive.folder}/{names.K6_LOG}")
        place.write(f"{archive.folder}/more.txt", b"from somewhere")
        place.remove_folder(find_archive(place, "run-2").folder)
        said = [problem for one in verify_all(place, store.archives()) for problem in one.problems]
        assert [problem.removeprefix(f"{place.where}/multiplayer/local/") for problem in said] == [
            f"{at(0):%Y-%m}/run-1/k6.log is missing.",
            f"{at(0):%Y-%m}/run-1/more.txt is in no manifest.",
            f"{at(0):%Y-%m}/run-2/manifest.json is missing.",
        ]

    def test_finds_a_manifest_that_was_exchanged_with_its_hash(
        self, project: Project, store: Store, folder: Path
    ) -> None:
        place = _filled(project, store, folder)
        one, two = (folder / find_archive(place, run).folder for run in ("run-1", "run-2"))
        for name in (MANIFEST, MANIFEST_HASH):
            (one / name).write_bytes((two / name).read_bytes())
        problems = [problem for found in verify_all(place, store.archives()) for problem in found.problems]
        assert any("is not the one that the store remembers" in problem for problem in problems)

    def test_is_what_restore_and_export_do(
        self, project: Project, store: Store, folder: Path, tmp_path: Path
    ) -> None:
        place = _filled(project, store, folder)
        archive = find_archive(place, "run-1")
        log = folder / archive.folder / names.K6_LOG
        _flip(log, log.read_bytes(), 0)
        for action in (restore, export):
            with pytest.raises(ArchiveError, match=r"damaged: k6\.log is not what was archived"):
                action(place, archive, tmp_path / "out")
            assert not [*(tmp_path / "out").glob("*")] and not hidden(tmp_path / "out")


class TestAFolderOfARun:
    def test_may_change_after_it_was_archived_but_for_what_it_shares(
        self, project: Project, store: Store, folder: Path
    ) -> None:
        place = _filled(project, store, folder)
        source = project.run_folder("run-1")
        for file in [path for path in source.rglob("*") if path.is_file()]:
            if names.TSDB_FOLDER in file.parts:
                assert file.stat().st_nlink == 2, "large files take their place on the disk once"
                assert file.stat().st_mode & 0o222 == 0, "and nobody writes to them by mistake"
                file.unlink()
            else:
                with file.open("ab") as opened:
                    opened.write(b"more")
        assert verify_archive(place, find_archive(place, "run-1")).problems == []


class TestAWriter:
    @pytest.mark.parametrize("files_written", [0, 1, 3, 5])
    def test_that_is_killed_leaves_nothing_that_counts(
        self, project: Project, store: Store, folder: Path, files_written: int
    ) -> None:
        parts.three_runs(project, store)
        place = open_place(str(folder))
        assert _in_a_process(lambda: _kill_after(files_written, place, project)) == -signal.SIGKILL
        assert list_archives(place).archives == []
        assert len(hidden(folder)) == 1
        assert len(parts.swept(place, store, project).archived) == 3
        assert hidden(folder) == []
        assert [one.problems for one in verify_all(place, store.archives())] == [[], [], []]

    def test_on_s3_that_is_killed_leaves_nothing_that_counts(
        self,
        project: Project,
        store: Store,
        s3_bucket: str,  # noqa: F811
    ) -> None:
        parts.three_runs(project, store)
        assert _killed_on_s3(project, s3_bucket) == -signal.SIGKILL
        place = open_place(s3_bucket)
        month = f"multiplayer/local/{at(0):%Y-%m}"
        assert len([path for path in place.files(f"{month}/run-1") if path != place.mark]) == 3
        assert list_archives(place).archives == []
        assert len(parts.swept(place, store, project).archived) == 3
        assert [one.problems for one in verify_all(place, store.archives())] == [[], [], []]

    def test_without_room_leaves_no_half_archive_and_the_run_as_it_was(
        self, project: Project, store: Store, folder: Path
    ) -> None:
        runs = parts.three_runs(project, store)
        before = [store.find_run(run) for run in runs]
        (project.run_folder("run-1") / "large.log").write_bytes(bytes(200_000))
        place = open_place(str(folder))
        assert _in_a_process(lambda: _with_small_files(100_000, place, project)) == 0
        assert list_archives(place).archives == []
        assert hidden(folder) == []
        assert [store.find_run(run) for run in runs] == before
        assert len(parts.swept(place, store, project).archived) == 3

    def test_that_is_told_to_stop_does(self, project: Project, store: Store, place: Place) -> None:
        parts.three_runs(project, store)
        answers = iter([True] * 3)
        found = parts.swept(place, store, project, keep_going=lambda: next(answers, False))
        assert (found.archived, found.stopped != "") == ([], True)
        assert list_archives(place).archives == []
        assert len(parts.swept(place, store, project).archived) == 3

    def test_waits_for_another_one(self, project: Project, store: Store, folder: Path) -> None:
        parts.three_runs(project, store)
        place = open_place(str(folder))
        with place.locked():
            second = threading.Thread(target=lambda: _sweep_alone(place, project))
            second.start()
            second.join(0.5)
            assert second.is_alive()
            assert list_archives(place).archives == []
        second.join(60)
        assert len(list_archives(place).archives) == 3

    def test_never_writes_into_an_archive(self, project: Project, store: Store, place: Place) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        folder = find_archive(place, "run-1").folder
        with pytest.raises(PlaceError):
            place.write_folder(folder, [], lambda _: [(MANIFEST, b"{}")])
        assert verify_archive(place, find_archive(place, "run-1")).problems == []


class TestAPlace:
    def test_with_a_password_in_its_url_is_refused_without_saying_it(self) -> None:
        with pytest.raises(ArchiveError, match="PERF_PIPELINE_ARCHIVE") as refused:
            open_place(f"s3://user:{SECRET}@bucket/path")
        assert SECRET not in str(refused.value)

    @pytest.mark.parametrize(
        ("url", "said"),
        [("nowhere://bucket", "no storage that is known"), ("simplecache::s3://b/p", "chains several")],
    )
    def test_that_cannot_be_is_refused(self, url: str, said: str) -> None:
        with pytest.raises(ArchiveError, match=said):
            open_place(url)

    def test_that_does_not_answer_is_named_in_one_sentence(
        self,
        project: Project,
        store: Store,
        s3_bucket: str,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        parts.three_runs(project, store)
        found = parts.swept(open_place(s3_bucket), store, project)
        assert {*found.failed} == {"run-1"}, "the next one would fare the same"
        assert s3_bucket in found.stopped
        assert SECRET not in found.stopped
        assert store.find_run("run-1").outcome is Outcome.PASSED

    @pytest.mark.usefixtures("s3_bucket")
    def test_that_is_no_bucket_is_named(self) -> None:
        place = open_place("s3://no-such-bucket-here/perf")
        with pytest.raises(PlaceError, match="s3://no-such-bucket-here/perf"):
            place.write("journal/x", b"1")

    def test_that_is_a_file_is_named(self, tmp_path: Path, project: Project, store: Store) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(PlaceError, match="cannot be used"):
            parts.swept(open_place(str(tmp_path / "file")), store, project)


def _kill_after(files: int, place: Place, project: Project) -> None:
    left = iter(range(files))

    def keep_going() -> bool:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    with Store(project.store_url) as store:
        parts.swept(place, store, project, keep_going=keep_going)


def _sweep_alone(place: Place, project: Project) -> None:
    with Store(project.store_url) as store:
        parts.swept(place, store, project)


def _with_small_files(size: int, place: Place, project: Project) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    with Store(project.store_url) as store:
        found = parts.swept(place, store, project)
    assert not found.archived
    assert "make room" in found.stopped


def _in_a_process(what: Callable[[], None]) -> int:
    """Exit code of a copy of this process that does it; the real thing dies with all that it holds."""
    child = os.fork()
    if child == 0:
        try:
            what()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


_ON_S3 = """
import sys
from pathlib import Path
import archive_parts as parts
import test_archive
from perf_pipeline.archive.place import open_place
test_archive._kill_after(3, open_place(sys.argv[2]), parts.project_in(Path(sys.argv[1])))
"""


def _killed_on_s3(project: Project, url: str) -> int:
    """A process of its own: what speaks with S3 has threads, which a copy would not have."""
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1] / "unit")])
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(
        [sys.executable, "-c", _ON_S3, str(project.root), url], env=environment, timeout=60, check=False
    ).returncode


def _filled(project: Project, store: Store, folder: Path) -> Place:
    parts.three_runs(project, store)
    place = open_place(str(folder))
    parts.swept(place, store, project)
    return place


def _flip(file: Path, good: bytes, where: int) -> None:
    """In a copy: the file may be the run's, too."""
    file.unlink()
    file.write_bytes(good[:where] + bytes([good[where] ^ 1]) + good[where + 1 :])
