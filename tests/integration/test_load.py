"""The load with the real k6, against a small target that misbehaves on request."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from load_parts import Sink, TinyTarget, ready_stack, remote_write_sink, tiny_suite
from stack_parts import NOBODY

from perf_pipeline import conventions as names
from perf_pipeline import processes
from perf_pipeline.core.model import LoadResult
from perf_pipeline.core.pace import Shortfall, shortfall
from perf_pipeline.load import run as load_run
from perf_pipeline.load import session
from perf_pipeline.load.command import K6Command
from perf_pipeline.load.errors import CapExceededError, LoadError, UnreadableError
from perf_pipeline.load.probe import K6, find_k6
from perf_pipeline.load.progress import Progress
from perf_pipeline.load.run import run_load
from perf_pipeline.load.samples import load_samples
from perf_pipeline.suite import Suite


@pytest.fixture(scope="session")
def k6() -> K6:
    return find_k6()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with remote_write_sink() as one:
        yield one


def nobody_looks(_: Progress) -> None:
    """For runs whose progress is not the point."""


def load(  # noqa: PLR0917 - read as a sentence: load this suite with that k6 on those
    folder: Path,
    suite: Suite,
    k6: K6,
    target_url: str,
    prometheus_url: str,
    on_progress: Callable[[Progress], None] = nobody_looks,
) -> LoadResult:
    return run_load(
        suite=suite,
        stack=ready_stack(folder, target_url=target_url, prometheus_url=prometheus_url),
        k6=k6,
        home=folder,
        on_progress=on_progress,
        read_target=lambda: ("r1", True),
    )


def running_children(folder: Path) -> list[int]:
    """Pids of the notes that children leave; one of a process that ended is removed."""
    return [int(note.stem) for note in (folder / "processes").glob("*.json")]


class TestAGoodRun:
    def test_sends_what_was_planned_and_says_so_while_it_runs(
        self, tmp_path: Path, k6: K6, sink: Sink
    ) -> None:
        seen: list[Progress] = []
        with TinyTarget() as target:
            result = load(tmp_path, tiny_suite(tmp_path), k6, target.url, sink.url, seen.append)

        count = result.counts["page"]
        assert (count.planned, count.failed) == (60, 0)
        assert count.sent == count.succeeded
        assert abs(count.sent - 60) <= 1  # k6 may start one arrival at the very end of the phase
        assert (result.exit_code, result.dropped_iterations, result.breaker_tripped) == (0, 0, False)
        assert result.target_lost_at_unix_ms is None
        assert result.revision_after == "r1"
        assert result.cpu is not None
        assert 0 < result.cpu.k6_mean_ratio <= result.cpu.host_max_ratio + 0.05

        assert {"warmup", "measure"} <= {progress.phase for progress in seen}
        assert len(seen) >= 4
        requests = [progress.requests for progress in seen if progress.requests is not None]
        assert requests == sorted(requests)
        assert requests[-1] >= 40

        kept = load_samples(Path(tmp_path / "runs" / "run-1"))["page"]
        assert len(kept.ok) == count.sent
        assert kept.t_ms[0] == 0
        assert sink.writes > 0
        assert result.remote_write_errors == 0
        assert running_children(tmp_path) == []

    def test_goes_on_when_the_port_of_the_progress_api_is_taken_meanwhile(
        self, tmp_path: Path, k6: K6, sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken = int(sink.url.rsplit(":", 1)[1])
        monkeypatch.setattr(load_run, "free_port", lambda: taken)
        seen: list[Progress] = []
        with TinyTarget() as target:
            result = load(tmp_path, tiny_suite(tmp_path, seconds=1), k6, target.url, sink.url, seen.append)
        assert result.exit_code == 0
        assert seen[-1].requests is None
        assert seen[-1].elapsed_s > 0


class TestAllowList:
    def test_a_script_cannot_call_another_loopback_address_but_remote_write_arrives(
        self, tmp_path: Path, k6: K6, sink: Sink
    ) -> None:
        elsewhere = f"'{sink.url.replace('127.0.0.1', '127.0.0.2')}/page'"
        with TinyTarget() as target:
            result = load(tmp_path, tiny_suite(tmp_path, seconds=1, url=elsewhere), k6, target.url, sink.url)
        assert sink.others == 0
        assert sink.writes > 0
        assert set(result.errors_by_kind["page"]) == {"blocked address"}
        assert result.target_lost_at_unix_ms is None  # our own doing, not the target's


class TestATargetWithAName:
    def test_is_the_same_address_to_the_end_whatever_dns_says_later(
        self, tmp_path: Path, k6: K6, sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only our own look-up knows the name: k6 would not find it."""
        look_up = socket.getaddrinfo

        def anything(_: object, *more: Any, **named: Any) -> Any:
            return look_up("127.0.0.1", *more, **named)

        monkeypatch.setattr(socket, "getaddrinfo", anything)
        suite = tiny_suite(tmp_path, seconds=1)
        with TinyTarget() as target:
            url = target.url.replace("127.0.0.1", "rotating.invalid")
            named = suite.targets["local"].model_copy(update={"base_url": url})
            suite = suite.model_copy(update={"targets": {"local": named}, "allowed_origins": (url,)})
            result = load(tmp_path, suite, k6, url, sink.url)
        assert result.errors_by_kind == {}
        assert result.counts["page"].succeeded > 0


