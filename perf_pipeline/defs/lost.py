"""Runs of the command line whose process died without a word: Dagster would show them as running for ever.

They would also keep their place in the pool, so that no run from the UI would ever leave the queue.
"""

from __future__ import annotations

import os
import socket

import psutil
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from perf_pipeline.processes import is_alive

TAG_OWNER = "perf/owner"  # host, pid and start time (Unix seconds) of the process that executes the run

_UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def owner_tag() -> str:
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}"


def end_lost_runs(instance: DagsterInstance) -> list[str]:
    """Mark them as failed; returns their ids. The store marks its own as ``lost`` when a run begins."""
    lost = [run for run in instance.get_runs(RunsFilter(statuses=_UNFINISHED)) if _is_lost(run)]
    for run in lost:
        instance.report_run_failed(run, message="Lost: its process ended without saying how.")
    return [run.run_id for run in lost]


def _is_lost(run: DagsterRun) -> bool:
    host, _, process = run.tags.get(TAG_OWNER, "").partition(" ")
    if host != socket.gethostname() or run.parent_run_id:
        return False  # a re-execution copies the tags of its parent, and is a code server's child
    pid, _, started = process.partition(" ")
    return not is_alive(int(pid), float(started))
