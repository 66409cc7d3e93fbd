"""Whose process executes a Dagster run, and which runs are ended because it has died."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

from perf_pipeline.defs import owner
from perf_pipeline.defs.launcher import LocalRunLauncher
from perf_pipeline.defs.naming import DAGSTER_TAG_OWNER, DAGSTER_TAG_SUITE
from perf_pipeline.defs.owner import end_lost_runs, own, owner_has_died

OURS = {DAGSTER_TAG_SUITE: "shop"}
BY_A_CODE_SERVER = {GRPC_INFO_TAG: "{}"}
NO_PID = 2**22 + 1  # above what Linux hands out


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as one:
        yield one


def started(instance: DagsterInstance, job: str = "benchmark_shop", **tags: str) -> DagsterRun:
    """A run that Dagster shows as started."""
    run = create_run_for_test(instance, job_name=job, tags=tags)
    instance.report_dagster_event(
        DagsterEvent(DagsterEventType.PIPELINE_START.value, job_name=job), run.run_id
    )
    return now(instance, run)


def now(instance: DagsterInstance, run: DagsterRun) -> DagsterRun:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def owned(instance: DagsterInstance, run: DagsterRun) -> DagsterRun:
    """By this process."""
    own(instance, run)
    return now(instance, run)


def dead(run: DagsterRun, host: str | None = None) -> dict[str, str]:
    """Tags that say that a process executed it that is not there any more."""
    return {DAGSTER_TAG_OWNER: f"{host or socket.gethostname()} {NO_PID} 1700000000.0 {run.run_id}"}


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first word is overdue from now on."""
    clock = time.time() + 10 * owner.FIRST_WORD_S
    monkeypatch.setattr("perf_pipeline.defs.owner.time.time", lambda: clock)


class TestRunsThatAreEnded:
    def test_are_those_whose_process_has_died(self, instance: DagsterInstance) -> None:
        run = started(instance, **OURS)
        instance.add_run_tags(run.run_id, dead(run))
        assert [one.run_id for one in end_lost_runs(instance)] == [run.run_id]
        assert now(instance, run).status is DagsterRunStatus.FAILURE

    def test_are_ours_that_a_code_server_started_and_that_never_said_a_word(
        self, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = started(instance, **OURS, **BY_A_CODE_SERVER)
        assert end_lost_runs(instance) == [], "it may be about to say one"
        later(monkeypatch)
        assert [one.run_id for one in end_lost_runs(instance)] == [run.run_id]

    def test_are_none_of_another_code_location(
        self, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = started(instance, "nightly_warehouse_load", **BY_A_CODE_SERVER)
        later(monkeypatch)
        assert end_lost_runs(instance) == []
        assert now(instance, run).status is DagsterRunStatus.STARTED

    def test_are_not_those_that_live(
        self, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owned(instance, started(instance, **OURS, **BY_A_CODE_SERVER))
        later(monkeypatch)
        assert end_lost_runs(instance) == []

    def test_are_not_those_of_another_host(self, instance: DagsterInstance) -> None:
        run = started(instance, **OURS)
        instance.add_run_tags(run.run_id, dead(run, host="elsewhere"))
        assert end_lost_runs(instance) == []


class TestAnOwner:
    def test_is_not_taken_over_by_a_re_execution_with_the_tags_of_its_parent(
        self, instance: DagsterInstance
    ) -> None:
        parent = started(instance, **OURS)
        again = started(instance, **OURS, **dead(parent))
        assert not owner_has_died(again)
        assert end_lost_runs(instance) == []

    def test_lives_as_long_as_this_process(self, instance: DagsterInstance) -> None:
        run = owned(instance, started(instance, **OURS))
        assert str(os.getpid()) in run.tags[DAGSTER_TAG_OWNER]
        assert not owner_has_died(run)


class TestRunMonitoring:
    def test_is_told_of_a_process_that_has_died_and_of_no_other(self, instance: DagsterInstance) -> None:
        launcher = LocalRunLauncher()
        launcher.register_instance(instance)
        living = owned(instance, started(instance, **OURS))
        died = started(instance, **OURS)
        instance.add_run_tags(died.run_id, dead(died))
        unknown = started(instance, "nightly_warehouse_load")
        seen = [
            launcher.check_run_worker_health(now(instance, run)).status for run in (living, died, unknown)
        ]
        assert seen == [WorkerStatus.RUNNING, WorkerStatus.FAILED, WorkerStatus.RUNNING]
