"""Which process executes a run that the command line started, and what becomes of the run when it dies."""

from __future__ import annotations

import os
import socket

import psutil
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from perf_pipeline.defs.naming import DAGSTER_TAG_OWNER
from perf_pipeline.processes import is_alive

_UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def owner_tag() -> str:
    """Value of the tag ``DAGSTER_TAG_OWNER`` for a run of this process."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}"


def is_owned(run: DagsterRun) -> bool:
    """A re-execution has a copy of its parent's tags, but is executed by a code server."""
    return DAGSTER_TAG_OWNER in run.tags and run.parent_run_id is None


def owner_has_died(run: DagsterRun) -> bool:
    """False also when it is on another host: nothing is known of it there."""
    host, pid, started = run.tags[DAGSTER_TAG_OWNER].split(" ")
    return host == socket.gethostname() and not is_alive(int(pid), float(started))


def end_lost_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs whose process has died as failed; returns their ids. (The store calls its own ``lost``.)

    They would be shown as running for ever, and no run from the UI would leave the queue.
    """
    runs = instance.get_runs(RunsFilter(statuses=_UNFINISHED))
    lost = [run for run in runs if is_owned(run) and owner_has_died(run)]
    for run in lost:
        instance.report_run_failed(run, message="Lost: its process ended without saying how.")
    return [run.run_id for run in lost]
