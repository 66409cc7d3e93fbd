"""The stack's real processes: up, checked, down, and nothing left behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from stack_parts import NOBODY, SOURCE, TOOLS, answering, reply, suite_for

from perf_pipeline import processes
from perf_pipeline.conventions import CONTROL_ANSWER, ENV_LOCK
from perf_pipeline.core.model import RunRequest, StackState
from perf_pipeline.ports import free_port
from perf_pipeline.stack.base import NotReady, Stack
from perf_pipeline.stack.embedded import EmbeddedStack
from perf_pipeline.stack.external import ExternalStack
from perf_pipeline.stack.tools import find_or_install_prometheus
from perf_pipeline.suite import Suite

REFERENCE = suite_for(None)


def start(
    stack: Stack, home: Path, suite: Suite = REFERENCE, run_id: str = "run-1", revision: str | None = None
) -> StackState:
    request = RunRequest(suite="small", target="there", profile="standard", revision=revision)
    return stack.start(suite=suite, request=request, run_id=run_id, run_folder=home / "runs" / run_id)


def left_over(home: Path) -> list[str]:
    """Programs that still run with something of this home on their command line."""
    ourselves = {process.pid for process in [psutil.Process(), *psutil.Process().parents()]}
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if str(home) in line and alive and process.pid not in ourselves:
            found.append(line)
    return found


def children(home: Path) -> dict[str, int]:
    """Name -> pid of everything that was started and not ended yet."""
    notes = [json.loads(note.read_text()) for note in (home / "processes").glob("*.json")]
    return {note["name"]: note["pid"] for note in notes}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    found = left_over(tmp_path)
    processes.end_orphans(tmp_path / "home")  # of a test that failed half way
    assert found == []


@pytest.fixture
def stack(home: Path) -> Iterator[EmbeddedStack]:
    one = EmbeddedStack(home, TOOLS)
    yield one
    one.stop()


@contextmanager
def listening_on(*ports: int) -> Iterator[None]:
    """Hold the ports that nobody holds already."""
    with ExitStack() as held:
        for port in ports:
            server = held.enter_context(socket.socket())
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                server.bind(("127.0.0.1", port))
                server.listen()
            except OSError:
                continue
        yield


class TestTheEmbeddedStack:
    def test_comes_up_healthy_says_what_it_found_and_leaves_nothing_when_stopped(
        self, home: Path, stack: EmbeddedStack
    ) -> None:
        state = start(stack, home, suite_for(None, control=True))

        assert httpx.get(f"{state.base_url}/api/v1/health/").json()["version"] == state.revision
        assert httpx.get(f"{state.control_url}/control").text == CONTROL_ANSWER
        assert state.control_problem == ""
        assert state.stack == "embedded"
        assert state.clock_skew_s == pytest.approx(0.0, abs=0.5)
        assert state.target_clock_skew_s == 0.0
        assert state.target_pid is not None
        assert psutil.pid_exists(state.target_pid)
        assert len(left_over(home)) == 2
        assert set(children(home)) == {"Prometheus", "the control", "the reference backend"}
        stack.stop()
        stack.stop()
        assert left_over(home) == []
        assert list((home / "processes").iterdir()) == []

    def test_evaluates_the_generated_rules(self, home: Path, stack: EmbeddedStack) -> None:
        state = start(stack, home)
        loaded = httpx.get(f"{state.prometheus_url}/api/v1/rules").json()["data"]["groups"]
        assert {group["name"] for group in loaded} == {"multiplayer", "multiplayer-alerts"}
        assert {group["interval"] for group in loaded} == {30}

    def test_takes_free_ports_and_says_so_when_the_usual_ones_are_taken(
        self, home: Path, stack: EmbeddedStack
    ) -> None:
        with listening_on(9090, 8000):
            state = start(stack, home)

        assert not state.prometheus_url.endswith(":9090")
        assert not state.base_url.endswith(":8000")
        assert [note.split(" by ")[0] for note in stack.notes] == [
            "port 9090 is taken",
            "port 8000 is taken",
        ]

    def test_keeps_prometheus_data_for_steps_that_are_executed_again(
        self, home: Path, stack: EmbeddedStack
    ) -> None:
        state = start(stack, home)
        stack.stop()
        again = EmbeddedStack(home, TOOLS)
        try:
            url = again.ensure_prometheus(state)
            assert again.ensure_prometheus(state) == url
            assert httpx.get(f"{url}/-/ready").status_code == 200
        finally:
            again.stop()

    def test_uses_a_target_that_is_elsewhere_and_leaves_it_running(
        self, home: Path, stack: EmbeddedStack
    ) -> None:
        with answering(lambda: reply({"version": "7"})) as url:
            state = start(stack, home, suite_for(url))
            stack.stop()
            assert httpx.get(url).status_code == 200
        assert (state.base_url, state.revision, state.target_pid) == (url, "7", None)
        assert state.data_volume == "unknown"


class TestAStartThatFails:
    def test_names_the_backend_and_what_its_log_says_when_it_dies_at_once(
        self, home: Path, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PERF_DEMO_FAULTS", "nonsense")
        with pytest.raises(NotReady) as failure:
            start(stack, home)

        assert failure.value.name == "reference_backend_failed"
        assert "the reference backend ended at its start with exit code 2" in failure.value.sentence
        assert "nonsense" in failure.value.sentence
        assert left_over(home) == []

    def test_names_prometheus_and_what_its_log_says_when_it_dies_at_once(
        self, home: Path, stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "prometheus"
        broken.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "prometheus, version 2.42.0" && exit\n'
            "echo disk is on fire; exit 3\n"
        )
        broken.chmod(0o755)
        monkeypatch.setenv("PERF_PIPELINE_PROMETHEUS", str(broken))
        with pytest.raises(NotReady, match=r"exit code 3.*disk is on fire") as failure:
            start(stack, home)

        assert failure.value.name == "prometheus_failed"
        assert left_over(home) == []

    @pytest.mark.parametrize("after_s", [0.15, 0.35, 0.6])
    def test_leaves_nothing_when_it_is_interrupted(
        self, home: Path, stack: EmbeddedStack, after_s: float
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, after_s)
            with pytest.raises(KeyboardInterrupt):
                start(stack, home)
                time.sleep(5)  # a very fast machine: interrupted while all is up
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            stack.stop()

        assert left_over(home) == []

    def test_refuses_a_second_run_from_another_folder_and_names_the_first(
        self, home: Path, stack: EmbeddedStack
    ) -> None:
        with answering(lambda: reply({"version": "7"})) as url:
            start(stack, home, suite_for(url), run_id="first")
            second = EmbeddedStack(home.parent / "another clone", TOOLS)
            with pytest.raises(NotReady, match=r"run first \(pid \d+, since .* is benchmarking") as refusal:
                start(second, home, suite_for(url), run_id="second")
            second.stop()
            assert refusal.value.name == "busy"
            assert len(left_over(home)) == 1  # the first one's Prometheus

            stack.stop()
            start(second, home, suite_for(url), run_id="second")
            second.stop()

    def test_ends_what_a_run_that_was_killed_left_behind(self, home: Path, stack: EmbeddedStack) -> None:
        script = (
            "import sys, time; sys.path[:0] = sys.argv[2:]\n"
            "from pathlib import Path\n"
            "from test_stack import *\n"
            "suite = suite_for(None, control=True)\n"
            "start(EmbeddedStack(Path(sys.argv[1]), TOOLS), Path(sys.argv[1]), suite)\n"
            "print('up', flush=True); time.sleep(60)\n"
        )
        folders = [str(Path(__file__).parent), str(SOURCE)]
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(home), *folders], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        child.kill()
        child.wait(5)
        child.stdout.close()
        assert len(left_over(home)) == 2
        psutil.wait_procs([psutil.Process(children(home)["the control"])], timeout=10)  # ends by itself

        with answering(lambda: reply({"version": "7"})) as url:
            start(stack, home, suite_for(url))
        assert sum("left behind by a run that had died" in note for note in stack.notes) == 2
        assert len(left_over(home)) == 1


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that somebody else runs."""
    home = tmp_path_factory.mktemp("other")
    with answering(lambda: reply({"version": "7"})) as url:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(ENV_LOCK, str(home / "lock"))  # of another machine
            other = EmbeddedStack(home, TOOLS)
        state = start(other, home, suite_for(url))
        yield state.prometheus_url
        other.stop()


