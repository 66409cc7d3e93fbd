"""One benchmark per generator host at a time: two would measure each other."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from perf_pipeline.conventions import ENV_LOCK
from perf_pipeline.stack.base import NotReady

LOCK_FILE = "perf-pipeline.lock"
FOR_ALL_USERS = 0o666
PEEK_S = 0.1


def lock_path() -> Path:
    """One file for the machine, from whichever folder one benchmarks; PERF_PIPELINE_LOCK names another."""
    return Path(os.environ.get(ENV_LOCK) or Path(tempfile.gettempdir()) / LOCK_FILE)


class HostLock:
    """A lock on the machine; the system lets go of it when its holder dies, however it dies."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or lock_path()
        self._file: IO[str] | None = None

    def take(self, run_id: str) -> None:
        """Raises NotReady: ``busy``, which names the holder, or ``lock_unusable``.

        Taking it twice is the same as once.
        """
        if self._file is not None:
            return
        try:
            file = _opened(self._path)
        except OSError as error:
            raise NotReady(
                "lock_unusable",
                f"the lock that keeps benchmarks on this machine apart cannot be opened ({error}): "
                f"remove {self._path}, or name another file by {ENV_LOCK}",
            ) from error
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
        except OSError:  # not there, or not ours to look at: ``take`` will say so
            pass
        return None

    def release(self) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()  # gives up the lock with it; the file stays, or two could hold "the" lock
            self._file = None


def _opened(path: Path) -> IO[str]:
    """The file, made for all users if it is not there.

    Never with O_CREAT when it is: in a folder for all users the kernel refuses that for another user's file.
    Never through a link that somebody else has laid.
    """
    while True:
        try:
            return os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FOR_ALL_USERS)
        except FileExistsError:
            continue  # somebody was faster
        os.fchmod(made, FOR_ALL_USERS)  # whatever the umask
        return os.fdopen(made, "r+")


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
