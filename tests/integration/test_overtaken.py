"""Runs that are not needed any more when their turn comes: nothing is sent for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import builders
import pytest
from played_parts import PlayedParts, World, played_world, step_error
from postgres import postgres_server, postgres_url  # noqa: F401
from store_parts import at, begun, measured, saved

from perf_pipeline.core.model import Deploy, Outcome, RunRequest
from perf_pipeline.defs.build import build_definitions
from perf_pipeline.store.errors import SupersededError
from perf_pipeline.store.repository import Store
from perf_pipeline.suite import JsonPlace

PLACE = ("multiplayer", "local")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    else:
        url = request.getfixturevalue("postgres_url")
    with Store(url) as opened:
        yield opened


def marked(store: Store, minute: float, revision: str, *, again: bool = False) -> Deploy:
    return store.mark_deploy(*PLACE, revision, note="", at=at(minute), again=again).as_deploy


def asked(**more: Any) -> RunRequest:
    return RunRequest(suite="multiplayer", target="local", profile="standard", **more)


class TestARunOfADeploy:
    def test_is_refused_when_a_later_one_has_come(self, store: Store) -> None:
        first = marked(store, 0, "a")
        second = marked(store, 1, "b")
        with pytest.raises(SupersededError) as refused:
            begun(store, "queued", 5, request=asked(deploy=first), exclusive=True)
        assert str(refused.value) == (
            "deploy 2 (b) of multiplayer on local came before it began: this one is not needed."
        )
        begun(store, "newest", 6, request=asked(deploy=second), exclusive=True)

    def test_is_not_for_one_that_was_coalesced(self, store: Store) -> None:
        first = marked(store, 0, "a")
        marked(store, 1, "a")
        begun(store, "queued", 5, request=asked(deploy=first), exclusive=True)

    def test_is_refused_also_for_the_same_revision_once_more(self, store: Store) -> None:
        first = marked(store, 0, "a")
        marked(store, 1, "a", again=True)
        with pytest.raises(SupersededError):
            begun(store, "queued", 5, request=asked(deploy=first), exclusive=True)


class TestARunThatConfirms:
    def confirming(self, store: Store, revision: str) -> None:
        record = measured("first", started_at=at(0)).model_copy(update={"asks": "perhaps slower"})
        saved(store, record)
        request = asked(confirms="first", revision=revision)
        begun(store, "second", 9, request=request, exclusive=True)

    def test_is_refused_when_another_revision_was_deployed_since(self, store: Store) -> None:
        marked(store, 3, "b")
        with pytest.raises(
            SupersededError, match=r"deploy 1 \(b\) of multiplayer on local came after run first"
        ):
            self.confirming(store, "a")

    def test_is_not_for_its_own_revision(self, store: Store) -> None:
        marked(store, 3, "a")
        self.confirming(store, "a")


class TestARunThatWasDue:
    """At minute 2."""

    def begin(self, store: Store, **more: Any) -> None:
        begun(
            store,
            "nightly",
            9,
            **({"due": at(2), "exclusive": True, "request": asked(), "host": "b-2"} | more),
        )

    def test_is_refused_when_the_same_was_measured_since(self, store: Store) -> None:
        saved(store, measured("deploy-run", started_at=at(3)))
        with pytest.raises(SupersededError) as refused:
            self.begin(store)
        assert str(refused.value) == (
            "run deploy-run has measured standard of multiplayer on local since 2026-11-20 12:03 UTC, "
            "and this one was due at 2026-11-20 12:02 UTC: it is not needed."
        )
        self.begin(store, due=None)  # asked for by a person

    def test_is_refused_while_another_daemon_s_is_at_it(self, store: Store) -> None:
        begun(store, "other", 3, request=asked())
        with pytest.raises(SupersededError):
            self.begin(store)
        self.begin(store, elsewhere_since=at(4))  # that one counts as dead

    def test_is_needed_when_that_was_before_or_of_something_else_or_failed(self, store: Store) -> None:
        saved(store, measured("before", started_at=at(1)))
        saved(store, measured("smoke", started_at=at(3), under=builders.fingerprint(profile="smoke")))
        saved(store, measured("invalid", started_at=at(4), outcome=Outcome.INVALID))
        begun(store, "in-line", 5, request=asked(), waits="somebody", priority=-20)
        self.begin(store)

    def test_does_not_stand_in_its_own_way(self, store: Store) -> None:
        self.begin(store)
        self.begin(store)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with played_world(tmp_path) as one:
        yield one


def deploy_now(world: World, revision: str) -> None:
    with Store(world.project.store_url) as store:
        store.mark_deploy(*PLACE, revision, note="", at=datetime.now(UTC))


class TestADeployDuringARun:
    def test_makes_it_invalid_where_the_target_does_not_tell(self, world: World) -> None:
        world.target_elsewhere()
        deploy_now(world, "a")
        played = PlayedParts(on_load=lambda: deploy_now(world, "b"))
        stored = world.stored(world.run(played, config={"deploy": 1}).run_id)
        assert stored.outcome is Outcome.INVALID
        assert "b was deployed during the run, and a was to be measured" in stored.sentence

    def test_of_the_same_revision_does_not(self, world: World) -> None:
        world.target_elsewhere()
        played = PlayedParts(on_load=lambda: deploy_now(world, "rev-2"))
        config = {"revision": "rev-2"}
        assert world.stored(world.run(played, config=config).run_id).outcome is Outcome.PASSED

    def test_does_not_where_the_target_tells(self, world: World) -> None:
        world.target_elsewhere(revision=JsonPlace(path="/version", pointer="/revision"))
        played = PlayedParts(on_load=lambda: deploy_now(world, "b"))
        assert world.stored(world.run(played).run_id).outcome is Outcome.PASSED


class TestANightlyThatIsOvertaken:
    def run(self, world: World, due: datetime) -> Any:
        defs = build_definitions([world.suite], world.project, PlayedParts())
        return defs.resolve_job_def("benchmark_multiplayer").execute_in_process(
            instance=world.instance, raise_on_error=False, tags={"perf/due": due.isoformat()}
        )

    def test_sends_nothing_and_says_what_measured_the_same(self, world: World) -> None:
        due = datetime.now(UTC) - timedelta(minutes=1)
        first = world.run(PlayedParts()).run_id
        late = self.run(world, due)
        assert step_error(late).startswith(f"not_ready: run {first} has measured standard of multiplayer")
        assert world.stored(late.run_id).outcome is Outcome.NOT_READY
        assert self.run(world, datetime.now(UTC)).success
