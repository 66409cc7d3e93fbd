"""k6's output, written to a file of bounded size and listened to on the way."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from perf_pipeline.load.durations import seconds

LOG_CAP_BYTES = 5_000_000
LONGEST_LINE = 64 * 1024
TAIL_LINES = 50

_REMOTE_WRITE_ERROR = (b"level=error", b'output="Prometheus remote write"')
_RUNNING = re.compile(rb"running \((?P<time>[0-9hms.]+)\), .*? (?P<interrupted>\d+) interrupted iterations")
_STOPPED_EARLY = b"stopping test prematurely"  # a threshold crossed at the very end does not say so


class LogReader:
    """Drains k6's output in a thread.

    k6 blocks when its pipe is full, so reading goes on whatever becomes of the file: past its cap, on a full
    disk.
    """

    def __init__(self, stream: IO[bytes], path: Path, cap_bytes: int = LOG_CAP_BYTES) -> None:
        self._stream = stream
        self._path = path
        self._cap = cap_bytes
        self._thread = threading.Thread(target=self._drain, name="k6-log", daemon=True)
        self._errors: list[str] = []
        self.truncated = False
        self.remote_write_errors = 0
        self.interrupted_iterations = 0
        self.stopped_by_threshold = False
        self._clock: tuple[float, float] | None = None  # k6's clock of the load, and ours when it was read

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until k6's output has ended."""
        self._thread.join(timeout_s)

    @property
    def load_began(self) -> bool:
        """k6 has told of load: setup() was over, and users were at work."""
        return self._clock is not None and self._clock[0] > 0

    def load_elapsed_s(self, now: float) -> float | None:
        """Seconds of load at a time of our monotonic clock; None: setup() is not over.

        k6 tells its clock once a second; in between ours goes on.
        """
        if self._clock is None:
            return None
        elapsed_s, read_at = self._clock
        return elapsed_s + max(0.0, now - read_at)

    @property
    def load_clock_s(self) -> float | None:
        """The last seconds of load that k6 told; None: setup() was not over."""
        return self._clock[0] if self._clock else None

    def last_errors(self) -> str:
        """The last lines on level error, other than those of remote write."""
        return "\n".join(self._errors)

    def _drain(self) -> None:
        with _BoundedFile(self._path, self._cap) as log:
            while line := self._read():
                self._listen(line)
                log.write(line)
                self.truncated = log.truncated

    def _read(self) -> bytes:
        try:
            return self._stream.readline(LONGEST_LINE)
        except ValueError:  # closed by whoever ended k6
            return b""

    def _listen(self, line: bytes) -> None:
        if all(part in line for part in _REMOTE_WRITE_ERROR):
            self.remote_write_errors += 1
        elif b"level=error" in line:
            self.stopped_by_threshold |= _STOPPED_EARLY in line
            self._errors = [*self._errors[-TAIL_LINES:], line.decode(errors="replace")]
        elif found := _RUNNING.search(line):
            self.interrupted_iterations = int(found["interrupted"])
            with suppress(ValueError):  # a clock that we do not understand: ours goes on
                self._clock = (seconds(found["time"].decode()), time.monotonic())


class _BoundedFile:
    """A file that takes lines up to a number of bytes, as long as it can be written; never raises."""

    def __init__(self, path: Path, cap_bytes: int) -> None:
        self._path = path
        self._cap = cap_bytes
        self._written = 0
        self._file: IO[bytes] | None = None
        self.truncated = False

    def __enter__(self) -> Self:
        with self._giving_up():
            self._file = self._path.open("wb", buffering=0)  # what cannot be written fails at once
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def write(self, line: bytes) -> None:
        if self._file is None or self.truncated:
            return
        with self._giving_up():
            if self._written + len(line) > self._cap:
                self.truncated = True
                line = f"[{self._cap} bytes were written; the rest of k6's output was dropped]\n".encode()
            self._written += self._file.write(line)

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.truncated = True
