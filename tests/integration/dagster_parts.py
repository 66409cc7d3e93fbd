"""A project of its own for tests of the Dagster layer: the multiplayer suite with a six-second profile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
from stack_parts import SOURCE, TOOLS

from perf_pipeline import conventions as names
from perf_pipeline.core.model import RunRequest
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.monitoring.rules import recording_rules, rules_path
from perf_pipeline.ports import free_port
from perf_pipeline.suite_file import load_suite

SUITE = "tiny"
PROFILE = "tiny"
JOB = "benchmark_tiny"
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}

QUICKLY = {
    "scrape_interval: 15s": "scrape_interval: 2s",
    "evaluation_interval: 30s": "evaluation_interval: 2s",
}

_TINY = """
  tiny:
    warmup: 1s
    rate: 8/s
    duration: 5s
    max_users: 30
    min_samples: {p50: 10, p95: 20}
"""
# A test must not meet it, at whatever time of the day it runs.
_NIGHTLY = 'nightly: {cron: "0 4 * * *", timezone: UTC, profile: standard}'


def make_project(root: Path) -> Path:
    """``k6/tiny`` in ``root``; tools are shared with the real project, so that nothing is installed twice."""
    shutil.copytree(SOURCE / "k6" / "lib", root / "k6" / "lib")
    folder = shutil.copytree(SOURCE / "k6" / "multiplayer", root / "k6" / SUITE)
    text = (folder / names.SUITE_FILE).read_text().replace("\nprofiles:\n", f"\nprofiles:{_TINY}", 1)
    assert _NIGHTLY in text
    (folder / names.SUITE_FILE).write_text(text.replace(_NIGHTLY, _NIGHTLY[:-1] + ", enabled: false}"))
    (folder / names.SUITE_JSON).write_text(suite_json(load_suite(folder)))
    return root


def with_quick_rules(root: Path) -> Path:
    """Rules and Prometheus' watch on itself every two seconds: the tiny load lasts eight."""
    suite = load_suite(root / "k6" / SUITE)
    shared = (SOURCE / "monitoring" / "prometheus" / "prometheus.yml").read_text()
    for usual, quick in QUICKLY.items():
        shared = shared.replace(usual, quick)
    rules = root / rules_path(SUITE)
    rules.parent.mkdir(parents=True)
    (rules.parents[1] / "prometheus.yml").write_text(shared)
    rules.write_text(recording_rules(suite).replace("interval: 30s", "interval: 2s"))
    return root


def environment(root: Path, **more: str) -> dict[str, str]:
    """Variables that make a process work on the project in ``root`` and on nothing of the developer's."""
    return {
        names.ENV_ROOT: str(root),
        names.ENV_HOME: str(root / "home"),
        names.ENV_TOOLS: str(TOOLS),
        names.ENV_STORE_URL: f"sqlite:///{root / 'home' / names.STORE_FILE}",
        "DAGSTER_HOME": str(root / "home" / "dagster"),
        **more,
    }


def request(**overrides: str) -> RunRequest:
    good = {"suite": SUITE, "target": "local", "profile": PROFILE, "launched_by": "tests"}
    return RunRequest(**(good | overrides))


_RUN = """
import sys
from pathlib import Path
from perf_pipeline.core.model import RunRequest
from perf_pipeline.defs.launch import run_benchmark
request = RunRequest.model_validate_json(sys.argv[1])
show = lambda progress: print("progress", progress.phase, progress.requests, flush=True)
result = run_benchmark(request.suite, request, home=Path(sys.argv[2]), on_progress=show)
kind = "internal" if result.internal_error else "known"
print("result", result.run_id, result.status.value, kind, result.sentence, flush=True)
"""


