"""The control with the real k6: what a slow machine and a slow service look like, and when it is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from load_parts import K6_LIBRARY, TinyTarget, ready_stack, remote_write_sink
from stack_parts import NOBODY, SOURCE

from perf_pipeline.conventions import CONTROL, CONTROL_ANSWER
from perf_pipeline.core.model import LoadResult, RunSamples
from perf_pipeline.load.probe import find_k6
from perf_pipeline.load.progress import Progress
from perf_pipeline.load.run import run_load
from perf_pipeline.load.samples import load_samples
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite

FREEZE_S = 0.03  # of every 40 ms: a machine that gives a quarter of its time
SUITE = """
endpoints:
  page: {method: GET, path: /page, weight: 1, slo: {p95: 900ms, errors: 1%}}
profiles:
  short: {warmup: 1s, rate: 15/s, duration: 3s, max_users: 40, min_samples: {p50: 10, p95: 10}}
targets:
  local: {start: reference-backend, health: /health, limits: {requests: 50/s, users: 50, duration: 1m}}
"""
SCENARIO = """
import { createClient, paced } from 'LIB/client.js';
import { optionsFor } from 'LIB/options.js';
import { readPlan } from 'LIB/plan.js';
const plan = readPlan(JSON.parse(open('./suite.json')));
const { perform } = createClient(plan);
export const options = optionsFor(plan);
export function journey() { paced(plan, () => { perform('page', () => ({})); }); }
"""


@dataclass(frozen=True)
class Run:
    result: LoadResult
    samples: RunSamples
    seen: list[Progress]

    def median_ms(self, name: str) -> float:
        return float(np.median(self.samples[name].successful_ms()))


def small_suite(folder: Path) -> Suite:
    home = folder / "k6" / "small"
    home.mkdir(parents=True)
    (home / "suite.yaml").write_text(SUITE)
    (home / "scenario.js").write_text(SCENARIO.replace("LIB", str(K6_LIBRARY)))
    suite = load_suite(home)
    (home / "suite.json").write_text(suite_json(suite))
    return suite


@contextmanager
def control_process() -> Iterator[tuple[str, int]]:
    """(URL, pid) of a control."""
    command = [sys.executable, "-m", "perf_pipeline.control", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=SOURCE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1].removesuffix("/control"), process.pid
        finally:
            process.kill()


@contextmanager
def frozen_now_and_then(*pids: int) -> Iterator[None]:
    over = threading.Event()

    def freeze() -> None:
        processes = [psutil.Process(pid) for pid in pids]
        while not over.wait(0.01):
            for process in processes:
                process.suspend()
            over.wait(FREEZE_S)
            for process in processes:
                process.resume()

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def load(folder: Path, target_url: str, control_url: str | None) -> Run:
    seen: list[Progress] = []
    with remote_write_sink() as sink:
        stack = ready_stack(folder, target_url=target_url, prometheus_url=sink.url)
        result = run_load(
            suite=small_suite(folder),
            stack=stack.model_copy(update={"control_url": control_url}),
            k6=find_k6(),
            home=folder,
            on_progress=seen.append,
            read_target=lambda: ("r1", True),
        )
    return Run(result, load_samples(Path(stack.run_folder)), seen)


@pytest.fixture(scope="module")
def slow_service(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("service")
    with control_process() as (url, _), TinyTarget() as target, frozen_now_and_then(target.process.pid):
        return load(folder, target.url, url)


@pytest.fixture(scope="module")
def slow_machine(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("machine")
    with (
        control_process() as (url, pid),
        TinyTarget() as target,
        frozen_now_and_then(target.process.pid, pid),
    ):
        return load(folder, target.url, url)


class TestARunWithAControl:
    def test_keeps_its_samples_beside_the_endpoints_and_counts_it_nowhere_else(
        self, slow_service: Run
    ) -> None:
        result = slow_service.result
        assert (result.exit_code, result.fingerprint.control) == (0, CONTROL)
        assert result.control is not None
        assert (result.control.planned, result.control.sent, result.control.failed) == (30, 30, 0)
        assert set(slow_service.samples) == {"page", CONTROL}
        assert len(slow_service.samples[CONTROL].ok) == 30

        assert set(result.counts) == {"page"}
        page = result.counts["page"]
        assert (page.planned, page.sent, page.failed) == (45, 45, 0)
        assert (result.completed_iterations, result.dropped_iterations) == (45, 0)
        requests = [progress.requests for progress in slow_service.seen if progress.requests is not None]
        assert max(requests) <= 15 + 45 + 1  # of warm-up and measured phase

    def test_is_asked_at_a_steady_pace_between_the_iterations(self, slow_service: Run) -> None:
        steps = np.diff(slow_service.samples[CONTROL].t_ms)
        assert np.median(steps) == pytest.approx(100, abs=10)

    def test_shows_a_slow_machine_and_not_a_slow_service(self, slow_service: Run, slow_machine: Run) -> None:
        assert slow_machine.median_ms("page") == pytest.approx(slow_service.median_ms("page"), rel=0.7)
        assert slow_machine.median_ms(CONTROL) > 3 * slow_service.median_ms(CONTROL)


class TestAControlThatIsGone:
    def test_leaves_the_run_as_it_is_and_comparable(self, tmp_path: Path) -> None:
        with TinyTarget() as target:
            run = load(tmp_path, target.url, NOBODY)
        assert run.result.control is not None
        assert (run.result.control.sent, run.result.control.succeeded) == (30, 0)
        assert set(run.samples) == {"page"}
        assert run.result.fingerprint.control == CONTROL
        assert (run.result.counts["page"].failed, run.result.errors_by_kind) == (0, {})


class TestTheProcess:
    def test_does_its_work_at_one_address_and_nothing_at_others(self) -> None:
        with control_process() as (url, _):
            assert httpx.get(f"{url}/control").text == CONTROL_ANSWER
            assert httpx.get(f"{url}/").status_code == 404

    def test_refuses_a_port_that_is_taken(self) -> None:
        with control_process() as (url, _):
            port = url.rsplit(":", 1)[1]
            command = [sys.executable, "-m", "perf_pipeline.control", "--port", port]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=20, check=False, cwd=SOURCE
            )
        assert done.returncode == 2
        assert done.stderr.startswith(f"Cannot listen on port {port} of 127.0.0.1: ")

    def test_ends_with_the_process_that_started_it_however_that_ended(self) -> None:
        script = (
            "import os, subprocess, sys, time\n"
            "command = [sys.executable, '-m', 'perf_pipeline.control', '--port', '0']\n"
            "command += ['--end-with', str(os.getpid())]\n"
            "process = subprocess.Popen(command, stdout=subprocess.PIPE)\n"
            "process.stdout.readline()\n"
            "print(process.pid, flush=True); time.sleep(60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=SOURCE
        ) as parent:
            assert parent.stdout is not None
            control = psutil.Process(int(parent.stdout.readline()))
            parent.send_signal(signal.SIGKILL)
            _, alive = psutil.wait_procs([control], timeout=15)
        assert alive == []
