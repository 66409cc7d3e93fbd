"""One benchmark at a time, whoever starts it: a run waits for its turn, in an order, and keeps nobody out.

Real processes hold the host's lock and the store's row; the benchmark's own edges are played.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cli_parts
import dagster_parts as parts
import pytest
from dagster import DagsterRunStatus, ExecuteInProcessResult
from played_parts import PlayedParts, World, played_world, step_error
from typer.testing import CliRunner

from perf_pipeline import conventions as names
from perf_pipeline.cli.main import app
from perf_pipeline.core.model import Outcome
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.store.repository import Store, StoredRun

SOON_S = 90.0

# A benchmark of another project that shares the store: it begins, says so, and ends when its input does.
_IN_THE_STORE = """
import os, socket, sys
from datetime import UTC, datetime
import psutil
from perf_pipeline.core.model import Outcome, RunRequest
from perf_pipeline.store.repository import Store
store = Store(sys.argv[1])
store.begin_run(
    run_id="other", request=RunRequest(suite="shop", target="local", profile="standard"), run_folder="/other",
    owner_pid=os.getpid(), owner_started=psutil.Process().create_time(), host=socket.gethostname(),
    at=datetime.now(UTC),
)
print("begun", flush=True)
sys.stdin.read()
store.set_outcome("other", Outcome.CANCELLED, "cancelled: over", datetime.now(UTC))
"""

# A benchmark of another project on this machine, which has a store of its own.
_ON_THIS_HOST = """
import sys
from pathlib import Path
from perf_pipeline.stack.lock import HostLock
lock = HostLock(Path(sys.argv[1]))
lock.take("other")
print("begun", flush=True)
sys.stdin.read()
"""


@contextmanager
def another(code: str, argument: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", code, argument], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            parts.wait_for_line(process, "begun")
            yield process
        finally:
            process.kill()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with played_world(tmp_path) as one:
        yield one


def runs(world: World) -> list[StoredRun]:
    with Store(world.project.store_url) as store:
        return store.list_runs()


def waiting(world: World) -> list[StoredRun]:
    return [run for run in runs(world) if run.waits]


class Started:
    """A benchmark in a thread of this process."""

    def __init__(self, world: World, played: PlayedParts, **config: object) -> None:
        self.result: ExecuteInProcessResult | None = None

        def run() -> None:
            self.result = world.run(played, config=config)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def end(self) -> ExecuteInProcessResult:
        self._thread.join(SOON_S)
        assert self.result is not None, "it is still waiting"
        return self.result


class TestARunThatFindsAnotherOneUnderWay:
    def test_waits_for_it_and_then_begins(self, world: World) -> None:
        with another(_IN_THE_STORE, world.project.store_url) as other:
            started = Started(world, PlayedParts())
            parts.wait_until(lambda: len(waiting(world)) == 1, SOON_S)
            (mine,) = waiting(world)
            assert mine.waits.startswith("run other of shop against local is under way on")
            assert mine.outcome is None
            other.communicate()
            ended = datetime.now(UTC)
            result = started.end()
        stored = world.stored(result.run_id)
        assert (stored.outcome, stored.waits) == (Outcome.PASSED, "")
        assert stored.started_at >= mine.started_at
        assert abs((stored.started_at - ended).total_seconds()) < SOON_S, "it began when its turn came"

    def test_begins_when_that_ones_process_is_killed(self, world: World) -> None:
        with another(_IN_THE_STORE, world.project.store_url) as other:
            started = Started(world, PlayedParts())
            parts.wait_until(lambda: len(waiting(world)) == 1, SOON_S)
            other.kill()
            result = started.end()
        assert world.stored(result.run_id).outcome is Outcome.PASSED
        assert world.stored("other").outcome is Outcome.LOST

    def test_waits_for_one_of_another_project_on_this_machine_too(self, world: World, tmp_path: Path) -> None:
        path = tmp_path / "host.lock"
        lock = HostLock(path)
        with another(_ON_THIS_HOST, str(path)) as other:
            started = Started(world, PlayedParts(on_take=lambda: lock.take("mine")))
            parts.wait_until(lambda: len(waiting(world)) == 1, SOON_S)
            assert f"(pid {other.pid}, since" in waiting(world)[0].waits
            other.communicate()
            assert world.stored(started.end().run_id).outcome is Outcome.PASSED

    def test_is_not_ready_when_it_has_waited_long_enough(self, world: World) -> None:
        played = PlayedParts()
        with another(_IN_THE_STORE, world.project.store_url):
            result = world.run(played, config={"wait_s": 1.0})
        stored = world.stored(result.run_id)
        assert stored.outcome is Outcome.NOT_READY
        assert stored.sentence == step_error(result)
        assert stored.sentence.endswith("wait for its end (waited 1 s for its turn)")
        assert (played.loads, stored.waits) == (0, "")

    def test_is_refused_when_a_pause_comes_while_it_waits(self, world: World) -> None:
        with another(_IN_THE_STORE, world.project.store_url), Store(world.project.store_url) as store:
            started = Started(world, PlayedParts())
            parts.wait_until(lambda: len(waiting(world)) == 1, SOON_S)
            store.pause("multiplayer", None, reason="migration", who="anna", at=datetime.now(UTC))
            result = started.end()
        assert world.stored(result.run_id).sentence.startswith("not_ready: multiplayer is paused since")

    def test_several_begin_one_after_the_other(self, world: World, tmp_path: Path) -> None:
        """Of two projects, each with a Dagster of its own; they share the store."""
        alone, together = threading.Lock(), []
        began: list[str] = []

        def load() -> None:
            """Lasts until the other run says that it waits for this one, or has begun as well."""
            entered = alone.acquire(blocking=False)
            began.append("load")
            together.append(not entered)
            parts.wait_until(
                lambda: len(began) == 2 or any("against local is under way" in one for one in waits()), SOON_S
            )
            if entered:
                alone.release()

        def waits() -> list[str]:
            return [run.waits for run in waiting(world) if not run.waits.startswith("run other ")]

        with ExitStack() as stack:
            other = stack.enter_context(another(_IN_THE_STORE, world.project.store_url))
            worlds = [
                stack.enter_context(played_world(tmp_path / f"project-{number}")) for number in range(2)
            ]
            for one in worlds:
                one.project = replace(one.project, store_url=world.project.store_url)
            started = [Started(one, PlayedParts(on_load=load)) for one in worlds]
            parts.wait_until(lambda: len(waiting(world)) == 2, SOON_S)
            other.communicate()
            ended = [one.end().run_id for one in started]
        assert [world.stored(run_id).outcome for run_id in ended] == [Outcome.PASSED] * 2
        assert together == [False, False]


class TestARunThatIsPaused:
    @pytest.fixture(autouse=True)
    def pause(self, world: World) -> None:
        with Store(world.project.store_url) as store:
            store.pause("multiplayer", "local", reason="migration", who="anna", at=datetime.now(UTC))

    def test_is_not_ready_before_any_load(self, world: World) -> None:
        played = PlayedParts()
        result = world.run(played)
        stored = world.stored(result.run_id)
        assert stored.outcome is Outcome.NOT_READY
        assert stored.sentence == step_error(result)
        assert stored.sentence.startswith("not_ready: multiplayer on local is paused since")
        assert stored.sentence.endswith(
            "by anna: migration; `perf-pipeline resume multiplayer --target local` ends it"
        )
        assert (played.loads, result.dagster_run.status) == (0, DagsterRunStatus.FAILURE)

    def test_runs_where_a_person_says_so(self, world: World) -> None:
        result = world.run(PlayedParts(), config={"despite_pause": True})
        assert world.stored(result.run_id).outcome is Outcome.PASSED


class TestTheCommandLine:
    """Real processes; no load is sent."""

    @pytest.fixture(scope="class")
    def project(self, tmp_path_factory: pytest.TempPathFactory) -> cli_parts.Project:
        return cli_parts.make_project(tmp_path_factory.mktemp("project"))

    def test_is_refused_at_once_and_told_how_to_wait(self, project: cli_parts.Project) -> None:
        with another(_ON_THIS_HOST, str(project.root / "benchmark.lock")):
            said = project.call("run", "--profile", parts.PROFILE)
        assert said.code == 6
        assert "is benchmarking from this machine" in said.out
        assert said.out.rstrip().endswith("run --wait 30m` waits for it")

    def test_waits_where_it_is_told_to_and_answers_to_ctrl_c_meanwhile(
        self, project: cli_parts.Project
    ) -> None:
        with another(_ON_THIS_HOST, str(project.root / "benchmark.lock")) as other:
            waiting = project.start("run", "--profile", parts.PROFILE, "--wait", "10m")
            assert waiting.stderr is not None
            line = next(line for line in waiting.stderr if "waits" in line)
            assert line.startswith("waits for its turn, at most 10 min: run other (pid ")
            waiting.send_signal(signal.SIGINT)
            said = cli_parts.said(waiting)
            assert other.poll() is None
        assert said.code == Outcome.CANCELLED.exit_code
        with project.store() as store:
            run = store.list_runs(limit=1)[0]
        assert (run.outcome, run.waits) == (Outcome.CANCELLED, "")


class TestPauseAndResume:
    @pytest.fixture
    def command(self, tmp_path: Path) -> Iterator[Callable[..., str]]:
        """What the command says, or refuses to do."""
        project = cli_parts.make_project(tmp_path)
        runner = CliRunner()

        def call(*words: str) -> str:
            result = runner.invoke(app, words)
            return str(result.exception) if result.exception else result.output

        with pytest.MonkeyPatch.context() as patch:
            for name, value in project.environment().items():
                patch.setenv(name, value)
            yield call

    def test_ask_for_a_reason_and_for_what_there_is(self, command: Callable[..., str]) -> None:
        assert command("pause") == (
            "a pause needs a reason, for whoever wonders why nothing runs: add --reason 'migration'."
        )
        assert command("pause", "--target", "stagin", "--reason", "migration") == (
            "no suite has a target 'stagin' (there is local, own, staging)."
        )
        assert command("pause", "tiny", "--target", "stagin", "--reason", "migration").startswith(
            "suite tiny has no target 'stagin'"
        )

    def test_say_what_is_paused_already_and_what_stays_paused(self, command: Callable[..., str]) -> None:
        paused = command("pause", "--target", "local", "--reason", "migration")
        assert paused.startswith("every suite on local is paused since ")
        assert command("pause", "--target", "local", "--reason", "another") == (
            f"already paused, nothing changed: {paused}"
        )
        assert command("resume") == f"everything was not paused: nothing changed\nstill paused: {paused}"
        ended = command("resume", "--target", "local")
        assert ended.startswith("every suite on local is resumed; it was paused since ")
        assert ended.endswith(" UTC: migration\n")
        assert command("resume", "tiny") == "tiny was not paused: nothing changed\n"

    def test_say_which_run_goes_on(self, command: Callable[..., str]) -> None:
        with another(_IN_THE_STORE, os.environ[names.ENV_STORE_URL]):
            said = command("pause", "--reason", "migration")
        assert said.endswith("\nrun other is under way and goes on\n")
