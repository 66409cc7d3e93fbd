"""Schedules as Dagster's daemon evaluates them: the real scheduler and queue, with a clock of the tests."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster_parts as parts
import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    Definitions,
    RunRequest,
    RunsFilter,
    build_schedule_context,
)
from dagster._core.storage.tags import PRIORITY_TAG
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.run_coordinator import QueuedRunCoordinatorDaemon
from dagster._scheduler.scheduler import launch_scheduled_runs
from store_parts import begun

from perf_pipeline import conventions as names
from perf_pipeline.core import model
from perf_pipeline.defs.build import build_definitions
from perf_pipeline.defs.instance import prepare_dagster_home
from perf_pipeline.defs.measure import POOL
from perf_pipeline.defs.naming import PRIORITY_CONFIRMATION, PRIORITY_DEPLOY, PRIORITY_SCHEDULE
from perf_pipeline.defs.origin import reconstructable_job, remote_origin
from perf_pipeline.defs.suites import load_suites
from perf_pipeline.project import find_project
from perf_pipeline.store.repository import Store

NIGHTLY = "tiny__local__nightly"
FIRST = "tiny__monitoring_stack"
DUE = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
OFF = "profile: standard, enabled: false}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a nightly run that is on, in a Dagster home of its own."""
    made = parts.make_project(tmp_path_factory.mktemp("project"))
    file = made / "k6" / parts.SUITE / names.SUITE_FILE
    assert OFF in file.read_text()
    file.write_text(file.read_text().replace(OFF, "profile: standard}", 1))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in parts.environment(made).items():
            patch.setenv(name, value)
        prepare_dagster_home(made / "home")
        yield made


@pytest.fixture(scope="module")
def instance(root: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.get() as one:
        yield one


@pytest.fixture(scope="module")
def defs(root: Path) -> Definitions:
    return build_definitions(load_suites(root), find_project())


@pytest.fixture(autouse=True)
def store(root: Path, instance: DagsterInstance) -> Iterator[Store]:
    """After each test nothing is queued, under way or paused any more."""
    with Store(os.environ[names.ENV_STORE_URL]) as one:
        yield one
        for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.QUEUED])):
            instance.report_run_canceled(run)
        for stored in one.list_runs():
            one.set_outcome(stored.run_id, model.Outcome.CANCELLED, "cancelled: over", DUE)
        for pause in one.pauses():
            one.resume(pause.suite, pause.target, reason="", who="tests", at=DUE)


def evaluated(defs: Definitions, instance: DagsterInstance) -> RunRequest | str:
    """The run that the nightly schedule asks for, or why it asks for none."""
    context = build_schedule_context(instance, scheduled_execution_time=DUE)
    found = defs.resolve_schedule_def(NIGHTLY).evaluate_tick(context)
    if found.run_requests:
        (request,) = found.run_requests
        return request
    assert found.skip_message is not None
    return found.skip_message


