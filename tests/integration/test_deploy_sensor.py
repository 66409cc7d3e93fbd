"""The deploy sensor, tick after tick: real store, real Dagster instance, a clock that tests turn.

A run is not executed here; it is written into Dagster's storage and into the store as it would have ended.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import misbehaving
import pytest
from builders import STARTED, suite
from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_sensor_context,
)
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.load import location_origin_from_module_name
from store_parts import measured

from perf_pipeline.core.model import Deploy, Outcome
from perf_pipeline.core.model import RunRequest as Asked
from perf_pipeline.defs.build import build_definitions
from perf_pipeline.defs.config import BenchmarkConfig
from perf_pipeline.defs.deploy_runs import DeployRuns
from perf_pipeline.defs.deploying import NOTHING, SENSOR, deploy_sensor
from perf_pipeline.defs.origin import ATTRIBUTE, MODULE
from perf_pipeline.defs.parts import Parts
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store, StoredDeploy, StoreError
from perf_pipeline.store.values import DeployState
from perf_pipeline.suite import Deploys, DeploySource, JsonPlace, Suite, Target

PLACE = ("multiplayer", "staging")
VERSION = JsonPlace(path="/version", pointer="/revision")
TICK_S = 30
JOB = "benchmark_multiplayer"


def staging(url: str, *, revision: bool = True) -> Target:
    return Target(
        name="staging",
        base_url=url,
        health_path="/health",
        revision=VERSION if revision else None,
        max_requests_per_s=50.0,
        max_users=50,
        max_duration_s=600.0,
        deploys=Deploys(
            source=DeploySource.VERSION, profile="smoke", settle_s=60.0, enabled=True, version=VERSION
        ),
    )


@dataclass
class World:
    """One project with its daemon's sensor, and a target that says what it runs."""

    store: Store
    instance: DagsterInstance
    project: Project
    server: misbehaving.Server
    now: datetime = STARTED
    suites: list[Suite] = field(default_factory=list)

    def runs_revision(self, revision: str) -> None:
        self.server.answers[VERSION.path] = misbehaving.says({"revision": revision})

    def tick(self, times: int = 1) -> list[RunRequest] | str:
        """What the last of so many ticks, each TICK_S after the other, asked for, or why for nothing."""
        jobs: Any = build_definitions(self.suites, self.project).jobs
        sensor = deploy_sensor(self.suites, jobs, self.project, Parts(), clock=lambda: self.now)
        for _ in range(times):
            self.now += timedelta(seconds=TICK_S)
            with build_sensor_context(instance=self.instance, sensor_name=SENSOR) as context:
                found: Any = sensor(context)
        if isinstance(found, SkipReason):
            return found.skip_message or ""
        return list(found.run_requests)

    def asked(self, times: int = 1) -> RunRequest:
        """The only run that the last of so many ticks asked for."""
        found = self.tick(times)
        assert not isinstance(found, str), found
        (request,) = found
        return request

    def deploy(self, number: int) -> StoredDeploy:
        return self.store.deploy(*PLACE, number)

    def mark(self, revision: str) -> StoredDeploy:
        return self.store.mark_deploy(*PLACE, revision, note="CI", at=self.now)

    def run(self, request: RunRequest, status: DagsterRunStatus) -> str:
        """Dagster takes the run up; returns its id."""
        tags = {**request.tags, "dagster/run_key": request.run_key or ""}
        return self.dagster_run(status, tags=tags, run_config=request.run_config)

    def dagster_run(self, status: DagsterRunStatus, **more: Any) -> str:
        """A run that Dagster knows of; returns its id."""
        code = location_origin_from_module_name(MODULE, ATTRIBUTE, working_directory=None)
        origin = RemoteJobOrigin(RemoteRepositoryOrigin(code, "__repository__"), JOB)
        made = create_run_for_test(self.instance, JOB, status=status, remote_job_origin=origin, **more)
        return made.run_id

    def ended(self, request: RunRequest, outcome: Outcome) -> str:
        """Its run has ended so, for Dagster and for the store."""
        good = outcome is Outcome.PASSED
        run_id = self.run(request, DagsterRunStatus.SUCCESS if good else DagsterRunStatus.FAILURE)
        self.begun(run_id)
        if good:
            self.store.save_record(measured(run_id, started_at=self.now), self.now)
        else:
            self.store.set_outcome(run_id, outcome, f"{outcome.value}: so it ended", self.now)
        return run_id

    def begun(self, run_id: str, **more: Any) -> None:
        self.store.begin_run(
            run_id=run_id,
            request=Asked(suite="multiplayer", target="staging", profile="smoke"),
            run_folder="/runs",
            owner_pid=1,
            owner_started=1.0,
            host="elsewhere",
            at=self.now,
            **more,
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    project = Project(
        root=tmp_path, home=tmp_path, tools=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.sqlite'}"
    )
    with (
        Store(project.store_url) as store,
        DagsterInstance.ephemeral() as instance,
        misbehaving.serving() as server,
    ):
        made = World(store, instance, project, server)
        made.suites = [suite(targets={"staging": staging(server.url)})]
        made.runs_revision("1.4.0")
        yield made


class TestANewRevision:
    def test_gets_its_run_in_the_first_tick_after_it_has_settled(self, world: World) -> None:
        assert world.tick() == "multiplayer on staging: runs 1.4.0 at the first look, which is no deploy"
        assert world.tick() == "multiplayer on staging: runs 1.4.0, as before"
        world.runs_revision("1.5.0")
        world.tick()
        seen_at = world.now
        assert str(world.tick()).startswith("multiplayer on staging: 1.5.0 is new and settles until")
        request = world.asked()
        assert request.run_key == f"multiplayer:staging:deploy:1:{seen_at:%Y%m%dT%H%M%SZ}"
        assert request.job_name == "benchmark_multiplayer"
        assert {name: request.tags[name] for name in request.tags if name.startswith("perf/")} == {
            "perf/launched_by": "deploy",
            "perf/target": "staging",
            "perf/deploy": "1",
            "perf/revision": "1.5.0",
            "perf/previous_revision": "1.4.0",
            "perf/deploy_source": "version",
        }
        config = request.run_config["ops"]["multiplayer__monitoring_stack"]["config"]
        asked = {name: config[name] for name in ("target", "profile", "revision", "deploy")}
        assert asked == {"target": "staging", "profile": "smoke", "revision": "1.5.0", "deploy": 1}
        assert world.deploy(1).as_deploy == Deploy(
            number=1, revision="1.5.0", previous_revision="1.4.0", source="version", seen_at=seen_at
        )

    def test_there_and_back_gives_three_runs_with_keys_of_their_own(self, world: World) -> None:
        world.tick()
        keys = []
        for revision in ("a", "b", "a"):
            world.runs_revision(revision)
            request = world.asked(3)
            keys.append(((request.run_key or "").rpartition(":")[0], request.tags["perf/previous_revision"]))
            world.ended(request, Outcome.PASSED)
            world.tick()
        assert keys == [
            ("multiplayer:staging:deploy:1", "1.4.0"),
            ("multiplayer:staging:deploy:2", "a"),
            ("multiplayer:staging:deploy:3", "b"),
        ]

    def test_is_not_demanded_of_a_target_that_does_not_tell_what_it_runs(self, world: World) -> None:
        world.suites = [suite(targets={"staging": staging(world.server.url, revision=False)})]
        world.mark("abc")
        config = world.asked(2).run_config["ops"]["multiplayer__monitoring_stack"]["config"]
        assert config.get("revision") is None
        assert config["note"] == "CI"


class TestAnotherPlaceInTheSuiteFile:
    def test_is_where_the_target_starts_from_and_no_deploy(self, world: World) -> None:
        world.tick()
        world.server.answers["/build"] = misbehaving.says({"commit": "abc1234"})
        place = JsonPlace(path="/build", pointer="/commit")
        target = staging(world.server.url)
        deploys = target.deploys.model_copy(update={"version": place}) if target.deploys else None
        world.suites = [suite(targets={"staging": target.model_copy(update={"deploys": deploys})})]
        assert str(world.tick()).endswith("runs abc1234 at the first look, which is no deploy")
        assert str(world.tick(4)).endswith("runs abc1234, as before")
        assert world.store.list_deploys() == []


class TestASourceThatFails:
    def test_is_a_skip_with_its_reason_and_one_notice(self, world: World) -> None:
        world.tick()
        world.server.answers[VERSION.path] = misbehaving.sends(b"<html>", 500)
        said = world.tick(40)
        assert said == (
            f"multiplayer on staging: not known what it runs: {world.server.url}/version answers 500 instead "
            "of 200 (40 times in a row)"
        )
        assert [one.kind for one in world.store.notices(since=STARTED)] == ["deploy_source_failing"]
        assert world.store.list_deploys() == []

    def test_does_not_keep_a_marked_deploy_from_its_run(self, world: World) -> None:
        world.server.answers[VERSION.path] = misbehaving.sends(b"", 500)
        world.mark("1.5.0")
        assert world.asked(2).tags["perf/revision"] == "1.5.0"

    def test_is_a_skip_also_when_it_is_the_store(self, world: World, tmp_path: Path) -> None:
        world.project = Project(
            root=tmp_path, home=tmp_path, tools=tmp_path, store_url="postgresql://perf@127.0.0.1:1/perf"
        )
        assert "127.0.0.1:1" in str(world.tick())


class TestADeployThatWaits:
    def test_settles_first(self, world: World) -> None:
        world.mark("1.5.0")
        assert "deploy 1 (1.5.0): settles until 12:01:00 UTC" in str(world.tick())
        assert world.asked().tags["perf/deploy"] == "1"

    def test_gives_way_to_a_newer_one(self, world: World) -> None:
        for revision in "abcdefghij":
            world.mark(revision)
        assert world.asked(2).tags["perf/deploy"] == "10"
        assert [one.state.value for one in world.store.list_deploys()] == ["launched"] + ["coalesced"] * 9

    def test_waits_while_a_run_of_its_target_is_under_way(self, world: World) -> None:
        world.mark("1.5.0")
        world.begun("another")
        assert "deploy 1 (1.5.0): run another is under way" in str(world.tick(2))
        world.store.set_outcome("another", Outcome.CANCELLED, "cancelled", world.now)
        assert world.asked().tags["perf/deploy"] == "1"

    def test_does_not_wait_for_one_on_another_host_that_is_older_than_any_can_be(self, world: World) -> None:
        world.begun("silent")
        world.now += timedelta(hours=1, minutes=11)  # its target allows ten minutes of load
        world.mark("1.5.0")
        assert world.asked(2).tags["perf/deploy"] == "1"
        silent = world.store.find_run("silent")
        assert silent.sentence == (
            "lost: its process (pid 1 on elsewhere) has said nothing for 70 minutes, the longest that it may "
            "take: it counts as dead."
        )

    def test_goes_before_one_that_waits_in_its_first_step_and_is_less_urgent(self, world: World) -> None:
        world.mark("1.5.0")
        world.begun("nightly", waits="somebody", priority=-20)
        assert world.asked(2).tags["perf/deploy"] == "1"

    def test_waits_for_one_that_waits_in_its_first_step_and_comes_first(self, world: World) -> None:
        world.mark("1.5.0")
        run_id = world.dagster_run(DagsterRunStatus.STARTED, tags={"perf/target": "staging"})
        world.begun(run_id, waits="somebody", priority=0)
        assert f"deploy 1 (1.5.0): run {run_id} waits before it" in str(world.tick(2))

    @pytest.mark.parametrize(
        ("status", "said"),
        [(DagsterRunStatus.QUEUED, "is queued before it"), (DagsterRunStatus.STARTED, "is under way")],
    )
    def test_waits_for_one_that_only_dagster_knows(
        self, world: World, status: DagsterRunStatus, said: str
    ) -> None:
        world.mark("1.5.0")
        by_hand = {"ops": {"multiplayer__monitoring_stack": {"config": {"target": "staging"}}}}
        run_id = world.dagster_run(status, run_config=by_hand)
        assert f"deploy 1 (1.5.0): run {run_id} {said}" in str(world.tick(2))

    def test_overtakes_what_is_queued_and_less_urgent_or_of_another_target(self, world: World) -> None:
        world.mark("1.5.0")
        nightly = {"perf/target": "staging", "dagster/priority": "-20"}
        for tags in (nightly, {"perf/target": "local"}):
            world.dagster_run(DagsterRunStatus.QUEUED, tags=tags)
        assert world.asked(2).tags["dagster/priority"] == "-10"

    def test_waits_while_its_target_is_paused(self, world: World) -> None:
        world.mark("1.5.0")
        world.store.pause(*PLACE, reason="moving house", who="eva", at=world.now)
        assert "moving house" in str(world.tick(2))
        world.store.resume(*PLACE, reason="done", who="eva", at=world.now)
        assert world.asked().tags["perf/deploy"] == "1"

    def test_of_a_suite_of_another_project_is_left_to_that(self, world: World) -> None:
        world.store.mark_deploy("shop", "staging", "1.5.0", note="", at=world.now)
        world.suites = [suite()]
        assert world.tick(3) == NOTHING

    def test_says_when_the_suite_file_has_its_target_no_more(self, world: World) -> None:
        world.mark("1.5.0")
        world.suites = [suite()]
        assert str(world.tick(3)).endswith("the suite file has its target no more")


class TestTheRunOfADeploy:
    def test_is_looked_up_by_its_key(self, world: World) -> None:
        world.mark("1.5.0")
        request = world.asked(2)
        run_id = world.run(request, DagsterRunStatus.QUEUED)
        assert f"deploy 1 (1.5.0): run {run_id} is queued" in str(world.tick())

    def test_that_measured_is_final(self, world: World) -> None:
        world.mark("1.5.0")
        run_id = world.ended(world.asked(2), Outcome.PASSED)
        world.tick()
        deploy = world.deploy(1)
        assert (deploy.state.value, deploy.run_id) == ("measured", run_id)
        assert "as before" in str(world.tick()), "nothing more is said of it"

    def test_is_asked_for_again_under_the_same_key_when_the_daemon_died_in_between(
        self, world: World
    ) -> None:
        world.mark("1.5.0")
        first = world.asked(2)
        assert world.asked().run_key == first.run_key
        assert world.deploy(1).attempts == 1

    def test_that_dagster_never_began_is_attempted_again_and_then_given_up_with_a_notice(
        self, world: World
    ) -> None:
        world.mark("1.5.0")
        keys = []
        for _ in range(3):
            keys.append(world.asked(3).run_key)
            world.now += timedelta(minutes=10)
            world.tick()
        assert len({*keys}) == 3
        assert world.deploy(1).state.value == "abandoned"
        (notice,) = world.store.notices(since=STARTED, kind="deploy_not_measured")
        assert notice.sentence == (
            "deploy 1 of multiplayer on staging (1.5.0) was not measured: Dagster never began its run "
            "(attempt 3 of 3); "
            "`perf-pipeline deploy multiplayer --target staging --revision 1.5.0 --again` tries it again"
        )

    def test_that_was_created_and_never_began_is_cancelled_before_the_next_attempt(
        self, world: World
    ) -> None:
        world.mark("1.5.0")
        run_id = world.run(world.asked(2), DagsterRunStatus.NOT_STARTED)
        world.now += timedelta(minutes=10)
        world.tick()
        run = world.instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status is DagsterRunStatus.CANCELED
        assert world.asked(2).tags["perf/deploy"] == "1"
        assert world.deploy(1).attempts == 2

    def test_that_was_not_ready_is_attempted_three_times_and_then_left_with_a_notice(
        self, world: World
    ) -> None:
        world.mark("1.5.0")
        request, keys = world.asked(2), []
        for _ in range(3):
            keys.append(request.run_key)
            run_id = world.ended(request, Outcome.NOT_READY)
            world.tick()
            if len(keys) < 3:
                assert "attempt" in str(world.tick())
                request = world.asked()
        assert keys == [
            f"multiplayer:staging:deploy:1:20261120T120000Z{suffix}" for suffix in ("", ":2", ":3")
        ]
        deploy = world.deploy(1)
        assert (deploy.state.value, deploy.run_id, deploy.attempts) == ("abandoned", run_id, 3)
        assert deploy.sentence.endswith("not_ready: so it ended (attempt 3 of 3)")
        (notice,) = world.store.notices(since=STARTED)
        assert notice.kind == "deploy_not_measured"
        assert isinstance(world.tick(5), str)

    def test_is_not_attempted_again_when_a_newer_deploy_has_come(self, world: World) -> None:
        world.mark("1.5.0")
        request = world.asked(2)
        world.mark("1.6.0")
        world.ended(request, Outcome.NOT_READY)
        assert world.asked(2).tags["perf/revision"] == "1.6.0"
        assert world.deploy(1).state.value == "coalesced"

    @pytest.mark.parametrize(("outcome", "notices"), [(Outcome.CANCELLED, 0), (Outcome.LOST, 1)])
    def test_that_was_ended_is_not_repeated(self, world: World, outcome: Outcome, notices: int) -> None:
        world.mark("1.5.0")
        world.ended(world.asked(2), outcome)
        assert isinstance(world.tick(5), str)
        assert world.deploy(1).state.value == "abandoned"
        assert len(world.store.notices(since=STARTED)) == notices, "a person who cancels knows"

    def test_that_failed_before_it_began_is_attempted_again(self, world: World) -> None:
        world.mark("1.5.0")
        run_id = world.run(world.asked(2), DagsterRunStatus.FAILURE)
        world.tick()
        deploy = world.deploy(1)
        assert (deploy.state.value, deploy.sentence) == ("pending", f"run {run_id} failed before it began")
        assert (world.asked(2).run_key or "").endswith(":2")

    def test_that_was_cancelled_before_it_began_is_final(self, world: World) -> None:
        world.mark("1.5.0")
        world.run(world.asked(2), DagsterRunStatus.CANCELED)
        assert isinstance(world.tick(5), str)
        assert world.deploy(1).state.value == "abandoned"
        assert world.store.notices(since=STARTED) == [], "a person who cancels knows"

    def test_is_followed_to_its_end_when_the_suite_file_has_its_target_no_more(self, world: World) -> None:
        world.mark("1.5.0")
        request = world.asked(2)
        world.suites = [suite()]
        assert str(world.tick()).endswith("the suite file has its target no more")
        world.ended(request, Outcome.PASSED)
        world.tick()
        assert world.deploy(1).state.value == "measured"

    def test_is_given_up_for_a_later_deploy_also_after_its_last_attempt(self, world: World) -> None:
        world.mark("1.5.0")
        request = world.asked(2)
        for _ in range(2):
            world.ended(request, Outcome.NOT_READY)
            request = world.asked(3)
        world.mark("1.6.0")
        world.ended(request, Outcome.NOT_READY)
        world.tick()
        assert world.deploy(1).state.value == "coalesced"
        assert world.store.notices(since=STARTED) == []


class TestADaemonThatSharesItsStore:
    @pytest.fixture
    def other(self, world: World) -> Iterator[World]:
        """The same project on another machine, with a Dagster of its own."""
        with DagsterInstance.ephemeral() as instance:
            yield dataclasses.replace(world, instance=instance)

    def test_leaves_the_run_to_the_one_that_started_it(self, world: World, other: World) -> None:
        world.mark("1.5.0")
        request = world.asked(2)
        other.now = world.now
        said = str(other.tick())
        assert said.endswith(
            f"deploy 1 (1.5.0): its run was started by the daemon on {socket.gethostname()}, which follows it"
        )
        world.run(request, DagsterRunStatus.QUEUED)
        for _ in range(2):
            world.now = other.now = world.now + timedelta(minutes=15)
            assert "which follows it" in str(other.tick())
            assert "is queued" in str(world.tick())
        world.ended(request, Outcome.PASSED)
        assert world.deploy(1).state.value == "launched", "it has not looked yet"

    def test_does_not_overwrite_what_the_other_found(self, world: World) -> None:
        world.mark("1.5.0")
        world.ended(world.asked(2), Outcome.PASSED)
        launched = world.deploy(1)
        world.tick()
        world.store.settle_deploy(launched, DeployState.PENDING, "late", world.now, None)
        assert world.deploy(1).state.value == "measured"

    def test_gives_it_up_after_a_day_without_a_word(self, world: World, other: World) -> None:
        world.mark("1.5.0")
        world.asked(2)
        other.now = world.now + timedelta(hours=24)
        other.tick()
        assert world.deploy(1).state.value == "abandoned"
        (notice,) = world.store.notices(since=STARTED)
        assert "which has not said since how it ended" in notice.sentence


class TestOneTargetThatIsBroken:
    def test_keeps_no_other_from_its_run(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        second = staging(world.server.url).model_copy(update={"name": "second"})
        world.suites = [suite(targets={"staging": staging(world.server.url), "second": second})]
        look = Store.look

        def broken(store: Store, suite: str, target: str, *rest: Any, **more: Any) -> Any:
            if target == "staging":
                raise StoreError("what is remembered of target staging cannot be read")
            return look(store, suite, target, *rest, **more)

        monkeypatch.setattr(Store, "look", broken)
        said = str(world.tick())
        assert "staging: what is remembered of target staging cannot be read" in said
        assert "second: runs 1.4.0 at the first look" in said

    def test_nor_does_a_deploy_that_cannot_be_followed(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        second = staging(world.server.url).model_copy(update={"name": "second"})
        world.suites = [suite(targets={"staging": staging(world.server.url), "second": second})]
        world.mark("1.5.0")
        world.store.mark_deploy("multiplayer", "second", "1.5.0", note="", at=world.now)
        step = DeployRuns.next_step

        def broken(runs: DeployRuns, deploy: StoredDeploy) -> Any:
            if deploy.target == "staging":
                raise StoreError("it cannot be read")
            return step(runs, deploy)

        monkeypatch.setattr(DeployRuns, "next_step", broken)
        assert world.asked(2).tags["perf/target"] == "second"


class TestTheConfigOfARun:
    def test_names_its_deploy(self) -> None:
        deploy = Deploy(number=7, revision="b", previous_revision="a", source="marker", seen_at=STARTED)
        asked = Asked(suite="multiplayer", target="local", profile="smoke", deploy=deploy)
        assert BenchmarkConfig.of(asked).deploy == 7
        assert BenchmarkConfig.of(asked.model_copy(update={"deploy": None})).deploy is None
