"""Two benchmarks that get in each other's way, and one that is executed again. Edges are played."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psutil
import pytest
from dagster import DagsterEventType, DagsterRunStatus
from played_parts import PlayedParts, World, played_world, raising, step_error

from perf_pipeline.conventions import RAW_SAMPLES
from perf_pipeline.core.model import Outcome, RunRequest
from perf_pipeline.load.errors import LoadError
from perf_pipeline.store.repository import Store


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with played_world(tmp_path_factory.mktemp("project")) as one:
        yield one


@contextmanager
def another_run(world: World) -> Iterator[None]:
    """Meanwhile a run of this very process goes on, as if begun from another home on this host."""
    with Store(world.project.store_url) as store:
        store.begin_run(
            run_id="other",
            request=RunRequest(suite="shop", target="local", profile="standard"),
            run_folder="/elsewhere/runs/other",
            owner_pid=os.getpid(),
            owner_started=psutil.Process().create_time(),
            host=socket.gethostname(),
            at=datetime.now(UTC),
        )
        yield
        store.set_outcome("other", Outcome.CANCELLED, "cancelled: over", datetime.now(UTC))


def interrupted_after_sending(world: World) -> str:
    """Id of a run that was interrupted when k6 had written its first samples."""

    def send_and_interrupt() -> None:
        folder = max((world.project.home / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
        (folder / RAW_SAMPLES).write_bytes(b"")
        raise KeyboardInterrupt

    return world.run(PlayedParts(on_load=send_and_interrupt)).run_id


class TestALoadThatWasSent:
    def test_is_not_sent_again_into_the_same_run_whose_end_stays_as_it_was(self, world: World) -> None:
        run_id = interrupted_after_sending(world)
        before = world.stored(run_id)
        assert before.outcome is Outcome.CANCELLED

        parts = PlayedParts()
        again = world.again(run_id, parts, first="load_test")

        assert again.status is DagsterRunStatus.FAILURE
        (failure,) = world.instance.all_logs(again.run_id, of_type=DagsterEventType.STEP_FAILURE)
        assert failure.dagster_event is not None
        said = failure.dagster_event.step_failure_data.user_failure_data
        assert said is not None
        assert str(said.description).startswith(f"the load of run {run_id} had begun when it failed")
        assert parts.loads == 0
        assert world.stored(run_id) == before


class TestALoadThatWasNotSent:
    def test_is_sent_by_a_re_execution(self, world: World) -> None:
        run_id = world.run(PlayedParts(on_load=raising(LoadError("no k6")))).run_id
        parts = PlayedParts()
        assert world.again(run_id, parts, first="load_test").status is DagsterRunStatus.SUCCESS
        assert parts.loads == 1
        assert world.stored(run_id).outcome is Outcome.PASSED

    def test_is_not_sent_beside_another_and_stays_as_it_was(self, world: World) -> None:
        run_id = world.run(PlayedParts(on_load=raising(LoadError("no k6")))).run_id
        before = world.stored(run_id)
        parts = PlayedParts()
        with another_run(world):
            assert world.again(run_id, parts, first="load_test").status is DagsterRunStatus.FAILURE
        assert (parts.loads, world.stored(run_id)) == (0, before)


class TestTwoBenchmarksAtOnce:
    def test_on_one_host_the_second_is_not_ready_whatever_its_home(self, world: World) -> None:
        parts = PlayedParts()
        with another_run(world):
            result = world.run(parts, config={"wait_s": 0})
        stored = world.stored(result.run_id)
        assert stored.outcome is Outcome.NOT_READY
        assert stored.sentence == step_error(result)
        assert "run other of shop against local is under way on" in stored.sentence
        assert parts.loads == 0

    def test_in_one_run_are_refused_in_one_sentence(self, world: World) -> None:
        before = world.count()
        parts = PlayedParts()
        shop = world.suite.model_copy(update={"name": "shop"})
        result = world.materialize_all(parts, shop)
        assert step_error(result) == (
            "this run would measure 2 suites (multiplayer, shop) under one id and mix what they find: "
            "start the job of each, one after the other."
        )
        assert (parts.loads, world.count()) == (0, before)