class TestNothingIsStarted:
    def test_when_the_script_asks_for_more_than_the_target_allows(self, tmp_path: Path, k6: K6) -> None:
        suite = tiny_suite(tmp_path, scripted_rate=101)
        with pytest.raises(CapExceededError, match=r"101 requests/s, but limits\.requests"):
            load(tmp_path, suite, k6, "http://127.0.0.1:1", NOBODY)
        assert not (tmp_path / "processes").exists()

    def test_when_the_script_is_missing(self, tmp_path: Path, k6: K6) -> None:
        suite = tiny_suite(tmp_path).model_copy(update={"script": "gone.js"})
        with pytest.raises(LoadError, match=r"k6 cannot run .*gone\.js"):
            load(tmp_path, suite, k6, "http://127.0.0.1:1", NOBODY)


class TestNothingIsMeasured:
    def test_an_unhealthy_target_is_told_in_the_words_of_the_scenario(self, tmp_path: Path, k6: K6) -> None:
        with (
            TinyTarget() as target,
            pytest.raises(
                LoadError, match=r"^target not healthy: GET /health answered 200: nothing was meas"
            ),
        ):
            load(tmp_path, tiny_suite(tmp_path, healthy=204), k6, target.url, NOBODY)


class TestAK6ThatIsEndedInItsWarmUp:
    """Load was sent: that is no run that was not ready, and not the target's doing either."""

    @pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 105)])
    def test_leaves_a_result_that_can_be_judged(
        self, tmp_path: Path, k6: K6, sink: Sink, how: signal.Signals, code: int
    ) -> None:
        def end(progress: Progress) -> None:
            if progress.elapsed_s >= 1:
                for pid in running_children(tmp_path):
                    os.kill(pid, how)

        with TinyTarget() as target:
            result = load(tmp_path, tiny_suite(tmp_path), k6, target.url, sink.url, end)
        assert result.exit_code == code
        assert result.counts["page"].sent == 0
        assert result.target_lost_at_unix_ms is None

    def test_and_whose_samples_cannot_be_read_says_so(self, tmp_path: Path, k6: K6, sink: Sink) -> None:
        raw = tmp_path / "runs" / "run-1" / names.RAW_SAMPLES

        def replace(progress: Progress) -> None:
            if progress.elapsed_s >= 1 and raw.exists():
                raw.unlink()

        with TinyTarget() as target, pytest.raises(UnreadableError, match=r"the raw samples in .* are gone"):
            load(tmp_path, tiny_suite(tmp_path, seconds=1), k6, target.url, sink.url, replace)


class TestABadTarget:
    def test_that_fails_everything_trips_the_breaker(self, tmp_path: Path, k6: K6) -> None:
        """Nobody takes remote write in this run either: k6 says so only in its log."""
        with TinyTarget(status="500 Internal Server Error") as target:
            result = load(tmp_path, tiny_suite(tmp_path, breaker=True), k6, target.url, NOBODY)
        assert result.exit_code == 99
        assert result.breaker_tripped
        assert "circuit breaker" in result.exit_meaning
        count = result.counts["page"]
        assert count.succeeded == 0
        assert count.failed == count.sent > 0
        assert result.errors_by_kind == {"page": {"status 500": count.failed}}
        assert result.target_lost_at_unix_ms is None  # it answered, badly
        assert result.remote_write_errors >= 1

    def test_that_fails_everything_does_not_trip_a_breaker_that_had_no_time_to_look(
        self, tmp_path: Path, k6: K6, sink: Sink
    ) -> None:
        """k6's exit code is the same: the threshold is crossed when the load is over."""
        suite = tiny_suite(tmp_path, seconds=1, breaker=True, breaker_delay="60s")
        with TinyTarget(status="500 Internal Server Error") as target:
            result = load(tmp_path, suite, k6, target.url, sink.url)
        assert (result.exit_code, result.breaker_tripped) == (99, False)
        assert result.exit_meaning == "more requests failed than the circuit breaker allows"
        assert abs(result.counts["page"].sent - 20) <= 1

    def test_that_dies_is_lost_from_that_moment_on(self, tmp_path: Path, k6: K6, sink: Sink) -> None:
        died: list[float] = []
        with TinyTarget() as target:

            def kill(progress: Progress) -> None:
                if progress.elapsed_s >= 3 and not died:
                    target.kill()
                    died.append(time.time() * 1000)

            result = load(tmp_path, tiny_suite(tmp_path, seconds=4), k6, target.url, sink.url, kill)
        assert result.exit_code == 0  # k6 does not mind
        assert result.target_lost_at_unix_ms == pytest.approx(died[0], abs=300)
        assert "refused" in result.errors_by_kind["page"]
        assert result.counts["page"].succeeded > 0

    def test_that_stalls_held_the_users_when_iterations_were_dropped(
        self, tmp_path: Path, k6: K6, sink: Sink
    ) -> None:
        with TinyTarget(stall_at=2.5, stall_for=1.5) as target:
            result = load(tmp_path, tiny_suite(tmp_path), k6, target.url, sink.url)
        assert result.dropped_iterations >= 15
        assert result.dropped_while_target_held_users == result.dropped_iterations
        assert result.target_lost_at_unix_ms is None

    def test_that_hangs_to_the_end_held_the_users_though_k6_dropped_their_requests(
        self, tmp_path: Path, k6: K6, sink: Sink
    ) -> None:
        with TinyTarget(stall_at=2.5, stall_for=60) as target:
            result = load(tmp_path, tiny_suite(tmp_path, seconds=5), k6, target.url, sink.url)
        assert result.dropped_iterations >= 40
        assert result.dropped_while_target_held_users >= 0.95 * result.dropped_iterations
        assert result.target_lost_at_unix_ms is not None
        assert result.target_lost_at_unix_ms - result.measure_started_unix_ms < 1500


