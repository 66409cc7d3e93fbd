"""One benchmark per generator host at a time: two would measure each other."""

from __future__ import annotations

import fcntl
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from perf_pipeline.stack.base import NotReady

LOCK_FILE = "benchmark.lock"
PEEK_S = 0.1


class HostLock:
    """A lock on the home folder; the system lets go of it when its holder dies, however it dies."""

    def __init__(self, home: Path) -> None:
        self._path = home / LOCK_FILE
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def take(self, run_id: str) -> None:
        """Raises NotReady ``busy`` that names the holder. Taking it twice is the same as once."""
        if self._file is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+")
        try:
            if not _locked(file):
                time.sleep(PEEK_S)  # somebody may only have looked whether it is held
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            sentence = _busy_sentence(file.read())
            file.close()
            raise NotReady("busy", sentence) from None
        except BaseException:
            file.close()
            raise
        self._file = file
        file.truncate(0)
        since = datetime.now(UTC).strftime("%H:%M:%S UTC")
        file.write(json.dumps({"run_id": run_id, "pid": os.getpid(), "since": since}))
        file.flush()

    def busy(self) -> str | None:
        """One sentence about whoever holds it, without waiting or taking it; None when nobody does."""
        try:
            with self._path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return _busy_sentence(file.read())
        except FileNotFoundError:
            pass
        return None

    def release(self) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()  # gives up the lock with it; the file stays, or two could hold "the" lock
            self._file = None


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy_sentence(content: str) -> str:
    try:
        holder = json.loads(content)
        who = f"run {holder['run_id']} (pid {holder['pid']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):  # it has taken the lock and not written yet
        who = "another run"
    return (
        f"{who} is benchmarking from this machine, and two at once would measure each other: "
        "wait for it or end it"
    )
