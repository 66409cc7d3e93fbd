"""Runs with folders and a store, as archives are made from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from builders import samples
from cli_parts import write_samples
from store_parts import HOST, at, ran

from perf_pipeline import conventions as names
from perf_pipeline.archive.place import KeepGoing, Place, always
from perf_pipeline.archive.sweeping import Here, Swept, sweep
from perf_pipeline.core.model import Outcome, RunRequest
from perf_pipeline.project import Project
from perf_pipeline.report.json_report import render_json
from perf_pipeline.store.repository import Store

DEAD = {"owner_pid": 2**22 + 1, "owner_started": 1_700_000_000.0}  # beyond the largest pid: it lives nowhere
HERE = Here(host=HOST)


def project_in(root: Path) -> Project:
    return Project(root, root / "home", root / "tools", f"sqlite:///{root / 'home' / names.STORE_FILE}")


def clock(minute: float = 60) -> Callable[[], datetime]:
    return lambda: at(minute)


def fill_folder(project: Project, run_id: str, store: Store) -> Path:
    """What a run leaves: samples, record, logs, blocks of Prometheus."""
    folder = project.run_folder(run_id)
    (folder / names.TSDB_FOLDER / "01BLOCK" / "chunks").mkdir(parents=True)
    (folder / names.TSDB_FOLDER / "01BLOCK" / "chunks" / "000001").write_bytes(bytes(range(256)) * 8)
    (folder / names.RAW_SAMPLES).write_bytes(b"raw samples of " + run_id.encode())
    (folder / names.K6_LOG).write_text("level=info\n")
    (folder / ".being-written").write_text("no part of the run")
    write_samples(samples(seed=int(run_id[-1])), folder / names.SAMPLES)
    (folder / names.REPORT_JSON).write_text(render_json(store.record(run_id)))
    return folder


def three_runs(project: Project, store: Store) -> list[str]:
    """run-1 and run-2, measured, and run-3, which was not ready; all have ended."""
    for number in (1, 2):
        ran(store, f"run-{number}", 10 * number)
        fill_folder(project, f"run-{number}", store)
    request = RunRequest(suite="multiplayer", target="local", profile="standard", launched_by="tests")
    store.begin_run(run_id="run-3", request=request, run_folder="/gone", host=HOST, at=at(30), **DEAD)
    store.set_outcome("run-3", Outcome.NOT_READY, "not_ready: nobody there", at(31))
    return ["run-1", "run-2", "run-3"]


def swept(
    place: Place,
    store: Store,
    project: Project,
    *,
    minute: float = 60,
    keep_going: KeepGoing = always,
    lost_too: bool = False,
) -> Swept:
    return sweep(place, store, project, HERE, clock=clock(minute), keep_going=keep_going, lost_too=lost_too)
