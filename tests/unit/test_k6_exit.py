"""What k6's end and its output say."""

from __future__ import annotations

import io
import signal
import time
from pathlib import Path

import pytest

from perf_pipeline.load.cpu import CpuSample, cpu_use
from perf_pipeline.load.exit_codes import exit_meaning, thrown_sentence
from perf_pipeline.load.log import LogReader
from perf_pipeline.load.progress import phase_at
from perf_pipeline.load.result import breaker_tripped

REMOTE_WRITE = (
    b'time="2026-11-25T02:28:57Z" level=error msg="Failed to send the time series data to the endpoint" '
    b'error="HTTP POST request failed: connect: connection refused" output="Prometheus remote write"\n'
)


def read(text: bytes, path: Path, cap: int = 5_000_000) -> LogReader:
    reader = LogReader(io.BytesIO(text), path, cap)
    reader.start()
    reader.join(5)
    return reader


class TestTheExitCode:
    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (0, "ended as planned"),
            (99, "circuit breaker"),
            (104, "refused its options"),
            (105, "told to stop"),
            (107, "threw an exception"),
            (108, "aborted the test"),
            (255, "script or an import that it did not find"),
            (137, "memory ran out"),
            (-signal.SIGKILL, "memory ran out"),
            (-signal.SIGSEGV, "SIGSEGV"),
            (42, "exit code 42"),
        ],
    )
    def test_has_a_meaning(self, code: int, words: str) -> None:
        assert words in exit_meaning(code)


class TestTheCircuitBreaker:
    def test_ended_the_load_when_k6_says_so_or_its_clock_stopped_early(self) -> None:
        assert breaker_tripped(99, True, 118.0, 118.0)
        assert breaker_tripped(99, False, 52.0, 118.0)
        assert not breaker_tripped(0, True, 52.0, 118.0)

    def test_did_not_when_its_threshold_was_crossed_at_the_end(self) -> None:
        assert not breaker_tripped(99, False, 118.4, 118.0)
        assert not breaker_tripped(99, False, None, 118.0)

    @pytest.mark.parametrize(
        ("said", "ended"),
        [
            ("were crossed; at least one has abortOnFail enabled, stopping test prematurely", True),
            ("have been crossed", False),
        ],
    )
    def test_is_told_from_a_threshold_crossed_at_the_end_by_k6s_log(
        self, said: str, ended: bool, tmp_path: Path
    ) -> None:
        line = f"level=error msg=\"thresholds on metrics 'request_failed{{phase:measure}}' {said}\"\n"
        assert read(line.encode(), tmp_path / "k6.log").stopped_by_threshold is ended


class TestWhatTheScenarioThrew:
    def test_is_told_without_its_stack_trace(self) -> None:
        log = (
            'time="2026-11-25T02:31:37Z" level=error msg="Error: target not healthy: GET \\"/health\\" '
            'answered 503\\n\\tat setup (file:///k6/scenario.js:3:44(8))\\n" hint="script exception"\n'
        )
        assert thrown_sentence(log) == 'target not healthy: GET "/health" answered 503'

    def test_is_nothing_when_no_error_was_logged(self) -> None:
        assert thrown_sentence('level=warning msg="Request Failed"') is None


class TestTheLog:
    def test_is_capped_with_a_sentence_and_still_drained(self, tmp_path: Path) -> None:
        reader = read(b"x" * 79 + b"\n" + REMOTE_WRITE * 10, tmp_path / "k6.log", cap=100)
        assert (tmp_path / "k6.log").read_text() == (
            "x" * 79 + "\n[100 bytes were written; the rest of k6's output was dropped]\n"
        )
        assert reader.truncated
        assert reader.remote_write_errors == 10

    def test_under_the_cap_is_whole(self, tmp_path: Path) -> None:
        reader = read(REMOTE_WRITE, tmp_path / "k6.log")
        assert (tmp_path / "k6.log").read_bytes() == REMOTE_WRITE
        assert not reader.truncated

    @pytest.mark.parametrize("path", ["/dev/full", "/no/such/folder/k6.log"], ids=["full disk", "no file"])
    def test_that_cannot_be_written_is_still_drained_and_listened_to(self, path: str) -> None:
        """k6 would stop as soon as its pipe is full."""
        stream = io.BytesIO(REMOTE_WRITE * 100)
        reader = LogReader(stream, Path(path))
        reader.start()
        reader.join(5)
        assert stream.read() == b""
        assert (reader.truncated, reader.remote_write_errors) == (True, 100)

    def test_tells_k6s_own_clock_and_what_was_interrupted(self, tmp_path: Path) -> None:
        lines = (
            b"setup()   [ 0% ]\n"
            b"running (0m59.9s), 07/50 VUs, 290 complete and 0 interrupted iterations\n"
            b"running (1m02.5s), 00/50 VUs, 300 complete and 3 interrupted iterations\n"
        )
        reader = read(lines, tmp_path / "k6.log")
        assert reader.load_elapsed_s(time.monotonic() + 3) == pytest.approx(65.5, abs=0.5)
        assert reader.interrupted_iterations == 3

    def test_a_line_without_end_does_not_fill_the_memory(self, tmp_path: Path) -> None:
        reader = read(b"y" * 1_000_000, tmp_path / "k6.log", cap=200_000)
        assert reader.truncated
        assert (tmp_path / "k6.log").stat().st_size < 201_000


class TestThePhase:
    @pytest.mark.parametrize(
        ("elapsed", "phase"),
        [(None, "setup"), (0.0, "warmup"), (10.0, "measure"), (119.9, "measure"), (120.0, "finish")],
    )
    def test_follows_k6s_clock(self, elapsed: float | None, phase: str) -> None:
        assert phase_at(elapsed, 10.0, 120.0) == phase


class TestCpu:
    def test_counts_only_the_measured_phase(self) -> None:
        samples = [
            CpuSample(middle_unix_ms=1000, host_ratio=1.0, k6_ratio=0.9, target_ratio=0.1),
            CpuSample(middle_unix_ms=2000, host_ratio=0.4, k6_ratio=0.1, target_ratio=0.2),
            CpuSample(middle_unix_ms=3000, host_ratio=0.6, k6_ratio=0.3, target_ratio=0.4),
        ]
        use = cpu_use(samples, 1500, 3500)
        assert use is not None
        assert use.host_mean_ratio == pytest.approx(0.5)
        assert use.host_max_ratio == 0.6
        assert use.k6_mean_ratio == pytest.approx(0.2)
        assert use.target_mean_ratio == pytest.approx(0.3)

    def test_is_unknown_without_a_sample(self) -> None:
        assert cpu_use([], 0, 1) is None
