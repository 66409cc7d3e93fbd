"""Child processes that never outlive the run that started them.

Every child is written down in ``<home>/processes/`` with its pid and start time and those of its owner. A
child whose owner is gone (killed with -9, power cut) is found and ended by the next start; a pid that the
system has given to somebody else meanwhile is left alone, because its start time differs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

START_TIME_TOLERANCE_S = 1.0
KILL_WAIT_S = 5.0


class ChildProcess:
    """A running child in a session of its own, so that Ctrl-C in the terminal reaches only us."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, note: Path) -> None:
        self._process = process
        self.name = name
        self._note = note

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes] | None:
        return self._process.stdout

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""
        code = self._process.poll()
        if code is not None:
            self._note.unlink(missing_ok=True)
        return code

    def wait(self, timeout_s: float | None = None) -> int:
        """Raises ``subprocess.TimeoutExpired``."""
        code = self._process.wait(timeout_s)
        self._note.unlink(missing_ok=True)
        return code

    def stop(self, *, grace_s: float, first_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, wait ``grace_s``, then kill it and all it started. Returns the exit code."""
        if self.poll() is None:
            self._process.send_signal(first_signal)
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                _kill_group(self.pid)
                self._process.wait(KILL_WAIT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self.wait(KILL_WAIT_S)


def start(
    argv: Sequence[str],
    *,
    name: str,
    home: Path,
    stdout: IO[bytes] | int,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> ChildProcess:
    """Start ``argv`` with stderr joined to ``stdout``.

    Raises OSError when the program cannot be started, or not be written down: then it does not run either.
    """
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        start_new_session=True,
    )
    try:
        note = _write_down(process.pid, name, home / "processes")
    except BaseException:  # a full disk, Ctrl-C: a child without a note would never be found again
        _kill_group(process.pid)
        process.wait(KILL_WAIT_S)
        if process.stdout is not None:
            process.stdout.close()
        raise
    return ChildProcess(process, name, note)


def _write_down(pid: int, name: str, folder: Path) -> Path:
    """The child's note, which is there as a whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / f"{pid}.json"
    part = note.with_suffix(".part")
    entry = {
        "name": name,
        "pid": pid,
        "started": _start_time(pid),
        "owner_pid": os.getpid(),
        "owner_started": _start_time(os.getpid()),
    }
    try:
        part.write_text(json.dumps(entry))
        part.replace(note)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return note


def end_orphans(home: Path) -> list[str]:
    """End the children of dead owners; returns one sentence for each that was still running."""
    ended = []
    for note in sorted((home / "processes").glob("*.json")):
        try:
            entry = json.loads(note.read_text())
        except (OSError, ValueError):
            continue  # removed at this moment by its owner
        if is_alive(entry["owner_pid"], entry["owner_started"]):
            continue
        if is_alive(entry["pid"], entry["started"]):
            _kill_group(entry["pid"])
            ended.append(f"ended {entry['name']} (pid {entry['pid']}), left behind by a run that had died")
        note.unlink(missing_ok=True)
    return ended


def is_alive(pid: int, started: float) -> bool:
    """Whether that very process still runs: same pid and same start time (Unix seconds)."""
    now = _start_time(pid)
    return now > 0 and abs(now - started) <= START_TIME_TOLERANCE_S


def _start_time(pid: int) -> float:
    """Unix seconds; 0 when there is no such process, or only its zombie."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return 0.0


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)  # children are session leaders: the group is theirs alone
    except ProcessLookupError:
        return
