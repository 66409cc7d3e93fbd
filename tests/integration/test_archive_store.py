"""A store built again from archives, runs judged again from archives, archives pruned; on both databases."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import archive_parts as parts
import builders
import pytest
from cli_parts import write_samples
from postgres import postgres_server, postgres_url  # noqa: F401
from s3_parts import s3_bucket, s3_server  # noqa: F401
from store_parts import at, begun, measured, ran, saved

from perf_pipeline import conventions as names
from perf_pipeline.archive.archives import find_archive, list_archives
from perf_pipeline.archive.errors import ArchiveError, PlaceError
from perf_pipeline.archive.place import Place, open_place
from perf_pipeline.archive.pruning import prune
from perf_pipeline.archive.rebuild import rebuild_store
from perf_pipeline.archive.rejudge import Rejudged, rejudge
from perf_pipeline.core.judgement import BaselineRef, Comparison, Verdict
from perf_pipeline.core.judging import judge
from perf_pipeline.core.model import Outcome, RunRecord
from perf_pipeline.core.outcome import decide_outcome
from perf_pipeline.core.slo import slo_report
from perf_pipeline.load.samples import load_samples
from perf_pipeline.project import Project
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import ArchivePolicy

PLACE = {"suite": "multiplayer", "target": "local", "profile": "standard"}
WHO = {"who": "a person", "reason": "it is wanted"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return parts.project_in(tmp_path)


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    with Store(project.store_url) as opened:
        yield opened


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return open_place(str(tmp_path / "archive"))


@pytest.fixture(params=["sqlite", "postgresql"])
def other_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty one, on either database."""
    sqlite = f"sqlite:///{tmp_path / 'other.sqlite'}"
    url = sqlite if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    with Store(url) as opened:
        yield opened


def everything(store: Store) -> dict[str, Any]:
    """All that the store tells of what it knows."""
    runs = store.list_runs(limit=1000)
    return {
        "runs": runs,
        "records": [store.record(run.run_id) for run in runs if run.measured],
        "history": [
            store.endpoint_history("multiplayer", "local", name, 1000) for name in builders.suite().endpoints
        ],
        "baselines": store.baselines(**PLACE),
        "members": store.baseline_members(history=True),
        "decisions": store.promotions(limit=1000),
        "deploys": store.list_deploys(limit=1000),
        "pauses": store.pauses(),
        "notices": store.notices(since=at(-1000)),
        "archives": store.archives(),
        "waiting": store.waiting(builders.fingerprint(), before=at(5000), exclude_series=""),
        "asking": store.asking(since=at(-1000)),
        "protected": store.protected_runs(),
        "rows": store.rows_beside_runs(),
    }


def lived_in(store: Store, project: Project) -> None:
    """Runs, a series, a run that waits to enter, decisions by hand, a deploy, pauses, a notice."""
    parts.three_runs(project, store)
    ran(store, "run-4", 40, {"get_news": Verdict.INCONCLUSIVE}, asks="get_news may be slower")
    ran(store, "run-5", 50, {"get_news": Verdict.REGRESSED}, confirms="run-4", outcome=Outcome.REGRESSED)
    store.accept("run-5", at=at(55), reset=True, **WHO)
    store.pin(["run-1", "run-5"], at=at(56), **WHO)
    ran(store, "run-6", 60, {"get_news": Verdict.REGRESSED}, outcome=Outcome.REGRESSED)
    store.mark_deploy("multiplayer", "local", "v2", note="by hand", at=at(61))
    store.pause("multiplayer", None, reason="the machine moves", who="a person", at=at(62))
    store.pause(None, None, reason="holidays", who="a person", at=at(63))
    store.resume(None, None, reason="over", who="a person", at=at(64))
    store.add_notice("archive_failed", "the disk was full", at(65))