class TestTheExternalStack:
    def test_uses_the_prometheus_and_the_target_that_run_and_stops_neither(
        self, home: Path, prometheus_url: str
    ) -> None:
        stack = ExternalStack(prometheus_url, home)
        with answering(lambda: reply({"version": "7"})) as url:
            state = start(stack, home, suite_for(url))
            stack.stop()
            assert httpx.get(url).status_code == 200
        assert (state.stack, state.prometheus_url) == ("external", prometheus_url)
        assert (state.control_url, state.control_problem) == (None, "")
        assert stack.ensure_prometheus(state) == prometheus_url

    def test_starts_a_control_where_one_is_wanted_and_ends_it(self, home: Path, prometheus_url: str) -> None:
        stack = ExternalStack(prometheus_url, home)
        with answering(lambda: reply({"version": "7"})) as url:
            state = start(stack, home, suite_for(url, control=True))
            assert httpx.get(f"{state.control_url}/control").text == CONTROL_ANSWER
            stack.stop()
        assert children(home) == {}

    def test_goes_on_without_a_control_that_is_none(self, home: Path, prometheus_url: str) -> None:
        stack = ExternalStack(prometheus_url, home)
        with answering(lambda: reply({"version": "7"})) as url:
            state = start(stack, home, suite_for(url, control=url))
            stack.stop()
        assert state.control_url is None
        assert state.control_problem == (
            f"the control at {url} answers something else than the control of this version: "
            "start that one there"
        )

    @pytest.mark.parametrize(
        ("flags", "name"),
        [
            (["--enable-feature=native-histograms"], "remote_write_off"),
            (["--web.enable-remote-write-receiver"], "native_histograms_off"),
        ],
    )
    def test_refuses_a_prometheus_that_would_lose_the_samples(
        self, home: Path, tmp_path: Path, flags: list[str], name: str
    ) -> None:
        config = tmp_path / "prometheus.yml"
        config.write_text("global: {}\n")
        address = f"127.0.0.1:{free_port()}"
        command = [
            find_or_install_prometheus(TOOLS),
            f"--config.file={config}",
            f"--web.listen-address={address}",
        ]
        process = subprocess.Popen(
            [*command, f"--storage.tsdb.path={tmp_path / 'data'}", *flags], stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(f"http://{address}/-/ready")
            with answering(lambda: reply({"version": "7"})) as url, pytest.raises(NotReady) as refusal:
                start(ExternalStack(f"http://{address}", home), home, suite_for(url))
        finally:
            process.terminate()
            process.wait(10)
        assert refusal.value.name == name
        assert "start it with --" in refusal.value.sentence

    def test_refuses_what_is_no_prometheus(self, home: Path) -> None:
        with answering(lambda: reply({"version": "7"})) as url, pytest.raises(NotReady) as refusal:
            start(ExternalStack(url, home), home, suite_for(url))
        assert refusal.value.name == "prometheus_unreachable"

    def test_refuses_a_password_in_the_url_and_keeps_it_to_itself(self, home: Path) -> None:
        with answering(lambda: reply({"version": "7"})) as url, pytest.raises(NotReady) as refusal:
            start(ExternalStack(url.replace("://", "://user:SECRET@"), home), home, suite_for(url))
        assert refusal.value.name == "prometheus_url"
        assert "SECRET" not in refusal.value.sentence

    def test_starts_no_reference_backend(self, home: Path, prometheus_url: str) -> None:
        with pytest.raises(NotReady, match="starts no reference backend"):
            start(ExternalStack(prometheus_url, home), home)


class TestTheTargetBeforeTheLoad:
    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (reply({}, status=503), "answers 503 instead of 200"),
            (reply({}, status=307, Location="https://elsewhere.example"), "redirects elsewhere"),
            ((200, {}, b"<html>"), "not JSON"),
            ((200, {}, b'"' + b"x" * 70_000 + b'"'), "sends more than 64 KB"),
            (reply({"status": "healthy"}), "without a value at /version"),
        ],
        ids=["error", "redirect", "no JSON", "huge", "no revision"],
    )
    def test_is_refused_when_its_health_is_in_doubt(
        self, home: Path, prometheus_url: str, answer: tuple[int, dict[str, str], bytes], why: str
    ) -> None:
        with answering(lambda: answer) as url, pytest.raises(NotReady, match=why) as refusal:
            start(ExternalStack(prometheus_url, home), home, suite_for(url))
        assert refusal.value.name == "target_unhealthy"

    def test_is_refused_when_nobody_listens(self, home: Path, prometheus_url: str) -> None:
        with pytest.raises(NotReady, match="cannot be reached"):
            start(ExternalStack(prometheus_url, home), home, suite_for(NOBODY))

    def test_is_refused_when_it_runs_another_revision_than_expected(
        self, home: Path, prometheus_url: str
    ) -> None:
        with answering(lambda: reply({"version": "7"})) as url, pytest.raises(NotReady) as refusal:
            start(ExternalStack(prometheus_url, home), home, suite_for(url), revision="8")
        assert refusal.value.name == "revision_mismatch"
        assert refusal.value.sentence == "target there runs revision 7, expected was 8: deploy it first"

    def test_is_refused_when_it_runs_two_revisions_at_once(self, home: Path, prometheus_url: str) -> None:
        versions = iter(range(100))
        with (
            answering(lambda: reply({"version": next(versions)})) as url,
            pytest.raises(NotReady, match="answers as revision 1 and as 2"),
        ):
            start(ExternalStack(prometheus_url, home), home, suite_for(url))

    def test_is_asked_nothing_when_it_is_not_on_the_allow_list(self, home: Path, prometheus_url: str) -> None:
        asked = []
        with answering(lambda: asked.append(1) or reply({})) as url:  # type: ignore[func-returns-value]
            suite = suite_for(url).model_copy(update={"allowed_origins": ("https://other.example",)})
            with pytest.raises(NotReady) as refusal:
                start(ExternalStack(prometheus_url, home), home, suite)
        assert refusal.value.name == "target_not_allowed"
        assert asked == []

    def test_tells_how_far_its_clock_is_off(self, home: Path, prometheus_url: str) -> None:
        late = reply({"version": "7"}, Date="Wed, 01 Jan 2020 00:00:00 GMT")
        stack = ExternalStack(prometheus_url, home)
        with answering(lambda: late) as url:
            state = start(stack, home, suite_for(url))
        stack.stop()
        assert state.target_clock_skew_s is not None
        assert state.target_clock_skew_s < -86_400


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise TimeoutError(url)
