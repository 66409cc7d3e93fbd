"""Deploys in the store: counted once, numbered per target, and what became of each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import postgres_server, postgres_url  # noqa: F401
from store_parts import at

from perf_pipeline.core.deploys import Observation, failed
from perf_pipeline.store.repository import Store, StoredDeploy, StoreError
from perf_pipeline.store.values import DeployState

PLACE = ("shop", "staging")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store(url) as opened:
        yield opened


def looked(store: Store, minute: float, *revisions: str, failure: str = "") -> None:
    seen = failed(failure) if failure else Observation(frozenset(revisions))
    store.look(*PLACE, seen, source="version", place="/version", settle_s=60.0, at=at(minute))


def marked(store: Store, minute: float, revision: str, *, again: bool = False) -> StoredDeploy:
    return store.mark_deploy(*PLACE, revision, note="", at=at(minute), again=again)


def ended(store: Store, number: int, minute: float, state: DeployState = DeployState.MEASURED) -> None:
    """Its run was started, and ended so."""
    assert store.launch_deploy(store.deploy(*PLACE, number), "here", "run", at(minute))
    store.settle_deploy(store.deploy(*PLACE, number), state, "its run ended", at(minute), f"run-{number}")


def states(store: Store) -> list[tuple[int, str, str | None, str]]:
    """Number, revision, previous revision and state of each deploy, oldest first."""
    return [
        (one.number, one.revision, one.previous_revision, one.state.value) for one in store.list_deploys()
    ][::-1]


class TestWhatIsSeenOfATarget:
    def test_becomes_a_deploy_with_the_revision_before_it(self, store: Store) -> None:
        for minute in range(5):
            looked(store, minute, "1.4.0" if minute < 2 else "1.5.0")
        assert states(store) == [(1, "1.5.0", "1.4.0", "pending")]
        deploy = store.deploy(*PLACE, 1)
        assert (deploy.source, deploy.seen_at, deploy.attempts) == ("version", at(2), 0)

    def test_is_three_deploys_when_it_goes_there_and_back(self, store: Store) -> None:
        for minute, revision in enumerate("0aaabbbaaa"):
            looked(store, minute, revision)
            for deploy in store.open_deploys():
                ended(store, deploy.number, minute)
        assert states(store) == [
            (1, "a", "0", "measured"),
            (2, "b", "a", "measured"),
            (3, "a", "b", "measured"),
        ]

    def test_is_remembered_by_another_process(self, url: str) -> None:
        for minute, revision in enumerate("abb"):
            with Store(url) as store:
                looked(store, minute, revision)
        with Store(url) as store:
            assert states(store) == [(1, "b", "a", "pending")]

    def test_is_recorded_as_coalesced_when_it_vanished_before_it_settled(self, store: Store) -> None:
        for minute, revision in enumerate(["a", "b", "c", "c"]):
            looked(store, minute, revision)
        assert states(store) == [(1, "b", "a", "coalesced"), (2, "c", "a", "pending")]
        assert store.deploy(*PLACE, 1).sentence == "it had gone by 12:02:00 UTC, before it settled"

    def test_coalesces_an_older_one_that_has_not_been_run_yet(self, store: Store) -> None:
        for minute, revision in enumerate("abbcc"):
            looked(store, minute, revision)
        assert states(store) == [(1, "b", "a", "coalesced"), (2, "c", "b", "pending")]
        assert store.deploy(*PLACE, 1).sentence == "deploy 2 (c) came before its run could start"

    def test_gives_one_notice_in_an_hour_of_failures_and_one_when_it_is_over(self, store: Store) -> None:
        looked(store, 0, "a")
        for look in range(120):
            looked(store, 1 + look / 2, failure="http://shop answers 500 instead of 200")
        (notice,) = store.notices(since=at(0))
        assert (notice.kind, notice.suite, notice.target) == ("deploy_source_failing", *PLACE)
        assert notice.sentence == (
            "no deploy of shop on staging can be seen since 2026-11-20 12:01 UTC: "
            "http://shop answers 500 instead of 200 (31 times in a row)"
        )
        looked(store, 61, "a")
        assert [one.kind for one in store.notices(since=at(60))] == ["deploy_source_recovered"]
        assert states(store) == []

    def test_counts_once_when_two_look_at_the_same_moment(self, url: str, store: Store) -> None:
        looked(store, 0, "a")
        looked(store, 1, "b")
        together = threading.Barrier(2)

        def look() -> None:
            with Store(url) as other:
                together.wait(timeout=30)
                looked(other, 2, "b")

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert states(store) == [(1, "b", "a", "pending")]

    def test_does_not_count_when_it_comes_late(self, store: Store) -> None:
        looked(store, 0, "a")
        looked(store, 5, "a")
        looked(store, 3, "b")
        looked(store, 4, "b")
        assert states(store) == []


class TestAMarker:
    def test_is_a_deploy_at_once(self, store: Store) -> None:
        marked(store, 0, "abc")
        marked(store, 5, "def")
        assert states(store) == [(1, "abc", None, "coalesced"), (2, "def", "abc", "pending")]

    def test_of_the_newest_known_revision_is_coalesced_unless_it_is_wanted_again(self, store: Store) -> None:
        marked(store, 0, "abc")
        ended(store, 1, 1)
        assert marked(store, 2, "abc").sentence == "abc is of deploy 1 already"
        marked(store, 3, "abc", again=True)
        assert states(store) == [
            (1, "abc", None, "measured"),
            (2, "abc", None, "coalesced"),
            (3, "abc", None, "pending"),
        ]

    def test_that_repeats_a_deploy_was_seen_when_that_was_and_settles_anew(self, store: Store) -> None:
        marked(store, 0, "a")
        ended(store, 1, 1)
        marked(store, 2, "b")
        ended(store, 2, 3)
        again = marked(store, 9, "b", again=True)
        assert (again.previous_revision, again.seen_at) == ("a", at(2))
        assert again.settles_from == at(9)
        assert [one.number for one in store.list_deploys()] == [3, 2, 1]

    def test_of_a_deploy_that_was_never_measured_is_a_new_one(self, store: Store) -> None:
        marked(store, 0, "abc")
        marked(store, 1, "def")
        ended(store, 2, 2, DeployState.ABANDONED)
        marked(store, 3, "def")
        assert states(store)[1:] == [(2, "def", "abc", "abandoned"), (3, "def", "abc", "pending")]

    def test_that_came_too_early_does_not_stand_for_the_deploy_that_is_seen_later(self, store: Store) -> None:
        looked(store, 0, "a")
        marked(store, 1, "b")
        ended(store, 1, 2, DeployState.ABANDONED)
        looked(store, 3, "b")
        looked(store, 4, "b")
        assert states(store)[1:] == [(2, "b", "a", "pending")]

    def test_knows_what_was_seen_running(self, store: Store) -> None:
        looked(store, 0, "abc")
        assert marked(store, 1, "abc").state is DeployState.COALESCED
        assert marked(store, 2, "def").previous_revision == "abc"

    def test_between_two_sights_is_what_ran_before_the_second(self, store: Store) -> None:
        looked(store, 0, "a")
        marked(store, 1, "b")
        ended(store, 1, 2)
        looked(store, 3, "c")
        looked(store, 4, "c")
        assert states(store) == [(1, "b", "a", "measured"), (2, "c", "b", "pending")]

    def test_and_the_sight_of_the_same_deploy_give_one_run(self, store: Store) -> None:
        looked(store, 0, "a")
        marked(store, 1, "b")
        looked(store, 2, "b")
        looked(store, 3, "b")
        assert states(store) == [(1, "b", "a", "pending"), (2, "b", "a", "coalesced")]

    def test_of_two_at_once_both_are_recorded_and_one_is_run(self, url: str, store: Store) -> None:
        together = threading.Barrier(2)

        def mark(revision: str) -> None:
            with Store(url) as other:
                together.wait(timeout=30)
                marked(other, 0, revision)

        threads = [threading.Thread(target=mark, args=(one,)) for one in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert [(number, state) for number, _, _, state in states(store)] == [
            (1, "coalesced"),
            (2, "pending"),
        ]

    def test_is_numbered_per_target(self, store: Store) -> None:
        marked(store, 0, "a")
        elsewhere = store.mark_deploy("shop", "own", "a", note="by hand", at=at(1))
        assert (elsewhere.number, elsewhere.note) == (1, "by hand")
        assert [one.target for one in store.list_deploys(suite="shop")] == ["own", "staging"]
        assert [one.target for one in store.list_deploys(target="own")] == ["own"]


class TestTheRunOfADeploy:
    def test_is_launched_by_one_of_two(self, store: Store) -> None:
        deploy = marked(store, 0, "a")
        assert store.launch_deploy(deploy, "here", "run 1 starts", at(1))
        assert not store.launch_deploy(deploy, "there", "run 1 starts", at(1))
        launched = store.deploy(*PLACE, 1)
        assert (launched.state, launched.attempts) == (DeployState.LAUNCHED, 1)
        assert launched.launcher == "here"
        assert [one.number for one in store.open_deploys()] == [1]

    def test_may_be_attempted_again(self, store: Store) -> None:
        marked(store, 0, "a")
        ended(store, 1, 1, DeployState.PENDING)
        ended(store, 1, 2)
        deploy = store.deploy(*PLACE, 1)
        assert (deploy.attempts, deploy.run_id, deploy.state) == (2, "run-1", DeployState.MEASURED)
        assert store.open_deploys() == []

    def test_is_not_attempted_again_when_a_later_deploy_has_come(self, store: Store) -> None:
        first = marked(store, 0, "a")
        assert store.launch_deploy(first, "here", "run", at(1))
        marked(store, 2, "b")
        store.settle_deploy(store.deploy(*PLACE, 1), DeployState.PENDING, "not ready", at(3), "run-1")
        assert states(store) == [(1, "a", None, "coalesced"), (2, "b", "a", "pending")]
        assert store.deploy(*PLACE, 1).sentence == "not ready; deploy 2 came after it"

    def test_of_an_unknown_deploy_is_one_sentence(self, store: Store) -> None:
        with pytest.raises(StoreError, match=r"suite shop has no deploy 7 of target staging in the store at"):
            store.deploy(*PLACE, 7)

    def test_carries_the_deploy(self, store: Store) -> None:
        deploy = marked(store, 0, "a").as_deploy
        assert (deploy.number, deploy.source, deploy.seen_at) == (1, "marker", at(0))
