"""Servers that we start as child processes: with their own log, a deadline to be ready, and a sure end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from perf_pipeline import processes
from perf_pipeline.stack.base import NotReady

READY_POLL_S = 0.05
STOP_GRACE_S = 10.0  # Prometheus closes its database in well under a second
LAST_LINES = 5
LAST_BYTES = 16 * 1024

# Secrets in our environment are for the target's requests alone; servers get only what programs need to run.
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "PYTHONPATH",
)


@dataclass(frozen=True)
class Server:
    """A child that serves on loopback, such as ``Prometheus``."""

    title: str
    failure: str  # name of the NotReady when it does not come up
    child: processes.ChildProcess
    log: Path

    @property
    def pid(self) -> int:
        return self.child.pid

    def is_running(self) -> bool:
        return self.child.poll() is None

    def wait_until(self, is_ready: Callable[[], bool], deadline_s: float) -> None:
        """Raises NotReady with the last lines of its log when it ends, or is not ready in time."""
        deadline = time.monotonic() + deadline_s
        while not is_ready():
            code = self.child.poll()
            if code is not None:
                raise NotReady(
                    self.failure, f"{self.title} ended at its start with {_exit(code)}{self._said()}"
                )
            if time.monotonic() > deadline:
                raise NotReady(
                    self.failure, f"{self.title} was not ready within {deadline_s:.0f} s{self._said()}"
                )
            time.sleep(READY_POLL_S)

    def _said(self) -> str:
        lines = last_lines(self.log)
        return (
            f"; its log {self.log} ends with: {' / '.join(lines)}"
            if lines
            else f"; its log {self.log} is empty"
        )


def start_server(
    argv: Sequence[str],
    *,
    title: str,
    failure: str,
    home: Path,
    log: Path,
    until: ExitStack,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Server:
    """Start a server that ends when ``until`` is closed. Raises NotReady when it cannot be started at all."""
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | dict(environment or {})

    def launch() -> processes.ChildProcess:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            child = processes.start(argv, name=title, home=home, stdout=output, env=env, cwd=cwd)
        until.callback(_end, child)
        return child

    try:
        # Ctrl-C reaches the main thread only. In a thread of its own the start is never cut off between the
        # birth of the child and the note that it has to be ended; the pool waits for it in any case.
        with ThreadPoolExecutor(max_workers=1) as starter:
            child = starter.submit(launch).result()
    except OSError as error:
        raise NotReady(failure, f"{title} cannot be started: {error}") from error
    return Server(title=title, failure=failure, child=child, log=log)


def last_lines(log: Path) -> list[str]:
    """The last few lines of a log, however long it is; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LAST_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.strip()[:300] for line in text.splitlines() if line.strip()][-LAST_LINES:]


def _end(child: processes.ChildProcess) -> None:
    try:
        child.stop(grace_s=STOP_GRACE_S)
    except BaseException:  # a second Ctrl-C while we wait: it must end all the same
        child.stop(grace_s=0.0, first_signal=signal.SIGKILL)
        raise


def _exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
