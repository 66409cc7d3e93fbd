"""The archive sensor as Dagster's daemon ticks it: real daemon, real webserver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from perf_pipeline.defs.archiving import SENSOR
from perf_pipeline.ports import free_port
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store

START_S = 120.0
ARCHIVED_S = 240.0
STOP_S = 30.0
_TICKS = """query($s:SensorSelector!){sensorOrError(sensorSelector:$s){... on Sensor{sensorState{
ticks(limit:50){timestamp endTimestamp status skipReason}}}}}"""
_PLACE = {"repositoryLocationName": "perf-pipeline", "repositoryName": "__repository__", "sensorName": SENSOR}


def watch(project: Project, environment: Mapping[str, str]) -> None:
    """The store of ``project`` knows of no archive when this begins."""
    with Store(project.store_url) as store:
        ended = len([run for run in store.list_runs(limit=1000) if run.outcome])
    with _dagster(project, environment) as url:
        started, ticks = time.monotonic(), list[Any]()
        while time.monotonic() < started + ARCHIVED_S:
            with suppress(httpx.HTTPError, KeyError, TypeError):
                ticks = _ticks(url)
            with Store(project.store_url) as store:
                done = len(store.archives())
            if done >= ended and len(ticks) >= 2:
                break
            time.sleep(1)
    print(
        f"## Real daemon, real webserver\n\n{ended} ended runs, none archived, `dagster dev` started: ",
        end="",
    )
    print(f"{done} archived. The sensor's ticks, oldest first:\n")
    print("| tick | took | said |\n|---|---|---|")
    for number, tick in enumerate(reversed(ticks), 1):
        took = f"{tick['endTimestamp'] - tick['timestamp']:.1f} s" if tick["endTimestamp"] else "under way"
        print(f"| {number} | {took} | {(tick['skipReason'] or '').replace('|', '/')} |")
    print()


def _ticks(url: str) -> list[Any]:
    answer = httpx.post(f"{url}/graphql", json={"query": _TICKS, "variables": {"s": _PLACE}}, timeout=30)
    found: list[Any] = answer.json()["data"]["sensorOrError"]["sensorState"]["ticks"]
    return found


@contextmanager
def _dagster(project: Project, environment: Mapping[str, str]) -> Iterator[str]:
    port, home = free_port(), project.home / "dagster"
    home.mkdir(exist_ok=True)
    log = (project.home / "dagster-dev.log").open("wb")
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("dagster")),
            *("dev", "-w", str(project.root / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)),
        ],
        cwd=project.root,
        env=os.environ | environment | {"DAGSTER_HOME": str(home)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{port}/server_info", timeout=5)
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGINT)
        for left in psutil.wait_procs(family, timeout=STOP_S)[1]:
            left.kill()
        log.close()
