"""Series in the store: which runs belong together, and which of them still asks for another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import postgres_server, postgres_url  # noqa: F401
from store_parts import at, begun, measured

from perf_pipeline.core.model import FollowUp, Outcome, RunRequest
from perf_pipeline.store.repository import BusyError, Store

WHY = "get_news is perhaps slower"


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    else:
        url = request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        yield opened


def asked(confirms: str | None = None, follow_up: FollowUp = FollowUp.SENSOR) -> RunRequest:
    return RunRequest(
        suite="multiplayer", target="local", profile="standard", confirms=confirms, follow_up=follow_up
    )


def ended(store: Store, run_id: str, minute: float, request: RunRequest, asks: str = "") -> None:
    begun(store, run_id, minute, request=request)
    record = measured(run_id, started_at=at(minute)).model_copy(update={"asks": asks})
    store.save_record(record, at(minute + 2))


def asking(store: Store, minute: float = 60) -> list[str]:
    return [run.run_id for run in store.asking(since=at(minute - 60))]


class TestASeries:
    def test_is_a_run_and_those_that_confirm_it_oldest_first(self, store: Store) -> None:
        ended(store, "one", 0, asked(), WHY)
        ended(store, "other", 3, asked())
        ended(store, "two", 6, asked("one"), "still")
        ended(store, "three", 9, asked("one"))
        assert [run.run_id for run in store.series("one")] == ["one", "two", "three"]
        assert [run.asks for run in store.series("one")] == [WHY, "still", ""]
        assert {run.series for run in store.series("one")} == {"one"}


class TestARunThatAsksForAnother:
    def test_is_found_until_it_gets_it_however_that_ends(self, store: Store) -> None:
        ended(store, "one", 0, asked(), WHY)
        assert asking(store) == ["one"]
        begun(store, "two", 5, request=asked("one"))
        assert asking(store) == []
        store.set_outcome("two", Outcome.CANCELLED, "cancelled: ...", at(6))
        assert asking(store) == []

    def test_asks_again_as_the_second_of_its_series(self, store: Store) -> None:
        ended(store, "one", 0, asked(), WHY)
        ended(store, "two", 5, asked("one"), "still")
        assert asking(store) == ["two"]

    def test_is_not_for_the_sensor_when_somebody_waits_for_it(self, store: Store) -> None:
        ended(store, "one", 0, asked(follow_up=FollowUp.CALLER), WHY)
        assert asking(store) == []

    def test_is_forgotten_after_an_hour(self, store: Store) -> None:
        ended(store, "one", 0, asked(), WHY)
        assert asking(store, minute=63) == []


class TestTwoThatConfirmTheSameRun:
    def test_the_second_is_refused_when_the_first_has_answered(self, store: Store) -> None:
        ended(store, "one", 0, asked(), WHY)
        ended(store, "two", 5, asked("one"))
        with pytest.raises(BusyError, match="run one asks for no further run: run two of its series"):
            begun(store, "again", 9, request=asked("one"), exclusive=True)

    def test_a_run_that_is_executed_again_does_not_stand_in_its_own_way(self, store: Store) -> None:
        ended(store, "one", 0, asked(), WHY)
        begun(store, "two", 5, request=asked("one"), exclusive=True)
        store.set_outcome("two", Outcome.CANCELLED, "cancelled: ...", at(6))
        begun(store, "two", 7, request=asked("one"), exclusive=True)