class TestARebuiltStore:
    def test_knows_all_that_the_old_one_knew(
        self, store: Store, other_store: Store, project: Project, place: Place
    ) -> None:
        lived_in(store, project)
        parts.swept(place, store, project, minute=70)
        suites = {"multiplayer": ArchivePolicy(runs=4)}
        assert [one.run_id for one in prune(place, store, project, suites, at(71)).runs] == ["run-2"]
        begun(store, "late", 80, host="bench-2")
        store.set_outcome("late", Outcome.CANCELLED, "cancelled: by a person", at(81))
        assert "late" in parts.swept(place, store, project, minute=82).waiting
        found = rebuild_store(place, other_store)
        assert (found.runs, found.missing) == (7, [])
        assert everything(other_store) == everything(store)

    def test_goes_on_as_the_old_one_would(
        self, store: Store, other_store: Store, project: Project, place: Place
    ) -> None:
        lived_in(store, project)
        parts.swept(place, store, project, minute=70)
        rebuild_store(place, other_store)
        for one in (store, other_store):
            ran(one, "run-7", 90)
            one.unpin(at=at(95), **PLACE, **WHO)
            one.add_notice("x", "y", at(96))
            one.mark_deploy("multiplayer", "local", "v3", note="", at=at(97))
        assert everything(other_store) == everything(store)

    def test_is_only_made_of_an_empty_one(
        self, store: Store, other_store: Store, project: Project, place: Place
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        other_store.pause(None, None, reason="holidays", who="a person", at=at(0))
        with pytest.raises(StoreError, match=r"is not empty \(perf_pauses has rows\)"):
            rebuild_store(place, other_store)
        assert other_store.list_runs() == []

    def test_says_what_is_missing(
        self, store: Store, other_store: Store, project: Project, place: Place, tmp_path: Path
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        (tmp_path / "archive" / find_archive(place, "run-1").folder / names.RUN_JSON).write_text("{}")
        found = rebuild_store(place, other_store)
        assert found.runs == 2
        assert [
            "run-1 is damaged" in one or "run run-1 is in a baseline" in one for one in found.missing
        ] == [
            True,
            True,
        ]
        shutil.rmtree(tmp_path / "archive" / "journal")
        with Store(f"sqlite:///{tmp_path / 'third.sqlite'}") as third:
            assert "has no journal" in rebuild_store(place, third).missing[0]


class TestTheJournal:
    def test_is_written_when_something_has_changed_and_a_few_are_kept(
        self, store: Store, project: Project, place: Place, tmp_path: Path
    ) -> None:
        parts.three_runs(project, store)
        assert parts.swept(place, store, project, minute=60).journal is not None
        assert parts.swept(place, store, project, minute=61).journal is None
        for minute in range(62, 70):
            store.add_notice("x", f"at {minute}", at(minute))
            assert parts.swept(place, store, project, minute=minute).journal is not None
        kept = sorted(path.name for path in (tmp_path / "archive" / "journal" / store.store_id()).iterdir())
        assert len(kept) == 5
        assert kept[-1].startswith(f"{at(69):%Y%m%dT%H%M}")


class TestPruning:
    def test_keeps_baselines_and_those_judged_with_them_and_says_why(
        self, store: Store, project: Project, place: Place
    ) -> None:
        lived_in(store, project)
        parts.swept(place, store, project, minute=70)
        suites = {"multiplayer": ArchivePolicy(keep_s=86_400.0)}
        later = at(70) + timedelta(days=3)
        plan = prune(place, store, project, suites, later, dry_run=True)
        assert len(list_archives(place).archives) == 6
        done = prune(place, store, project, suites, later)
        assert plan == done
        assert [one.run_id for one in done.runs] == ["run-2", "run-3", "run-6"]
        assert {one.why for one in done.runs} == {"older than 1 day"}
        assert done.kept == [
            "3 would go by age or number, but are in a baseline or were judged with such a run"
        ]
        assert [one.run_id for one in list_archives(place).archives] == ["run-1", "run-4", "run-5"]
        assert not project.run_folder("run-2").exists()
        assert project.run_folder("run-1").is_dir()
        assert store.record("run-2").stack.run_id == "run-2"
        assert parts.swept(place, store, project, minute=71).archived == []

    def test_goes_on_where_it_was_killed(
        self, store: Store, project: Project, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        suites = {"multiplayer": ArchivePolicy(runs=0)}
        monkeypatch.setattr(type(place), "remove_folder", _killed)
        with pytest.raises(KeyboardInterrupt):
            prune(place, store, project, suites, at(61))
        monkeypatch.undo()
        assert len(list_archives(place).archives) == 3
        assert [one.run_id for one in prune(place, store, project, suites, at(62)).runs] == ["run-3"]
        assert len(list_archives(place).archives) == 2

    def test_makes_room_before_it_writes_anything(
        self, store: Store, project: Project, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parts.three_runs(project, store)
        ran(store, "run-4", 40, {"get_news": Verdict.REGRESSED}, outcome=Outcome.REGRESSED)
        folder = parts.fill_folder(project, "run-4", store)
        parts.swept(place, store, project)
        write = type(place).write

        def full(self: Place, path: str, content: bytes) -> None:
            if "run-4" in path and folder.exists():
                raise PlaceError("no room")
            write(self, path, content)

        monkeypatch.setattr(type(place), "write", full)
        suites = {"multiplayer": ArchivePolicy(runs=0)}
        assert "run-4" in [one.run_id for one in prune(place, store, project, suites, at(61)).runs]

    def test_in_a_copied_home_leaves_the_folders_of_the_first_home_alone(
        self, store: Store, project: Project, place: Place, tmp_path: Path
    ) -> None:
        parts.three_runs(project, store)
        original = project.run_folder("run-4")
        begun(store, "run-4", 40, run_folder=str(original), **parts.DEAD)
        store.set_outcome("run-4", Outcome.CANCELLED, "cancelled: by a person", at(41))
        original.mkdir()
        (original / names.K6_LOG).write_text("of the first home")
        parts.swept(place, store, project)
        copied = replace(project, home=tmp_path / "copied")
        suites = {"multiplayer": ArchivePolicy(runs=0)}
        assert len(prune(place, store, copied, suites, at(61)).runs) == 2
        assert (original / names.K6_LOG).read_text() == "of the first home"

    def test_follows_no_link_out_of_the_home(
        self, store: Store, project: Project, place: Place, tmp_path: Path
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "file").write_text("somebody's")
        project.run_folder("run-3").symlink_to(tmp_path / "elsewhere")
        prune(place, store, project, {"multiplayer": ArchivePolicy(runs=0)}, at(61))
        assert (tmp_path / "elsewhere" / "file").read_text() == "somebody's"

    def test_stops_between_two_runs_when_it_is_told_to(
        self, store: Store, project: Project, place: Place
    ) -> None:
        parts.three_runs(project, store)
        ran(store, "run-4", 40, {"get_news": Verdict.REGRESSED}, outcome=Outcome.REGRESSED)
        parts.swept(place, store, project)
        suites = {"multiplayer": ArchivePolicy(runs=0)}
        answers = iter([True])
        done = prune(place, store, project, suites, at(61), keep_going=lambda: next(answers, False))
        assert (len(done.runs), done.left) == (1, 3)
        assert "goes another time" in done.kept[-1]
        assert len(prune(place, store, project, suites, at(62)).runs) == 1

    def test_leaves_no_run_that_could_still_enter_a_baseline(
        self, store: Store, project: Project, place: Place
    ) -> None:
        parts.three_runs(project, store)
        ran(store, "run-4", 40, {"get_news": Verdict.REGRESSED}, outcome=Outcome.REGRESSED)
        parts.swept(place, store, project)
        prune(place, store, project, {"multiplayer": ArchivePolicy(runs=0)}, at(61))
        before = store.baseline_members(history=True)
        for act in (
            lambda: store.accept("run-4", at=at(62), **WHO),
            lambda: store.pin(["run-1", "run-4"], at=at(62), **WHO),
        ):
            with pytest.raises(StoreError, match="run-4 cannot enter a baseline: it was pruned"):
                act()
        assert store.baseline_members(history=True) == before

    def test_touches_nothing_that_the_store_does_not_know(
        self, store: Store, other_store: Store, project: Project, place: Place
    ) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        found = prune(place, other_store, project, {"multiplayer": ArchivePolicy(runs=0)}, at(61))
        assert found.runs == []
        assert "3 are not known to this store" in found.kept[0]
        assert len(list_archives(place).archives) == 3

    def test_keeps_what_no_suite_file_speaks_of(self, store: Store, project: Project, place: Place) -> None:
        parts.three_runs(project, store)
        parts.swept(place, store, project)
        found = prune(place, store, project, {}, at(61))
        assert (found.runs, found.left) == ([], 3)
        assert found.kept == ["those of multiplayer, which no suite file says how long to keep"]


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def judged_run(
    store: Store, project: Project, run_id: str, minute: float, slower: dict[str, float]
) -> RunRecord:
    """A run that was really judged against run-1 and run-2, from the samples in its folder."""
    folder = project.run_folder(run_id)
    folder.mkdir(parents=True)
    write_samples(builders.samples(seed=int(run_id[-1]), slower=slower), folder / names.SAMPLES)
    suite, mine = builders.suite(), load_samples(folder)
    record = measured(run_id, started_at=at(minute))
    slo = slo_report(
        suite=suite,
        profile=suite.profiles["standard"],
        stack=record.stack,
        load=record.load,
        snapshot=record.snapshot,
        samples=mine,
    )
    found = judge(
        baseline=[load_samples(project.run_folder(one)) for one in ("run-1", "run-2")],
        baseline_loads=[store.record(one).load for one in ("run-1", "run-2")],
        candidates=[mine],
        load=record.load,
        settings=suite.verdict,
        follow_up=record.stack.request.follow_up,
    )
    against = BaselineRef(mode="automatic", run_ids=["run-1", "run-2"], revisions=["a", "b"])
    comparison = Comparison(
        run_id=run_id, compared=True, baseline=against, judgement=found.judgement, control=found.control
    )
    outcome, sentence = decide_outcome(slo, comparison)
    more = {"slo": slo, "comparison": comparison, "outcome": outcome, "sentence": sentence}
    record = record.model_copy(update=more)
    saved(store, record)
    return record


def again(place: Place, run_id: str, folder: Path, *, anew: bool = False) -> Rejudged:
    archive = find_archive(place, run_id)
    return rejudge(place, archive, folder, suite_today=lambda _: builders.suite(), anew=anew)


class TestARunJudgedAgain:
    @pytest.mark.parametrize("slower", [{}, {"get_news": 2.0}], ids=["as it was", "slower"])
    def test_from_archives_alone_has_the_same_verdict_to_the_last_digit(
        self, store: Store, project: Project, place: Place, tmp_path: Path, slower: dict[str, float]
    ) -> None:
        parts.three_runs(project, store)
        record = judged_run(store, project, "run-9", 50, slower)
        parts.swept(place, store, project)
        store.close()
        project.home.rename(tmp_path / "gone")
        found = again(place, "run-9", tmp_path / "again")
        assert found.same
        assert found.identical
        assert {one.endpoint: one.verdict_now for one in found.endpoints} == {
            name: one.verdict.value for name, one in record.comparison.judgement.endpoints.items()
        }
        assert found.baseline == ["run-1", "run-2"]
        written = json.loads((tmp_path / "again" / names.REPORT_JSON).read_text())
        assert written["run"]["outcome"] == record.outcome.value
        assert "run-9" in (tmp_path / "again" / names.REPORT_HTML).read_text()

    def test_differently_says_where(
        self, store: Store, project: Project, place: Place, tmp_path: Path
    ) -> None:
        parts.three_runs(project, store)
        record = judged_run(store, project, "run-9", 50, {"get_news": 2.0})
        endpoints = record.comparison.judgement.endpoints
        better = endpoints["get_news"].model_copy(update={"verdict": Verdict.IMPROVED})
        judgement = record.comparison.judgement.model_copy(
            update={"endpoints": {**endpoints, "get_news": better}}
        )
        comparison = record.comparison.model_copy(update={"judgement": judgement})
        store.save_record(record.model_copy(update={"comparison": comparison}), at(55))
        parts.swept(place, store, project)
        found = again(place, "run-9", tmp_path / "again")
        assert not found.same
        assert [one.endpoint for one in found.endpoints if not one.same] == ["get_news"]

    def test_needs_the_archives_of_all_that_it_was_compared_with(
        self, store: Store, project: Project, place: Place, tmp_path: Path
    ) -> None:
        parts.three_runs(project, store)
        judged_run(store, project, "run-9", 50, {})
        parts.swept(place, store, project)
        with pytest.raises(ArchiveError, match="run-3 has nothing to judge, it ended as not_ready"):
            again(place, "run-3", tmp_path / "again")
        before = again(place, "run-9", tmp_path / "again")
        place.remove_folder(find_archive(place, "run-2").folder)
        with pytest.raises(
            ArchiveError, match="run run-2, which took part in the comparison, is in no archive"
        ):
            again(place, "run-9", tmp_path / "again", anew=True)
        assert (before.folder / names.REPORT_HTML).is_file(), (
            "what was there before stays until there is more"
        )
        assert [path.name for path in tmp_path.glob(".again*")] == []


class TestOnS3:
    def test_a_run_is_judged_again_the_store_made_again_and_archives_pruned(
        self,
        store: Store,
        project: Project,
        tmp_path: Path,
        s3_bucket: str,  # noqa: F811
    ) -> None:
        place = open_place(s3_bucket)
        parts.three_runs(project, store)
        judged_run(store, project, "run-9", 50, {"get_news": 2.0})
        parts.swept(place, store, project)
        found = again(place, "run-9", tmp_path / "again")
        assert (found.same, found.identical) == (True, True)
        suites = {"multiplayer": ArchivePolicy(runs=0)}
        assert [one.run_id for one in prune(place, store, project, suites, at(61)).runs] == ["run-3", "run-9"]
        assert [one.run_id for one in list_archives(place).archives] == ["run-1", "run-2"]
        parts.swept(place, store, project, minute=62)
        with Store(f"sqlite:///{tmp_path / 'other.sqlite'}") as other:
            assert rebuild_store(place, other).missing == []
            assert everything(other) == everything(store)
