"""What becomes of a run that asks for confirmation: outcome, gate, baseline, sensor. Edges are played."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asking_judge
import psutil
import pytest
from dagster import DagsterRunStatus, RunRequest, build_sensor_context
from dagster._core.test_utils import create_run_for_test
from played_parts import PlayedParts, World, played_world, step_error
from store_parts import begun

from perf_pipeline.core import judging
from perf_pipeline.core.model import Outcome
from perf_pipeline.defs import confirming
from perf_pipeline.defs.build import build_definitions
from perf_pipeline.store.repository import Store


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with played_world(tmp_path) as one:
        one.run(PlayedParts())  # the baseline
        monkeypatch.setattr(judging, "compare", asking_judge.judge)
        yield one


def looked(world: World, parts: PlayedParts | None = None) -> RunRequest | str:
    """What the sensor does at this moment: the run that it asks Dagster for, or why it does not."""
    sensors = build_definitions([world.suite], world.project, parts or PlayedParts()).sensors or ()
    (sensor,) = (one for one in sensors if one.name == confirming.SENSOR)
    with build_sensor_context(instance=world.instance) as context:
        data = sensor.evaluate_tick(context)  # type: ignore[union-attr]
    return data.run_requests[0] if data.run_requests else str(data.skip_message)


def asked(world: World) -> RunRequest:
    request = looked(world)
    assert isinstance(request, RunRequest)
    return request


def confirmed(world: World, request: RunRequest, parts: PlayedParts | None = None) -> str:
    """Id of the run that the sensor asked Dagster for."""
    config = request.run_config["ops"]["multiplayer__monitoring_stack"]["config"]
    return world.run(parts or PlayedParts(), config=config).run_id


class TestARunThatAsks:
    def test_has_passed_but_says_so_and_opens_no_gate(self, world: World) -> None:
        run_id = world.run(PlayedParts()).run_id
        stored = world.stored(run_id)
        assert stored.outcome is Outcome.PASSED
        assert stored.sentence.startswith(f"passed: asks for confirmation ({asking_judge.WHY}); ")
        assert not stored.in_baseline
        assert step_error(world.gate()) == (
            f"the gate stays closed: run {run_id} asks for confirmation ({asking_judge.WHY}), and one more "
            "run of its revision decides: wait for that one, or start one if none is on its way."
        )

    def test_is_final_where_nobody_follows_up(self, world: World) -> None:
        run_id = world.run(PlayedParts(), config={"follow_up": "nobody"}).run_id
        assert world.stored(run_id).asks == ""
        assert world.gate().success

    def test_is_refused_with_one_sentence_when_its_follow_up_is_unknown(self, world: World) -> None:
        result = world.run(PlayedParts(), config={"follow_up": "somebody"})
        assert step_error(result) == ("follow_up 'somebody' is unknown: there is sensor, caller, nobody")


class TestTheRunThatConfirmsIt:
    def test_is_judged_with_it_against_the_same_baseline_and_decides_for_both(self, world: World) -> None:
        first = world.run(PlayedParts()).run_id
        request = asked(world)
        assert request.run_key == f"{first}:2"
        assert request.tags["perf/launched_by"] == "confirmation"
        assert (request.tags["perf/series"], request.tags["perf/series_number"]) == (first, "2")

        second = confirmed(world, request)

        with Store(world.project.store_url) as store:
            before, record = store.record(first), store.record(second)
        assert record.comparison.baseline == before.comparison.baseline
        assert record.comparison.series is not None
        assert record.comparison.series.run_ids == [first, second]
        assert record.stack.request.revision == "rev-2"
        assert record.baseline_sentence.startswith("entered the baseline with the 1 run of its series before")
        assert [world.stored(run_id).in_baseline for run_id in (first, second)] == [True, True]
        assert "7 endpoints unchanged in 2 runs against 1 baseline run" in record.sentence
        assert world.gate().success
        assert looked(world) == confirming.NOTHING

    def test_is_repeated_when_it_was_invalid_and_does_not_count(self, world: World) -> None:
        first = world.run(PlayedParts()).run_id
        request = asked(world)
        invalid = confirmed(world, request, PlayedParts(cpu=0.97))
        assert world.stored(invalid).asks == "run 2 was invalid and does not count"
        again = asked(world)
        assert again.run_key == f"{first}:3"

        third = confirmed(world, again)

        with Store(world.project.store_url) as store:
            series = store.record(third).comparison.series
        assert series is not None
        assert series.run_ids == [first, third]
        assert series.left_out == [f"run {invalid} does not count: it is invalid"]

    def test_is_the_last_of_three_loads_even_when_invalid(self, world: World) -> None:
        world.run(PlayedParts())
        for _ in range(2):
            request = asked(world)
            confirmed(world, request, PlayedParts(cpu=0.97))
        assert looked(world) == confirming.NOTHING

    def test_is_not_started_a_second_time_by_hand(self, world: World) -> None:
        world.run(PlayedParts())
        request = asked(world)
        confirmed(world, request)
        parts = PlayedParts()
        late = world.stored(confirmed(world, request, parts))
        assert (late.outcome, parts.loads) == (Outcome.NOT_READY, 0)
        assert "asks for no further run" in late.sentence


class TestTheSensor:
    def test_leaves_alone_what_the_command_line_goes_on_with(self, world: World) -> None:
        world.run(PlayedParts(), config={"follow_up": "caller"})
        assert looked(world) == confirming.NOTHING

    def test_waits_while_another_run_is_under_way(self, world: World) -> None:
        world.run(PlayedParts())
        during: list[RunRequest | str] = []
        world.run(PlayedParts(on_load=lambda: during.append(looked(world))))
        assert str(during[0]).endswith("is under way")

    def test_starts_nothing_when_the_target_runs_something_else(self, world: World) -> None:
        world.run(PlayedParts())
        parts = PlayedParts()
        parts.revision_now = lambda _target: "rev-3"  # type: ignore[method-assign]
        assert str(looked(world, parts)).endswith("the target runs rev-3 now, not rev-2")

    def test_starts_nothing_an_hour_later(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.run(PlayedParts())

        class Later(datetime):
            @classmethod
            def now(cls, _tz: object = None) -> datetime:  # type: ignore[override]
                return datetime.now(UTC) + timedelta(minutes=61)

        monkeypatch.setattr(confirming, "datetime", Later)
        assert looked(world) == confirming.NOTHING

    def test_starts_nothing_after_a_deploy_of_another_revision(self, world: World) -> None:
        world.run(PlayedParts())
        with Store(world.project.store_url) as store:
            store.mark_deploy("multiplayer", "local", "rev-2", note="", at=datetime.now(UTC))
            assert isinstance(looked(world), RunRequest), "what was measured is there"
            store.mark_deploy("multiplayer", "local", "rev-3", note="", at=datetime.now(UTC))
        assert str(looked(world)).endswith("deploy 2 (rev-3) came after it")

    def test_says_that_the_confirmation_is_queued(self, world: World) -> None:
        world.run(PlayedParts())
        run_id = in_dagster(world, asked(world), DagsterRunStatus.NOT_STARTED)
        assert str(looked(world)).endswith(f"run {run_id}, which confirms it, is queued")

    def test_goes_on_with_the_next_one_when_a_confirmation_was_cancelled_before_it_began(
        self, world: World
    ) -> None:
        world.run(PlayedParts())
        first = asked(world)
        second = world.run(PlayedParts()).run_id
        run_id = in_dagster(world, first, DagsterRunStatus.CANCELED)
        assert asked(world).run_key == f"{second}:2"
        in_dagster(world, asked(world), DagsterRunStatus.FAILURE)
        said = str(looked(world))
        assert f"run {run_id}, which was to confirm it, was cancelled before it began" in said
        assert "failed before it began" in said

    def test_waits_for_one_in_line_only_if_that_comes_first(self, world: World) -> None:
        world.run(PlayedParts())
        with Store(world.project.store_url) as store:
            in_line(store, "nightly", -20)
            assert isinstance(looked(world), RunRequest)
            in_line(store, "confirmation", 10)
        assert str(looked(world)).endswith("run confirmation waits before it")

    def test_does_not_wait_for_one_elsewhere_that_is_older_than_any_can_be(self, world: World) -> None:
        first = world.stored(world.run(PlayedParts()).run_id)
        with Store(world.project.store_url) as store:
            elsewhere = {"host": "elsewhere", "base_url": first.base_url}
            begun(store, "silent", at=datetime.now(UTC) - timedelta(hours=4), **elsewhere)
            assert isinstance(looked(world), RunRequest)
            begun(store, "there", at=datetime.now(UTC), **elsewhere)
            assert str(looked(world)).endswith("run there is under way")


def in_dagster(world: World, request: RunRequest, status: DagsterRunStatus) -> str:
    """Dagster has taken the run up; returns its id."""
    tags = {**request.tags, "dagster/run_key": request.run_key or ""}
    return create_run_for_test(world.instance, "benchmark_multiplayer", status=status, tags=tags).run_id


def in_line(store: Store, run_id: str, priority: int) -> None:
    begun(
        store,
        run_id,
        host=socket.gethostname(),
        owner_pid=os.getpid(),
        owner_started=psutil.Process().create_time(),
        at=datetime.now(UTC),
        waits="somebody",
        priority=priority,
    )
