"""The release gate: it opens on a passed run, and on nothing older than the newest run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetKey, ExecuteInProcessResult
from played_parts import PlayedParts, World, played_world, raising, step_error

from perf_pipeline.load.errors import LoadError
from perf_pipeline.stack.base import NotReady


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with played_world(tmp_path) as one:
        yield one


def shown(result: ExecuteInProcessResult) -> dict[str, object]:
    (event,) = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == AssetKey(["multiplayer", "release_gate"])
    ]
    return {name: value.value for name, value in event.metadata.items()}


class TestTheGate:
    def test_opens_on_the_newest_run_and_names_what_it_measured(self, world: World) -> None:
        run_id = world.run(PlayedParts()).run_id
        found = shown(world.gate())
        assert (found["run_id"], found["outcome"]) == (run_id, "passed")
        assert (found["target"], found["profile"], found["revision"]) == ("local", "standard", "rev-2")

    @pytest.mark.parametrize(
        ("parts", "sentence"),
        [
            (
                PlayedParts(on_start=raising(NotReady("down", "the target is down"))),
                "not_ready: the target is",
            ),
            (PlayedParts(on_load=raising(LoadError("no k6"))), "not_ready: no k6"),
            (PlayedParts(on_load=raising(KeyboardInterrupt())), "cancelled: "),
            (PlayedParts(on_snapshot=raising(RuntimeError("a mistake"))), "invalid: internal error"),
            (PlayedParts(cpu=0.97), "invalid: the generator's machine was 97 % busy"),
        ],
        ids=["not ready", "no load", "cancelled", "broken", "invalid"],
    )
    def test_is_not_opened_by_an_older_run_that_passed(
        self, world: World, parts: PlayedParts, sentence: str
    ) -> None:
        world.run(PlayedParts())
        world.run(parts)
        assert step_error(world.gate()).startswith(f"the gate stays closed: {sentence}")

    def test_stays_closed_while_there_is_no_run(self, world: World) -> None:
        assert step_error(world.gate()) == (
            "the gate stays closed: suite multiplayer has no run yet: start one first."
        )

    def test_asks_for_what_its_config_names(self, world: World) -> None:
        run_id = world.run(PlayedParts()).run_id
        assert world.gate(target="local", profile="standard", revision="rev-2").success
        assert step_error(world.gate(revision="rev-3")) == (
            f"the gate stays closed: run {run_id} has revision rev-2, and rev-3 was asked for."
        )
        assert "has no profile 'standart'" in step_error(world.gate(profile="standart"))

    def test_judges_the_run_that_it_is_part_of(self, world: World) -> None:
        result = world.materialize_all(PlayedParts())
        assert shown(result)["run_id"] == result.run_id
