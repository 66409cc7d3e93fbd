"""Pauses and the line of waiting runs, in the store: on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import postgres_server, postgres_url  # noqa: F401
from store_parts import at, begun

from perf_pipeline.core.model import Outcome
from perf_pipeline.store.errors import BusyError
from perf_pipeline.store.repository import Store

ANNA = {"who": "anna", "reason": "migration"}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    else:
        url = request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        yield opened


class TestAPause:
    def test_says_since_when_by_whom_why_and_what_ends_it(self, store: Store) -> None:
        assert store.paused(suite="multiplayer", target="staging") is None
        assert store.pause("multiplayer", "staging", **ANNA, at=at(0)) is None
        assert store.paused(suite="multiplayer", target="staging") == (
            f"multiplayer on staging is paused since {at(0):%Y-%m-%d %H:%M} UTC by anna: migration; "
            "`perf-pipeline resume multiplayer --target staging` ends it"
        )

    @pytest.mark.parametrize(
        ("suite", "target", "of"),
        [
            (None, None, "everything"),
            ("multiplayer", None, "multiplayer"),
            (None, "staging", "every suite on staging"),
            ("multiplayer", "staging", "multiplayer on staging"),
        ],
    )
    def test_is_of_a_suite_of_a_target_of_both_or_of_everything(
        self, store: Store, suite: str | None, target: str | None, of: str
    ) -> None:
        store.pause(suite, target, **ANNA, at=at(0))
        paused = {
            (one, where)
            for one in ("multiplayer", "shop")
            for where in ("staging", "local")
            if store.paused(suite=one, target=where)
        }
        expected = {
            (one, where)
            for one in ("multiplayer", "shop")
            for where in ("staging", "local")
            if suite in (None, one) and target in (None, where)
        }
        assert paused == expected
        assert [one.of for one in store.pauses()] == [of]

    def test_a_second_time_is_the_first_one(self, store: Store) -> None:
        store.pause(None, "staging", **ANNA, at=at(0))
        known = store.pause(None, "staging", who="ben", reason="again", at=at(5))
        assert known is not None
        assert (known.who, known.at) == ("anna", at(0))
        assert store.pauses() == [known]

    def test_ends_with_resume_of_exactly_it(self, store: Store) -> None:
        store.pause(None, "staging", **ANNA, at=at(0))
        store.pause("multiplayer", "staging", who="ben", reason="debugging", at=at(1))
        ended = store.resume(None, "staging", who="anna", reason="done", at=at(9))
        assert ended is not None
        assert ended.reason == "migration"
        assert [one.who for one in store.pauses()] == ["ben"]
        assert store.paused(suite="shop", target="staging") is None
        assert store.resume(None, "staging", who="anna", reason="", at=at(10)) is None

    def test_can_be_made_again_after_it_ended(self, store: Store) -> None:
        store.pause(None, None, **ANNA, at=at(0))
        store.resume(None, None, who="anna", reason="", at=at(1))
        assert store.pause(None, None, **ANNA, at=at(2)) is None
        assert [one.at for one in store.pauses()] == [at(2)]


class TestTheLine:
    def test_keeps_nobody_out_who_comes_first(self, store: Store) -> None:
        begun(store, "first", 0, exclusive=True)
        begun(store, "nightly", 1, waits="run first", priority=-20)
        store.set_outcome("first", Outcome.CANCELLED, "cancelled: over", at(2))
        begun(store, "person", 3, exclusive=True, priority=0)
        assert store.find_run("nightly").waits == "run first"

    def test_is_by_priority_and_then_by_time(self, store: Store) -> None:
        for minute, (run_id, priority) in enumerate(
            [("nightly", -20), ("deploy-1", -10), ("deploy-2", -10), ("person", 0), ("confirmation", 10)]
        ):
            begun(store, run_id, minute, waits="somebody", priority=priority)
        began = []
        waiting = {"nightly": -20, "deploy-1": -10, "deploy-2": -10, "person": 0, "confirmation": 10}
        for minute in range(10, 15):
            for run_id, priority in waiting.items():
                try:
                    begun(store, run_id, minute, exclusive=True, priority=priority)
                except BusyError as error:
                    assert "comes first" in str(error)
                else:
                    began.append(run_id)
                    store.set_outcome(run_id, Outcome.CANCELLED, "cancelled: over", at(minute))
                    break
            waiting.pop(began[-1])
        assert began == ["confirmation", "person", "deploy-1", "deploy-2", "nightly"]

    def test_of_another_host_is_not_waited_for(self, store: Store) -> None:
        begun(store, "elsewhere", 0, host="bench-2", waits="somebody", priority=10)
        begun(store, "here", 1, exclusive=True)

    def test_does_not_stop_at_one_whose_target_is_loaded_from_elsewhere(self, store: Store) -> None:
        staging, own = {"base_url": "http://staging"}, {"base_url": "http://own"}
        begun(store, "elsewhere", 0, host="bench-2", **staging)
        begun(store, "first", 1, waits="run elsewhere", priority=10, **staging)
        begun(store, "here", 2, exclusive=True, elsewhere_since=at(0), **own)
        store.set_outcome("here", Outcome.CANCELLED, "cancelled: over", at(3))
        with pytest.raises(BusyError, match=r"run first of .* comes first"):  # elsewhere counts as dead
            begun(store, "later", 4, exclusive=True, elsewhere_since=at(1), **own)

    def test_gives_a_run_the_time_at_which_it_begins(self, store: Store) -> None:
        begun(store, "nightly", 0, waits="somebody", priority=-20)
        assert store.find_run("nightly").started_at == at(0)
        begun(store, "nightly", 7, exclusive=True, priority=-20)
        run = store.find_run("nightly")
        assert (run.started_at, run.waits) == (at(7), "")

    def test_is_left_by_a_run_whose_process_died(self, store: Store) -> None:
        begun(store, "dead", 0, waits="somebody", priority=10)
        lost = store.mark_lost(lambda _run: "its process ended.", at(1))
        assert [(run.run_id, run.outcome, run.waits) for run in lost] == [("dead", Outcome.LOST, "")]
        begun(store, "nightly", 2, exclusive=True, priority=-20)
