"""What is kept at the end of a run, whatever the end, and that it changes nothing of how the run ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from played_parts import Break, PlayedParts, PlayedStack, World, never, played_world, raising

from perf_pipeline import conventions as names
from perf_pipeline.core.model import Outcome, StackState
from perf_pipeline.keeping import NotKept, read_missing
from perf_pipeline.suite import ArchivePolicy


class Somebodys(PlayedStack):
    """A stack with a Prometheus that is not ours."""

    def start(self, **given: Any) -> StackState:
        return super().start(**given).model_copy(update={"stack": "external"})


class KeepingParts(PlayedParts):
    """``snapshots``: for each one that was asked for, whether the stack was still up, and what was told."""

    def __init__(self, *, stack: PlayedStack | None = None, on_keep: Break = never, **breaks: Break) -> None:
        super().__init__(**breaks)
        self.running = stack or self.running
        self.running.prometheus_data = Path("/prometheus/data")
        self.on_keep = on_keep
        self.snapshots: list[tuple[bool, int]] = []

    def keep_tsdb(self, _url: str, **_: Any) -> str:
        self.snapshots.append((not self.running.stopped, len(self.told_of(names.RUN_OUTCOME))))
        self.on_keep()
        return "kept"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with played_world(tmp_path) as one:
        yield one


def folder_of(world: World) -> Path:
    (folder,) = (world.project.home / "runs").iterdir()
    return folder


def load_begins(world: World) -> Break:
    """k6 writes its first samples, and then the run is interrupted."""

    def interrupted() -> None:
        (folder_of(world) / names.RAW_SAMPLES).write_bytes(b"")
        raise KeyboardInterrupt

    return interrupted


class TestASnapshotOfItsPrometheus:
    def test_is_taken_while_it_is_up_and_knows_how_the_run_ended(self, world: World) -> None:
        parts = KeepingParts()
        assert world.run(parts).success
        assert parts.snapshots == [(True, 1)]
        assert "tsdb" not in read_missing(folder_of(world))

    def test_is_taken_of_a_run_that_was_cancelled_too(self, world: World) -> None:
        parts = KeepingParts(on_load=load_begins(world))
        world.run(parts)
        assert world.stored(folder_of(world).name).outcome is Outcome.CANCELLED
        assert parts.snapshots == [(True, 1)]

    def test_is_taken_of_a_run_that_failed_too(self, world: World) -> None:
        parts = KeepingParts(on_reports=raising(OSError("disk full")))
        assert not world.run(parts).success
        assert parts.snapshots == [(True, 1)]

    def test_is_renewed_when_the_end_of_the_run_is_executed_again(self, world: World) -> None:
        world.run(KeepingParts(on_reports=raising(OSError("disk full"))))
        parts = KeepingParts()
        world.again(folder_of(world).name, parts, first="run_report")
        assert parts.snapshots == [(True, 1)]

    def test_that_fails_is_noted_and_the_run_passes_as_ever(self, world: World) -> None:
        result = world.run(KeepingParts(on_keep=raising(OSError("No space left on device"))))
        assert result.success
        assert world.stored(result.run_id).outcome is Outcome.PASSED
        reason = "it could not be kept (OSError: No space left on device)"
        assert read_missing(folder_of(world)) == {"tsdb": reason}
        events = [entry.dagster_event for entry in world.instance.all_logs(result.run_id)]
        said = [event.message for event in events if event]
        assert f"tsdb is missing from the run's folder: {reason}" in said

    @pytest.mark.parametrize("error", [NotKept("Prometheus made no snapshot in time"), RuntimeError("?")])
    def test_that_fails_leaves_a_cancelled_run_cancelled(self, world: World, error: Exception) -> None:
        world.run(KeepingParts(on_load=load_begins(world), on_keep=raising(error)))
        assert world.stored(folder_of(world).name).outcome is Outcome.CANCELLED
        assert str(error) in (read_missing(folder_of(world))["tsdb"] or "")


class TestNoSnapshot:
    def test_is_taken_of_somebody_elses_prometheus(self, world: World) -> None:
        parts = KeepingParts(stack=Somebodys())
        assert world.run(parts).success
        assert parts.snapshots == []
        said = read_missing(folder_of(world))["tsdb"]
        assert said == "the Prometheus at http://127.0.0.1:9090 is not the run's own"

    def test_is_taken_where_the_suite_wants_none(self, world: World) -> None:
        world.suite = world.suite.model_copy(update={"archive": ArchivePolicy(tsdb=False)})
        parts = KeepingParts()
        assert world.run(parts).success
        assert parts.snapshots == []
        said = read_missing(folder_of(world))["tsdb"]
        assert said == "switched off by `archive: {tsdb: false}` in suite.yaml"

    def test_is_taken_of_a_prometheus_that_has_gone(self, world: World) -> None:
        assert world.run(PlayedParts()).success
        assert read_missing(folder_of(world))["tsdb"] == "the run's own Prometheus has gone"

    def test_is_taken_where_nothing_was_sent(self, world: World) -> None:
        parts = KeepingParts(on_load=raising(KeyboardInterrupt()))
        world.run(parts)
        assert parts.snapshots == []
        missing = read_missing(folder_of(world))
        assert missing["tsdb"] == missing["dashboards"] == "the run ended before its load"


class TestTheRestOfTheFolder:
    def test_has_dashboards_versions_and_events_of_every_end(self, world: World) -> None:
        world.run(KeepingParts(on_load=load_begins(world)))
        folder = folder_of(world)
        assert len(list((folder / names.RUN_DASHBOARDS).iterdir())) == 2
        assert json.loads((folder / names.VERSIONS).read_text())["k6"] == "1.1.0"
        assert (folder / names.EVENTS).stat().st_size > 0

    def test_has_the_events_of_a_step_that_was_executed_again_behind_those_of_the_run(
        self, world: World
    ) -> None:
        world.run(KeepingParts(on_reports=raising(OSError("disk full"))))
        run_id = folder_of(world).name
        again = world.again(run_id, KeepingParts(), first="run_report").run_id
        lines = (folder_of(world) / names.EVENTS).read_text().splitlines()
        order = list(dict.fromkeys(json.loads(line)["run"] for line in lines))
        assert order == [run_id, again]
        assert any("disk full" in line for line in lines)

    def test_has_the_events_alone_of_a_run_that_was_interrupted_before_its_stack_was_up(
        self, world: World
    ) -> None:
        world.run(KeepingParts(on_start=raising(KeyboardInterrupt())))
        before = {one.name for one in folder_of(world).iterdir()}
        assert names.EVENTS in before
        assert names.TSDB_INFO not in before
