"""Which process executes a Dagster run, and what becomes of the run when that process dies."""

from __future__ import annotations

import os
import socket
import time

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.storage.tags import GRPC_INFO_TAG

from perf_pipeline.defs.naming import DAGSTER_TAG_OWNER, DAGSTER_TAG_SUITE
from perf_pipeline.processes import is_alive, started

FIRST_WORD_S = 60.0  # a process says who it is within moments of its run's start
LOST = "Lost: its process ended without saying how."

_UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def own(instance: DagsterInstance, run: DagsterRun) -> None:
    """This process executes the run: write it into the run's tags (host, pid, start time, run)."""
    owner = f"{socket.gethostname()} {os.getpid()} {started(os.getpid())} {run.run_id}"
    instance.add_run_tags(run.run_id, {DAGSTER_TAG_OWNER: owner})


def is_owned(run: DagsterRun) -> bool:
    """Whether it is known who executes it. A re-execution begins with a copy of its parent's tag."""
    return run.tags.get(DAGSTER_TAG_OWNER, "").endswith(f" {run.run_id}")


def from_command_line(run: DagsterRun) -> bool:
    """Executed by a process that no code server started, and that none therefore can reach."""
    return is_owned(run) and GRPC_INFO_TAG not in run.tags


def owner_has_died(run: DagsterRun) -> bool:
    """False also when it is on another host (nothing is known of it there), or not known yet."""
    if not is_owned(run):
        return False
    host, pid, then, _ = run.tags[DAGSTER_TAG_OWNER].split(" ")
    return host == socket.gethostname() and not is_alive(int(pid), float(then))


def end_lost_runs(instance: DagsterInstance) -> list[DagsterRun]:
    """Mark runs whose process has died as failed; returns them. (The store calls its own ``lost``.)

    They would be shown as running for ever, and no other run would leave the queue. Most of them a code
    server or run monitoring ends; neither does when the code server died, too, or could not reach Dagster's
    storage at that moment.
    """
    lost = []
    for run in instance.get_runs(RunsFilter(statuses=_UNFINISHED)):
        if not (owner_has_died(run) or _never_said_a_word(instance, run)):
            continue
        now = instance.get_run_by_id(run.run_id)  # it may have ended well between the two looks
        if now is not None and not now.is_finished:
            instance.report_run_failed(now, message=LOST)
            lost.append(now)
    return lost


def _never_said_a_word(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Its process was started by a code server and died between the run's start and its first word.

    Only ours say a word. The runs of other code locations of the instance are none of our business.
    """
    if DAGSTER_TAG_SUITE not in run.tags or GRPC_INFO_TAG not in run.tags:
        return False
    if run.status is not DagsterRunStatus.STARTED or is_owned(run):
        return False
    record = instance.get_run_record_by_id(run.run_id)
    begun = record.start_time if record is not None else None
    return begun is not None and time.time() - begun > FIRST_WORD_S
