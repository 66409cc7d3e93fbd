"""The journals of stores, and what becomes of them when a store is lost; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import archive_parts as parts
import pytest
from postgres import postgres_server, postgres_url  # noqa: F401
from sqlalchemy import create_engine, text
from store_parts import at, ran

from perf_pipeline.archive.archives import list_archives
from perf_pipeline.archive.errors import ArchiveError
from perf_pipeline.archive.journal import paths
from perf_pipeline.archive.place import Place, open_place
from perf_pipeline.archive.pruning import prune
from perf_pipeline.archive.rebuild import rebuild_store
from perf_pipeline.archive.verify import verify_beside
from perf_pipeline.project import Project
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import ArchivePolicy

OTHER = "archive_of_another_store"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return parts.project_in(tmp_path)


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    with Store(project.store_url) as opened:
        parts.three_runs(project, opened)
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return open_place(str(tmp_path / "archive"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """What a daemon opens where its store was: a new one."""
    sqlite = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    url = sqlite if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    with Store(url) as opened:
        yield opened


def rows(store: Store, *, but: str = "") -> dict[str, Any]:
    return {name: found for name, found in store.rows_beside_runs().items() if name != but}


class TestALostStore:
    def test_is_made_again_although_the_daemon_went_on_with_an_empty_one(
        self, store: Store, empty: Store, project: Project, place: Place
    ) -> None:
        store.add_notice("x", "of the lost one", at(50))
        parts.swept(place, store, project)
        kept = paths(place)
        for minute in range(61, 68):  # more often than journals are kept
            found = parts.swept(place, empty, project, minute=minute)
            assert (found.journal, found.archived) == (None, [])
            assert "`perf-pipeline archive rebuild-store` makes it again" in found.other_store
            empty.add_notice(OTHER, found.other_store, at(minute))
        assert paths(place) == kept
        rebuilt = rebuild_store(place, empty)
        assert (rebuilt.runs, rebuilt.missing, rebuilt.journal) == (3, [], kept[-1])
        assert len(store.baseline_members()) == 2
        assert rows(empty, but="perf_notices") == rows(store, but="perf_notices")
        assert [one.kind for one in empty.notices(since=at(0))] == [OTHER] * 7 + ["x"]
        again = parts.swept(place, empty, project, minute=70)
        assert again.other_store == ""
        assert again.journal is not None
        assert again.journal.split("/")[1] == store.store_id(), "it goes on as the lost one"

    def test_is_asked_for_where_several_have_something_to_say(
        self, store: Store, empty: Store, project: Project, place: Place, tmp_path: Path
    ) -> None:
        parts.swept(place, store, project)
        ran(empty, "run-8", 70)
        parts.fill_folder(project, "run-8", empty)
        assert [one.run_id for one in parts.swept(place, empty, project, minute=80).archived] == ["run-8"]
        assert len({path.split("/")[1] for path in paths(place)}) == 2
        with Store(f"sqlite:///{tmp_path / 'third.sqlite'}") as third:
            with pytest.raises(ArchiveError, match="several stores have journals") as asked:
                rebuild_store(place, third)
            for one in (store, empty):
                assert f"--journal {one.store_id()[:8]}" in str(asked.value)
            with pytest.raises(ArchiveError, match=r"no journal .* is of a store 'nobody'"):
                rebuild_store(place, third, journal="nobody")
            assert third.list_runs() == []
            rebuild_store(place, third, journal=store.store_id()[:8])
            assert rows(third) == rows(store)

    def test_that_is_really_empty_may_keep_its_journal_at_a_new_place(
        self, empty: Store, project: Project, place: Place
    ) -> None:
        found = parts.swept(place, empty, project)
        assert found.other_store == ""
        assert found.journal is not None
        assert parts.swept(place, empty, project, minute=61).other_store == ""


class TestADamagedJournal:
    @pytest.mark.parametrize("how", ["torn", "changed"])
    def test_is_told_when_an_older_one_is_taken_and_found_by_verify(
        self, store: Store, empty: Store, project: Project, place: Place, how: str
    ) -> None:
        parts.swept(place, store, project)
        store.pause(None, None, reason="holidays", who="a person", at=at(61))
        parts.swept(place, store, project, minute=62)
        older, newest = paths(place)
        place.write(newest, place.read(newest)[:-9] if how == "torn" else place.read(older))
        problems = [problem for one in verify_beside(place) for problem in one.problems]
        assert len(problems) == 1
        assert newest in problems[0]
        rebuilt = rebuild_store(place, empty)
        assert rebuilt.journal == older
        assert len(rebuilt.missing) == 1
        assert newest in rebuilt.missing[0]
        assert empty.pauses() == []

    def test_alone_is_refused(self, store: Store, empty: Store, project: Project, place: Place) -> None:
        parts.swept(place, store, project)
        place.write(paths(place)[0], b"nothing")
        with pytest.raises(ArchiveError, match="cannot be read: take it from a backup"):
            rebuild_store(place, empty)


class TestWhatIsLeftOfAPrunedRun:
    def test_is_verified(self, store: Store, project: Project, place: Place, tmp_path: Path) -> None:
        parts.swept(place, store, project)
        prune(place, store, project, {"multiplayer": ArchivePolicy(runs=0)}, at(61))
        assert [one.problems for one in verify_beside(place)] == [[], []]
        left = next((tmp_path / "archive").rglob("run-3.pruned.json.gz"))
        left.write_bytes(left.read_bytes()[:-1])
        problems = [problem for one in verify_beside(place) for problem in one.problems]
        assert problems == [f"{left} cannot be read: take it from a backup."]


class TestARecordOfAnotherVersion:
    def test_is_kept_as_it_is_and_stops_neither_the_journal_nor_pruning(
        self, store: Store, empty: Store, project: Project, place: Place
    ) -> None:
        engine = create_engine(project.store_url)
        with engine.begin() as connection:
            connection.execute(
                text("""UPDATE perf_runs SET record = '{"of": "tomorrow"}' WHERE run_id = 'run-2'""")
            )
        engine.dispose()
        with pytest.raises(StoreError):
            store.record("run-2")
        found = parts.swept(place, store, project)
        assert [one.run_id for one in found.archived] == ["run-1", "run-3"]
        assert {*found.failed} == {"run-2"}
        assert found.journal is not None
        done = prune(place, store, project, {"multiplayer": ArchivePolicy(runs=0)}, at(61))
        assert [one.run_id for one in done.runs] == ["run-3"]
        rebuilt = rebuild_store(place, empty)
        assert rebuilt.runs == 2
        assert "the journal's run run-2 was written by another version." in rebuilt.missing
        assert len(list_archives(place).archives) == 1
