"""The real command in a project of its own, and a store in which runs lie that nobody has to wait for."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster_parts as parts
import polars as pl
from builders import fingerprint, samples
from store_parts import at, begun, measured, ran, saved

from perf_pipeline import conventions as names
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import Fingerprint, Outcome, Samples
from perf_pipeline.monitoring.generate import generated_files
from perf_pipeline.store.repository import Store
from perf_pipeline.suite_file import load_suite

COMMAND = Path(sys.executable).with_name("perf-pipeline")
TIMEOUT_S = 90.0  # five times what a run takes on a machine of its own


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line that a refused command says."""
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        return self.err.strip()


@dataclass(frozen=True)
class Project:
    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def suite_file(self) -> Path:
        return self.root / "k6" / parts.SUITE / names.SUITE_FILE

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PERF_")}
        own = {names.ENV_LOCK: str(self.root / "benchmark.lock"), "COLUMNS": "100", "NO_COLOR": "1"}
        return inherited | parts.environment(self.root) | own | more

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(COMMAND), *arguments],
            cwd=self.root,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str, **environment: str) -> Said:
        return said(self.start(*arguments, **environment))

    def store(self) -> Store:
        return Store(self.environment()[names.ENV_STORE_URL])


def said(process: subprocess.Popen[str]) -> Said:
    """Wait for its end. No command, whatever happens to it, may show a traceback."""
    with process:
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()  # the next benchmark ends what it had started
            raise
    assert "Traceback" not in out + err
    assert "internal error:" not in err
    return Said(process.returncode, out, err)


def make_project(root: Path) -> Project:
    """The tiny suite and all that is generated from it; nobody listens where its target ``own`` is."""
    parts.make_project(root)
    file = root / "k6" / parts.SUITE / names.SUITE_FILE
    text = file.read_text().replace("http://127.0.0.1:8000", f"http://127.0.0.1:{unused_port()}")
    file.write_text(text.replace("    duration: 5s\n", "    duration: 3s\n", 1))
    suite = load_suite(file)
    for path, text in generated_files(suite).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Project(root)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fill_store(project: Project) -> None:
    """Runs of the tiny suite on local: base-1, base-2 (baseline), slow (regressed), down (not ready)."""
    with project.store() as store:
        for number, name in enumerate(("base-1", "base-2")):
            ran(store, name, 10 * number, under=under())
        slow = measured(
            "slow",
            started_at=at(30),
            verdicts={"get_news": Verdict.REGRESSED},
            outcome=Outcome.REGRESSED,
            under=under(),
        )
        saved(store, slow)
        begun(store, "down", 40, request=slow.stack.request)
        store.set_outcome("down", Outcome.NOT_READY, "not_ready: run `perf-pipeline doctor`", at(41))
        begun(store, "under-way", 50, request=slow.stack.request, owner_pid=os.getpid())
    for number, name in enumerate(("base-1", "base-2", "slow")):
        folder = project.home / "runs" / name
        folder.mkdir(parents=True)
        slower = {"get_news": 2.0} if name == "slow" else {}
        write_samples(samples(seed=number, slower=slower), folder / names.SAMPLES)


def under() -> Fingerprint:
    return fingerprint(suite=parts.SUITE)


def write_samples(run: Mapping[str, Samples], file: Path) -> None:
    """Raw samples as a run leaves them."""
    endpoint = pl.Enum(list(run))
    pl.concat(
        pl.DataFrame(
            {
                "endpoint": pl.Series([name] * len(one.t_ms), dtype=endpoint),
                "start_unix_ms": one.t_ms,
                "duration_ms": one.duration_ms,
                "ok": one.ok,
            }
        )
        for name, one in run.items()
    ).write_parquet(file)
