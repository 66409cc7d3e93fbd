"""A machine as it would stand somewhere: PostgreSQL, Dagster's daemon and webserver, one suite.

All of it real, and all of it in one folder. Each part can be killed with -9 and started again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
sys.path.insert(0, str(SOURCE / "tests" / "integration"))

import dagster_parts as parts  # noqa: E402 - the folder has to be known first
from postgres import MortalPostgres  # noqa: E402

from perf_pipeline import conventions as names  # noqa: E402
from perf_pipeline.defs.instance import DAGSTER_YAML  # noqa: E402
from perf_pipeline.ports import free_port  # noqa: E402

STORAGE = """
storage:
  postgres:
    postgres_url: {url}
"""
GONE_WITHIN_S = 10.0
BENCHMARK = ("k6", "prometheus", "perf_pipeline.demo", "perf_pipeline.control")


@dataclass(frozen=True)
class Seen:
    """A process that was seen; the same pid later may be somebody else."""

    what: str
    pid: int
    started: float

    def lives(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> None:
        """Returns when it is gone: whoever looks at once must not take it for alive."""
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if self.lives():
                process.kill()
            deadline = time.monotonic() + GONE_WITHIN_S
            while self.lives() and time.monotonic() < deadline:
                time.sleep(0.01)


@dataclass
class World:
    folder: Path
    port: int = field(default_factory=free_port)
    seen: set[Seen] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.root = self.folder / "project"
        self.home = self.root / "home"
        self.ui = parts.Ui(f"http://127.0.0.1:{self.port}")
        if not self.root.exists():
            self.root.mkdir(parents=True)
            parts.make_project(self.root)
        self.database = MortalPostgres(self.folder / "postgres")
        self.environment = os.environ | parts.environment(
            self.root,
            **{
                names.ENV_STORE_URL: self.database.url,
                names.ENV_LOCK: str(self.folder / "benchmark.lock"),
                "PYTHONPATH": str(SOURCE),
            },
        )
        os.environ.update({k: v for k, v in self.environment.items() if k.startswith(("PERF_", "DAGSTER_"))})
        config = self.home / "dagster" / "dagster.yaml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(DAGSTER_YAML + STORAGE.format(url=self.database.url))
        self.services: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """``daemon`` or ``webserver``, unless it runs."""
        service = self.services.get(name)
        if service is not None and service.poll() is None:
            return
        program = {
            "daemon": ["dagster-daemon", "run"],
            "webserver": ["dagster-webserver", "-p", str(self.port)],
        }
        first, *rest = program[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.services[name] = subprocess.Popen(
                [str(Path(sys.executable).with_name(first)), *rest, "-w", str(SOURCE / "workspace.yaml")],
                cwd=SOURCE,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start_all(self) -> None:
        """What a machine's init system keeps running; returns when it can take a run."""
        self.database.start()
        self.start("daemon")
        self.start("webserver")
        wait_for(lambda: self.ui.knows(parts.JOB), 120)

    def stop_all(self) -> None:
        family = [one for service in self.services.values() for one in _family(service.pid)]
        for service in self.services.values():
            service.terminate()
        _, left = psutil.wait_procs(family, timeout=30)
        for one in left:
            one.kill()
        self.database.stop()

    def look(self) -> set[Seen]:
        """The benchmark's processes at this moment; all that were seen are kept in ``seen``."""
        now, worker = set(), None
        for process in psutil.process_iter(["name", "cmdline"]):
            line = process.info["cmdline"] or []
            what = next((one for one in BENCHMARK if one in line or process.info["name"] == one), None)
            if what is None:
                continue
            with suppress(psutil.Error):
                ours = any(str(self.root) in part for part in line)
                if not ours:  # the control has no folder in its command
                    worker = worker or self.worker()
                    ours = worker is not None and process.ppid() == worker.pid
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    now.add(Seen(what.rpartition(".")[2], process.pid, process.create_time()))
        self.seen |= now
        return now

    def worker(self) -> Seen | None:
        """The process in which a code server executes a run."""
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            if "multiprocessing.spawn" not in line:
                continue
            with suppress(psutil.Error):
                if process.environ().get(names.ENV_HOME) == str(self.home):
                    return Seen("worker", process.pid, process.create_time())
        return None

    def victim(self, name: str) -> Seen | None:
        """None: it is not there at this moment."""
        if name == "worker":
            return self.worker()
        if name in {"postgres", "daemon"}:
            process = self.database.postmaster() if name == "postgres" else self._daemon()
            return Seen(name, process.pid, process.create_time()) if process else None
        return next((one for one in self.look() if one.what == name), None)

    def _daemon(self) -> psutil.Process:
        return psutil.Process(self.services["daemon"].pid)


def wait_for(true: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time. What the network or a database says meanwhile is no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError, AssertionError):
            if true():
                return True
        time.sleep(0.3)
    return False


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return []
