"""One writer to a place at a time, on one machine."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perf_pipeline.archive.errors import OccupiedError

WAIT_S = 30.0
LOOK_S = 0.05


@contextmanager
def only_writer(file: Path, where: str) -> Iterator[None]:
    """The system gives the lock up when its holder dies, however it dies.

    Raises OccupiedError when somebody else holds it for too long, and OSError, also where the file system of
    ``file`` knows no locks.
    """
    with file.open("a") as lock:
        deadline = time.monotonic() + WAIT_S
        while not _taken(lock.fileno()):
            if time.monotonic() > deadline:
                raise OccupiedError(
                    f"another process has been writing to the archive at {where} for more than "
                    f"{WAIT_S:.0f} s: it is tried again when that is done."
                )
            time.sleep(LOOK_S)
        yield


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
