"""Child processes and their notes: none is left running without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from perf_pipeline import processes

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "time.sleep(60)" in " ".join(child.cmdline())]


class TestAChild:
    def test_is_written_down_until_it_has_ended(self, tmp_path: Path) -> None:
        child = processes.start(SLEEPER, name="sleeper", home=tmp_path, stdout=subprocess.DEVNULL)
        (note,) = (tmp_path / "processes").iterdir()
        entry = json.loads(note.read_text())
        assert (entry["name"], entry["pid"]) == ("sleeper", child.pid)
        assert processes.is_alive(entry["pid"], entry["started"])
        assert processes.end_orphans(tmp_path) == []  # its owner lives
        child.stop(grace_s=5)
        assert list((tmp_path / "processes").iterdir()) == []

    def test_whose_owner_has_died_is_ended_and_named(self, tmp_path: Path) -> None:
        child = processes.start(SLEEPER, name="sleeper", home=tmp_path, stdout=subprocess.DEVNULL)
        (note,) = (tmp_path / "processes").iterdir()
        note.write_text(json.dumps({**json.loads(note.read_text()), "owner_started": 1.0}))
        assert processes.find_orphans(tmp_path) == [f"sleeper (pid {child.pid})"]
        assert processes.end_orphans(tmp_path) == [
            f"ended sleeper (pid {child.pid}), left behind by a run that had died"
        ]
        child.wait(5)

    def test_is_known_again_after_the_clock_was_set(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        child = processes.start(SLEEPER, name="sleeper", home=tmp_path, stdout=subprocess.DEVNULL)
        boot = psutil.boot_time()
        monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + 3600)
        assert processes.find_orphans(tmp_path) == [], "its owner lives"
        (note,) = (tmp_path / "processes").iterdir()
        note.write_text(json.dumps({**json.loads(note.read_text()), "owner_started": 1.0}))
        assert len(processes.end_orphans(tmp_path)) == 1
        child.wait(5)

    def test_is_not_taken_for_a_later_one_with_its_pid(self) -> None:
        then = processes.started(os.getpid())
        assert processes.is_alive(os.getpid(), then)
        later = processes.started(os.getppid()) % 1
        assert not processes.is_alive(os.getpid(), then + 3600 - then % 1 + later)

    def test_of_another_host_is_left_to_it(self, tmp_path: Path) -> None:
        child = processes.start(SLEEPER, name="sleeper", home=tmp_path, stdout=subprocess.DEVNULL)
        (note,) = (tmp_path / "processes").iterdir()
        elsewhere = {"owner_started": 1.0, "host": "elsewhere"}
        note.write_text(json.dumps({**json.loads(note.read_text()), **elsewhere}))
        assert processes.end_orphans(tmp_path) == []
        assert child.poll() is None
        assert note.exists()
        child.stop(grace_s=5)

    def test_ends_with_an_owner_that_is_killed_before_it_could_write_it_down(self, tmp_path: Path) -> None:
        started = tmp_path / "started"
        code = (
            "import os, signal; from pathlib import Path; from perf_pipeline import processes\n"
            "processes._write_down = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            f"processes.start(['touch', {str(started)!r}], name='x', home=Path({str(tmp_path)!r}), stdout=1)"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
            out, _ = owner.communicate(timeout=30)  # until the child has let go of it, too
        assert out == b""
        assert not started.exists()

    def test_that_cannot_be_started_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="no-such-program"):
            processes.start(["no-such-program"], name="x", home=tmp_path, stdout=subprocess.DEVNULL)

    @pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt()])
    def test_that_cannot_be_written_down_does_not_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: BaseException
    ) -> None:
        def full(part: Path, text: str) -> None:
            part.touch()
            raise problem

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(type(problem)):
            processes.start(SLEEPER, name="sleeper", home=tmp_path, stdout=subprocess.PIPE)
        assert children() == []
        assert list((tmp_path / "processes").iterdir()) == []