def queued(
    defs: Definitions,
    instance: DagsterInstance,
    *,
    config: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> DagsterRun:
    """A run in Dagster's queue."""
    job = defs.resolve_job_def(parts.JOB)
    return instance.create_run_for_job(
        job,
        run_config={"ops": {FIRST: {"config": config or {}}}},
        status=DagsterRunStatus.QUEUED,
        tags={**job.run_tags, **(tags or {})},
        remote_job_origin=remote_origin(find_project().root, job, "__repository__"),
        job_code_origin=reconstructable_job(parts.JOB).get_python_origin(),
    )


class TestARunThatIsDue:
    def test_is_started_with_what_the_suite_file_says(
        self, defs: Definitions, instance: DagsterInstance
    ) -> None:
        request = evaluated(defs, instance)
        assert isinstance(request, RunRequest)
        config = request.run_config["ops"][FIRST]["config"]
        assert (config["target"], config["profile"]) == ("local", "standard")
        assert request.run_key == "2026-11-25T04:00:00+00:00"
        assert {name: value for name, value in request.tags.items() if name.startswith("perf/")} == {
            "perf/suite": "tiny",
            "perf/target": "local",
            "perf/profile": "standard",
            "perf/launched_by": "schedule nightly",
            "perf/due": "2026-11-25T04:00:00+00:00",
        }
        assert request.tags[PRIORITY_TAG] == str(PRIORITY_SCHEDULE)

    def test_is_skipped_while_it_is_paused(
        self, defs: Definitions, instance: DagsterInstance, store: Store
    ) -> None:
        store.pause("tiny", "local", reason="migration", who="anna", at=DUE)
        assert evaluated(defs, instance) == (
            "tiny on local is paused since 2026-11-25 04:00 UTC by anna: migration; "
            "`perf-pipeline resume tiny --target local` ends it"
        )
        store.resume("tiny", "local", reason="", who="anna", at=DUE)
        store.pause("tiny", "staging", reason="migration", who="anna", at=DUE)
        assert isinstance(evaluated(defs, instance), RunRequest)

    def test_coalesces_with_one_that_is_queued_whoever_started_it(
        self, defs: Definitions, instance: DagsterInstance
    ) -> None:
        from_ui = queued(defs, instance)  # all by default, which are the same target and profile
        assert evaluated(defs, instance) == (
            f"run {from_ui.run_id} is queued: it measures standard of tiny on local already"
        )

    def test_does_not_with_one_of_another_profile_or_target(
        self, defs: Definitions, instance: DagsterInstance
    ) -> None:
        for config in ({"profile": "smoke"}, {"target": "own"}):
            queued(defs, instance, config=config)
        assert isinstance(evaluated(defs, instance), RunRequest)

    def test_coalesces_with_one_that_is_under_way_on_another_host(
        self, defs: Definitions, instance: DagsterInstance, store: Store
    ) -> None:
        request = model.RunRequest(suite="tiny", target="local", profile="standard")
        now = datetime.now(UTC)
        begun(store, "silent", request=request, at=now - timedelta(days=1))
        begun(store, "elsewhere", request=request, at=now)
        assert evaluated(defs, instance) == (
            "run elsewhere is under way: it measures standard of tiny on local already"
        )

    def test_is_started_while_the_store_is_away_and_looks_again_in_its_first_step(
        self, root: Path, instance: DagsterInstance
    ) -> None:
        away = "postgresql://nobody@127.0.0.1:1/nothing"
        project = dataclasses.replace(find_project(), store_url=away)
        found = evaluated(build_definitions(load_suites(root), project), instance)
        assert isinstance(found, RunRequest)


class TestMissedNights:
    def test_have_one_run_that_says_so_and_no_other(self, root: Path, instance: DagsterInstance) -> None:
        """Dagster's own scheduler; its daemon was off for three nights."""
        now = datetime.now(UTC)
        target = ModuleTarget("perf_pipeline.definitions", "defs", str(root), "perf-pipeline")
        with create_test_daemon_workspace_context(target, instance) as workspace:

            def tick(at: datetime) -> None:
                with freeze_time(at):
                    list(launch_scheduled_runs(workspace, logging.getLogger(), at, {}))

            def started() -> list[DagsterRun]:
                return list(instance.get_runs(RunsFilter(tags={"dagster/schedule_name": NIGHTLY})))

            tick(now - timedelta(days=3, hours=1))
            assert started() == []
            tick(now)
            (run,) = started()
            newest = max(day for day in nights(now) if day < now)
            note = run.run_config["ops"][FIRST]["config"]["note"]
            assert run.tags["dagster/run_key"] == newest.isoformat()
            if now - newest > timedelta(minutes=6):
                assert note.startswith(f"nightly: catches up, due {newest:%Y-%m-%d} 04:00, started ")
            tick(now + timedelta(minutes=1))
            assert [one.run_id for one in started()] == [run.run_id]


def nights(now: datetime) -> list[datetime]:
    today = now.replace(hour=4, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=day) for day in range(4)]


class TestTheQueue:
    def test_lets_one_begin_at_a_time_in_the_order_of_who_asked(
        self, defs: Definitions, instance: DagsterInstance
    ) -> None:
        asked = {
            "nightly": {PRIORITY_TAG: str(PRIORITY_SCHEDULE)},
            "deploy": {PRIORITY_TAG: str(PRIORITY_DEPLOY)},
            "person": {},  # a run from the UI has no such tag
            "confirmation": {PRIORITY_TAG: str(PRIORITY_CONFIRMATION)},
        }
        # As the first pass over the queue does, but after it has counted: that pass lets all begin, and they
        # meet in their first steps (tests/integration/test_turns.py).
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        who = {queued(defs, instance, tags=tags).run_id: name for name, tags in asked.items()}
        began = []
        while len(began) < len(who):
            daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
            dequeued = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)
            assert len(dequeued) == 1
            began.append(who[dequeued[0].run_id])
            instance.report_run_canceled(dequeued[0])
        assert began == ["confirmation", "person", "deploy", "nightly"]
