"""Child processes that never outlive the run that started them.

Every child is written down in ``<home>/processes/`` with its pid and start time and those of its owner,
before it becomes the program that it is started for. A child whose owner is gone (killed with -9, power cut)
is found and ended by the next start or by Dagster's daemon; a pid that the system has given to somebody else
meanwhile is left alone, because its start differs, also when the clock was set meanwhile.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

START_TIME_TOLERANCE_S = 1.0
KILL_WAIT_S = 5.0
_NAME_BITS = 22
_START_TICKS = (
    22 - 3
)  # field 22 of /proc/<pid>/stat; what stands behind the program's name begins with field 3

# The child waits for a line before it turns into the program. Should we be killed between its birth and its
# note, the pipe closes and it ends: nobody would find it otherwise.
_WAITING = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")


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
    if shutil.which(argv[0], path=(env or os.environ).get("PATH")) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), argv[0])
    process = subprocess.Popen(
        [*_WAITING, *argv],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        start_new_session=True,
    )
    try:
        note = _write_down(process.pid, name, home / "processes")
        _let_go(process)
    except BaseException:  # a full disk, Ctrl-C: a child without a note would never be found again
        _kill_group(process.pid)
        process.wait(KILL_WAIT_S)
        if process.stdout is not None:
            process.stdout.close()
        raise
    return ChildProcess(process, name, note)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError), process.stdin:  # it was killed meanwhile: whoever waits for it will see
        process.stdin.write(b"\n")


def _write_down(pid: int, name: str, folder: Path) -> Path:
    """The child's note, which is there as a whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / f"{pid}.json"
    part = note.with_suffix(".part")
    entry = {
        "name": name,
        "pid": pid,
        "started": started(pid),
        "host": socket.gethostname(),
        "owner_pid": os.getpid(),
        "owner_started": started(os.getpid()),
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
    for note, entry in _left_behind(home):
        if is_alive(entry["pid"], entry["started"]):
            _kill_group(entry["pid"])
            ended.append(f"ended {entry['name']} (pid {entry['pid']}), left behind by a run that had died")
        note.unlink(missing_ok=True)
    for half in (home / "processes").glob("*.part"):  # its writer was killed: the child has ended with it
        if not psutil.pid_exists(int(half.stem)):
            half.unlink(missing_ok=True)
    return ended


def find_orphans(home: Path) -> list[str]:
    """Such as ``k6 (pid 4711)``: the running children of dead owners."""
    return [
        f"{entry['name']} (pid {entry['pid']})"
        for _, entry in _left_behind(home)
        if is_alive(entry["pid"], entry["started"])
    ]


def _left_behind(home: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Notes of dead owners. Those of another host (a container that shares the folder) are left to it."""
    for note in sorted((home / "processes").glob("*.json")):
        try:
            entry = json.loads(note.read_text())
        except (OSError, ValueError):
            continue  # removed at this moment by its owner
        here = entry["host"] == socket.gethostname()
        if here and not is_alive(entry["owner_pid"], entry["owner_started"]):
            yield note, entry


def is_alive(pid: int, then: float) -> bool:
    """Whether that very process still runs: same pid, and ``started`` said so then."""
    now = started(pid)
    if now == 0:
        return False
    named = _name(pid) is not None and now % 1 == then % 1
    return named or abs(now - then) <= START_TIME_TOLERANCE_S


def started(pid: int) -> float:
    """When a process started, in Unix seconds; 0 when there is no such process, or only its zombie.

    The seconds are those of the clock, which may be set; the fraction names the process for ever, on Linux.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return 0.0
        name = _name(pid)
        return process.create_time() if name is None else math.floor(process.create_time()) + name
    except psutil.NoSuchProcess:
        return 0.0


def _name(pid: int) -> float | None:
    """A fraction made of boot, pid and the ticks since the boot at which it started; None: not on Linux.

    As many bits as a double has left beside Unix seconds: two processes with one pid share it by a chance of
    one in four million.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    name = zlib.crc32(f"{boot} {pid} {fields[_START_TICKS]}".encode())
    return (name % (1 << _NAME_BITS)) / (1 << _NAME_BITS)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)  # children are session leaders: the group is theirs alone
    except ProcessLookupError:
        return
