"""Ends a run of this process when its terminal is closed, or somebody presses "Terminate" in the UI.

The UI reaches the processes that a code server started. Of a run that the command line started it can
only mark the run as canceling; somebody here has to look.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterInstance, DagsterRunStatus

LOOK_EVERY_S = 2.0
JOIN_S = 5.0


@contextmanager
def hangup_interrupts() -> Iterator[None]:
    """Meanwhile a terminal that is closed (SIGHUP) does what Ctrl-C does; by default k6 would load on alone.

    Under ``nohup`` the signal stays ignored. Nothing happens outside the main thread.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def terminable(instance: DagsterInstance, run_id: str) -> Iterator[None]:
    """Meanwhile a run that is canceling elsewhere gets the signal that Ctrl-C would send."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            run = instance.get_run_by_id(run_id)
            if run is not None and run.status is DagsterRunStatus.CANCELING and not over.is_set():
                os.kill(os.getpid(), signal.SIGINT)
                return

    watcher = threading.Thread(target=look, name="cancel-watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(JOIN_S)