class TestUsersAtAPace:
    @staticmethod
    def shortfall(folder: Path, suite: Suite, result: LoadResult) -> Shortfall | None:
        samples = load_samples(folder / "runs" / "run-1")
        return shortfall(suite, suite.profiles["short"], result, samples)

    def test_keep_it_as_long_as_the_target_answers(self, tmp_path: Path, k6: K6, sink: Sink) -> None:
        suite = tiny_suite(tmp_path, pace=0.5, seconds=4, max_users=10)
        with TinyTarget() as target:
            result = load(tmp_path, suite, k6, target.url, sink.url)
        assert result.planned_iterations is None
        assert 78 <= result.completed_iterations <= 80
        assert self.shortfall(tmp_path, suite, result) is None

    def test_are_missing_iterations_when_the_target_stalls_and_its_late_answers_tell_why(
        self, tmp_path: Path, k6: K6, sink: Sink
    ) -> None:
        suite = tiny_suite(tmp_path, pace=0.5, seconds=7, max_users=10)
        with TinyTarget(stall_at=7, stall_for=2) as target:
            result = load(tmp_path, suite, k6, target.url, sink.url)
        assert result.dropped_iterations == 0
        assert result.counts["page"].failed == 0
        short = self.shortfall(tmp_path, suite, result)
        assert short is not None
        # Ten users wait 1.5 to 2 s instead of 0.5 s: each loses two or three iterations, fewer at the edges.
        assert 15 <= short.missing <= 40
        assert short.by_late_answers


class TestAShortGenerator:
    def test_did_not_have_its_users_held_by_a_target_that_answers_in_time(
        self, tmp_path: Path, k6: K6, sink: Sink
    ) -> None:
        with TinyTarget(delay=0.15) as target:
            result = load(tmp_path, tiny_suite(tmp_path, max_users=1, seconds=2), k6, target.url, sink.url)
        assert result.dropped_iterations >= 20
        assert result.dropped_while_target_held_users == 0


class TestTheEndOfK6:
    def test_ctrl_c_leaves_no_k6_behind(self, tmp_path: Path, k6: K6, sink: Sink) -> None:
        pids: list[int] = []

        def interrupt(progress: Progress) -> None:
            if not pids:
                pids.extend(running_children(tmp_path))
                threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

        with TinyTarget() as target, pytest.raises(KeyboardInterrupt):
            load(tmp_path, tiny_suite(tmp_path), k6, target.url, sink.url, interrupt)
        assert len(pids) == 1
        assert not psutil.pid_exists(pids[0])
        assert running_children(tmp_path) == []
        assert (tmp_path / "runs" / "run-1" / names.RAW_SAMPLES).stat().st_size > 0

    def test_a_k6_that_hangs_and_ignores_signals_is_killed_at_its_deadline(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session, "STOP_GRACE_S", 0.3)
        deaf = ["/bin/sh", "-c", "trap '' INT; while :; do sleep 1; done"]
        begun = time.monotonic()
        ended = session.run_k6(
            K6Command(argv=deaf, env=dict(os.environ)),
            home=tmp_path,
            log_path=tmp_path / "k6.log",
            plan=session.Plan(measure_start_s=0, planned_s=1, deadline_s=0.5),
            api=None,
            target_pid=None,
            on_progress=nobody_looks,
        )
        assert ended.hung
        assert ended.exit_code == -signal.SIGKILL
        assert time.monotonic() - begun < 10
        assert processes.end_orphans(tmp_path) == []
