"""One k6 process from start to end: watched, listened to, and never left behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from perf_pipeline import processes
from perf_pipeline.load.command import K6Command
from perf_pipeline.load.cpu import CpuSample, CpuSampler
from perf_pipeline.load.errors import LoadError
from perf_pipeline.load.log import LogReader
from perf_pipeline.load.progress import Progress, ProgressApi, phase_at

POLL_S = 0.1  # short waits, so that a signal to us is seen at once
REPORT_EVERY_S = 1.0
STOP_GRACE_S = 5.0  # SIGINT lets k6 flush its samples; then SIGKILL
LOG_END_S = 5.0


@dataclass(frozen=True)
class Plan:
    """How long the load is meant to take, and the deadline after which k6 hangs."""

    measure_start_s: float  # on the load's clock, which starts after setup()
    planned_s: float  # until no iteration starts any more
    deadline_s: float


@dataclass
class Session:
    """What is known of a k6 process once it has ended."""

    exit_code: int
    started_unix_ms: float
    ended_unix_ms: float
    hung: bool
    cpu: list[CpuSample] = field(repr=False)
    log: LogReader = field(repr=False)


def run_k6(
    command: K6Command,
    *,
    home: Path,
    log_path: Path,
    plan: Plan,
    api: ProgressApi | None,
    target_pid: int | None,
    on_progress: Callable[[Progress], None],
) -> Session:
    """Start k6 and wait for its end, reporting about once a second. Blocking.

    On any exception, Ctrl-C and Dagster's interruption included, k6 is ended before the exception goes on.
    Raises LoadError when k6 cannot be started, and whatever ``on_progress`` raises.
    """
    started = time.time() * 1000
    with _child(command, home) as child:
        assert child.stdout is not None  # noqa: S101 - it is a pipe
        log = LogReader(child.stdout, log_path)
        log.start()
        cpu = CpuSampler(child.pid, target_pid)
        cpu.start()
        try:
            hung = _watch(child, plan=plan, api=api, log=log, on_progress=on_progress)
            code = _stop(child) if hung else child.wait()
        finally:
            cpu.stop()
        log.join(LOG_END_S)
    return Session(
        exit_code=code,
        started_unix_ms=started,
        ended_unix_ms=time.time() * 1000,
        hung=hung,
        cpu=cpu.samples,
        log=log,
    )


@contextmanager
def _child(command: K6Command, home: Path) -> Iterator[processes.ChildProcess]:
    argv = [*_dying_with_us(), *command.argv]
    try:
        child = processes.start(argv, name="k6", home=home, stdout=subprocess.PIPE, env=command.env)
    except OSError as error:
        raise LoadError(f"k6 cannot be started ({error}): run 'perf-pipeline doctor'.") from error
    try:
        yield child
    finally:
        _stop(child)


def _dying_with_us() -> list[str]:
    """A prefix that has the kernel end k6 when our process is killed with -9: load must not go on unwatched.

    Without util-linux's ``setpriv`` the next start ends it. The kernel watches the thread that starts k6, so
    this is for the main thread alone.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", "INT"]


def _stop(child: processes.ChildProcess) -> int:
    try:
        return child.stop(grace_s=STOP_GRACE_S, first_signal=signal.SIGINT)
    except BaseException:
        child.stop(grace_s=0)  # a second Ctrl-C: no more patience, but no k6 left either
        raise


def _watch(
    child: processes.ChildProcess,
    *,
    plan: Plan,
    api: ProgressApi | None,
    log: LogReader,
    on_progress: Callable[[Progress], None],
) -> bool:
    """Wait for k6's end. True: the deadline passed and it still runs."""
    start = time.monotonic()
    meter = _Meter(api, plan)
    next_report = start + REPORT_EVERY_S
    while child.poll() is None:
        now = time.monotonic()
        if now - start > plan.deadline_s:
            return True
        if now >= next_report:
            on_progress(meter.read(log.load_elapsed_s(now), now))
            next_report = max(next_report + REPORT_EVERY_S, now)
        time.sleep(POLL_S)
    return False


class _Meter:
    """Turns counters into progress."""

    def __init__(self, api: ProgressApi | None, plan: Plan) -> None:
        self._api = api
        self._plan = plan
        self._before: tuple[float, int] | None = None

    def read(self, elapsed_s: float | None, now: float) -> Progress:
        counts = self._api.counts() if self._api else None
        rate = None
        if counts:
            if self._before and now > self._before[0]:
                rate = max(0.0, (counts[0] - self._before[1]) / (now - self._before[0]))
            self._before = (now, counts[0])
        return Progress(
            phase=phase_at(elapsed_s, self._plan.measure_start_s, self._plan.planned_s),
            elapsed_s=elapsed_s or 0.0,
            planned_s=self._plan.planned_s,
            requests=counts[0] if counts else None,
            failed=counts[1] if counts else None,
            rate_per_s=rate,
        )