def start_run(
    root: Path, wanted: RunRequest | None = None, *, before: str = "", **more: str
) -> subprocess.Popen[str]:
    """A benchmark in a process of its own, as the command line would run it. ``before``: Python first."""
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{before}\n{_RUN}",
            (wanted or request()).model_dump_json(),
            str(root / "home"),
        ],
        cwd=SOURCE,
        env=os.environ | environment(root, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    """Read the process's output up to the line that has ``text``."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"ended without {text!r}: {process.stderr.read() if process.stderr else ''}")


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def benchmark_processes(root: Path) -> list[str]:
    """Command lines of k6, Prometheus and backends that work on the project in ``root``."""
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [
        line for line in lines if str(root) in line and "dagster" not in line and "-c" not in line.split()
    ]


class Ui:
    """Dagster's webserver, asked as its page asks it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, query: str, **variables: object) -> Any:
        answer = httpx.post(f"{self._url}/graphql", json={"query": query, "variables": variables}, timeout=60)
        document = answer.json()
        assert not document.get("errors"), document["errors"]
        return document["data"]

    def knows(self, job: str) -> bool:
        try:
            found = self.ask("{repositoriesOrError{... on RepositoryConnection{nodes{jobs{name}}}}}")[
                "repositoriesOrError"
            ]
        except httpx.HTTPError:
            return False
        return any(entry["name"] == job for node in found.get("nodes", []) for entry in node["jobs"])

    def launch(self, job: str, config: dict[str, str]) -> str:
        """Id of the run."""
        place = {
            "repositoryLocationName": "perf-pipeline",
            "repositoryName": "__repository__",
            "jobName": job,
        }
        run_config = {"ops": {f"{SUITE}__monitoring_stack": {"config": config}}}
        found = self.ask(
            "mutation($p:ExecutionParams!){launchRun(executionParams:$p){... on LaunchRunSuccess{run{runId}}"
            " ... on PythonError{message}}}",
            p={"selector": place, "runConfigData": json.dumps(run_config), "mode": "default"},
        )["launchRun"]
        return str(found["run"]["runId"])

    def reexecute_from_failure(self, run_id: str) -> str:
        """Id of the new run."""
        found = self.ask(
            "mutation($p:ReexecutionParams!){launchRunReexecution(reexecutionParams:$p)"
            "{... on LaunchRunSuccess{run{runId}} ... on PythonError{message}}}",
            p={"parentRunId": run_id, "strategy": "FROM_FAILURE"},
        )["launchRunReexecution"]
        return str(found["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        found = self.ask(
            "mutation($r:[String!]!){terminateRuns(runIds:$r){... on TerminateRunsResult"
            "{terminateRunResults{__typename}} ... on PythonError{message}}}",
            r=[run_id],
        )["terminateRuns"]
        assert [one["__typename"] for one in found["terminateRunResults"]] == ["TerminateRunSuccess"]

    def ticks(self, sensor: str) -> int:
        """How often the daemon has asked a sensor, up to 50."""
        place = {
            "repositoryLocationName": "perf-pipeline",
            "repositoryName": "__repository__",
            "sensorName": sensor,
        }
        found = self.ask(
            "query($s:SensorSelector!){sensorOrError(sensorSelector:$s)"
            "{... on Sensor{sensorState{ticks(limit:50){tickId}}}}}",
            s=place,
        )["sensorOrError"]
        return len(found["sensorState"]["ticks"])

    def wait_for_end(self, run_id: str, seconds: float = 90) -> str:
        """The run's final status."""

        def status() -> str:
            found = self.ask("query($r:ID!){runOrError(runId:$r){... on Run{status}}}", r=run_id)
            return str(found["runOrError"]["status"])

        wait_until(lambda: status() in FINISHED, seconds)
        return status()


def _family(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


@contextmanager
def dagster_ui(root: Path, workspace: Path = SOURCE / "workspace.yaml") -> Iterator[Ui]:
    """Webserver, daemon and code server of the project in ``root``."""
    port = free_port()
    dagster = str(Path(sys.executable).with_name("dagster"))
    with (root / "dagster-dev.log").open("wb") as log:
        process = subprocess.Popen(
            [dagster, "dev", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)],
            cwd=SOURCE,
            env=os.environ | environment(root),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        ui = Ui(f"http://127.0.0.1:{port}")
        wait_until(lambda: ui.knows(JOB), 90)
        yield ui
    finally:
        started = [] if process.poll() is not None else _family(process.pid)
        process.send_signal(signal.SIGINT)
        _, left = psutil.wait_procs(started, timeout=30)
        for one in left:  # killing the first alone would leave the webserver and the daemon behind
            one.kill()
