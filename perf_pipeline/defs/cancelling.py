"""Ends a run of this process when somebody presses "Terminate" in the UI.

The UI reaches the processes that its code server started. Of a run that the command line started, or whose
code server has died, it can only say that it is canceling; somebody here has to look.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from perf_pipeline.defs.owner import from_command_line
from perf_pipeline.signals import INSIST_AFTER_S, was_asked

LOOK_EVERY_S = 2.0
JOIN_S = 5.0


@contextmanager
def terminable(instance: DagsterInstance, run_id: str, *, after_s: float = 0.0) -> Iterator[None]:
    """Meanwhile a run that has been canceling for ``after_s`` gets the signal that Ctrl-C would send.

    Again while that has no effect, every ``INSIST_AFTER_S``. A run that is canceled ("Force termination
    immediately") or deleted gets it, too, unless this process has been asked before: it is at its end then.
    """
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            if _shall_end(instance, run_id) and not over.wait(after_s) and _shall_end(instance, run_id):
                os.kill(os.getpid(), signal.SIGINT)
                over.wait(INSIST_AFTER_S)

    watcher = threading.Thread(target=look, name="cancel-watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(JOIN_S)


def terminable_by_itself(instance: DagsterInstance, run: DagsterRun) -> AbstractContextManager[None]:
    """``terminable`` for a run that a code server started, which has 10 s to interrupt it first.

    It cannot when it has died, and what it says while the process is still starting may be lost.
    """
    if from_command_line(instance.get_run_by_id(run.run_id) or run):
        return nullcontext()
    return terminable(instance, run.run_id, after_s=INSIST_AFTER_S)


def _shall_end(instance: DagsterInstance, run_id: str) -> bool:
    try:
        run = instance.get_run_by_id(run_id)
    except Exception:  # Dagster's storage is away at this moment: look again later
        return False
    if run is not None and run.status is DagsterRunStatus.CANCELING:
        return True
    return (run is None or run.status is DagsterRunStatus.CANCELED) and not was_asked()
