"""What must hold after a kill: nothing left behind, and one account of every run."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from sqlalchemy import create_engine, text
from world import World

from perf_pipeline.archive.manifest import MANIFEST
from perf_pipeline.core.model import MEASURED, Outcome
from perf_pipeline.stack.lock import HostLock
from perf_pipeline.store.repository import Store

FINISHED = {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED}
RUNNING = "running"
NOT_BEGUN = "not begun"  # it died before its first step: only Dagster knows it
ACCEPTED = ("passed", "slo_breached", "regressed")
AGREE = {  # what the store says -> what Dagster may say
    Outcome.PASSED: {"SUCCESS"},
    Outcome.SLO_BREACHED: {"SUCCESS"},
    Outcome.REGRESSED: {"SUCCESS"},
    Outcome.INVALID: {"FAILURE"},
    Outcome.NOT_READY: {"FAILURE"},
    Outcome.CANCELLED: {"CANCELED"},
    Outcome.LOST: {"FAILURE"},
}


def is_settled(world: World, run_id: str, store: Store, instance: DagsterInstance) -> bool:
    """Dagster and the store have an end for the run, and none of its processes is there any more."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status not in FINISHED or world.look() or world.worker():
        return False
    return all(one.outcome is not None for one in store.list_runs(limit=5))


def account(run_id: str, store: Store, instance: DagsterInstance) -> dict[str, str]:
    """What store and Dagster say of the run."""
    run = instance.get_run_by_id(run_id)
    found = [one for one in store.list_runs(limit=50) if one.run_id == run_id]
    return {
        "dagster": run.status.value if run else "unknown",
        "outcome": found[0].outcome.value
        if found and found[0].outcome
        else RUNNING
        if found
        else "not begun",
        "sentence": found[0].sentence if found else "",
    }


def problems(world: World, said: dict[str, str], store: Store, instance: DagsterInstance) -> list[str]:
    """One phrase for each thing that should not be."""
    found = [f"orphan {one.what} (pid {one.pid})" for one in world.seen if one.lives()]
    found += [f"note {file.name}" for file in (world.home / "processes").glob("*")]
    found += [f"half file {file}" for file in _halves(world.home)]
    busy = HostLock(world.folder / "benchmark.lock").busy()
    if busy:
        found.append(f"host lock held: {busy}")
    found += [
        f"run {one.run_id} still running in the store" for one in store.list_runs(limit=50) if not one.outcome
    ]
    # One whose launch was answered with an error was never started; run monitoring ends it after 180 s, which
    # is looked at when all kills are over.
    left = [run for run in unfinished(instance) if run.status is not DagsterRunStatus.NOT_STARTED]
    found += [f"run {run.run_id} is {run.status.value} in Dagster" for run in left]
    found += _half_archives(world)
    found += _baseline(world)
    return found + _disagreement(said)


def unfinished(instance: DagsterInstance) -> list[DagsterRun]:
    return [run for run in instance.get_runs(limit=200) if run.status not in FINISHED]


def members(world: World) -> int:
    """Runs that count in a baseline."""
    return len(_members(world))


def archives(world: World) -> int:
    return len([*_archive(world).glob(f"*/*/*/*/{MANIFEST}")])


def without_archive(world: World, store: Store) -> list[str]:
    """The archive sensor has had its time."""
    there = {file.parent.name.partition(".")[0] for file in _archive(world).glob(f"*/*/*/*/{MANIFEST}")}
    return [
        f"run {one.run_id} has no archive" for one in store.list_runs(limit=1000) if one.run_id not in there
    ]


def notices(store: Store, since: datetime) -> list[str]:
    """What housekeeping said of it."""
    return [one.sentence for one in store.notices(since=since - timedelta(seconds=1))]


def _halves(home: Path) -> list[Path]:
    return [*home.glob("processes/*.part"), *(file for file in (home / "runs").rglob(".*") if file.is_file())]


def _archive(world: World) -> Path:
    return world.home / "archive"


def _half_archives(world: World) -> list[str]:
    """Folders without a manifest, and what a dead writer left; one that is at work is done in seconds."""

    def halves() -> set[Path]:
        runs = [one for one in _archive(world).glob("*/*/*/*") if one.is_dir()]
        return {one for one in runs if one.name.startswith(".") or not (one / MANIFEST).is_file()}

    first = halves()
    if first:
        time.sleep(5)
    return [f"half archive {one.name}" for one in sorted(first & halves())]


def _baseline(world: World) -> list[str]:
    """Members that are no accepted run, or whose run says something else."""
    rows = _members(world)
    wrong = [f"baseline has run {row[0]} which is {row[1]}" for row in rows if row[1] not in ACCEPTED]
    for run_id, _, record in rows:
        document = json.loads(record) if isinstance(record, str) else record
        said = (document or {}).get("baseline_sentence", "")
        if "did not enter" in said:
            wrong.append(f"run {run_id} is in the baseline and says that it {said[:40]}")
    return wrong


def _members(world: World) -> list[Any]:
    engine = create_engine(world.database.url.replace("postgresql:", "postgresql+psycopg2:"))
    query = text(
        "SELECT m.run_id, r.outcome, r.record FROM perf_baseline_members m "
        "LEFT JOIN perf_runs r ON r.run_id = m.run_id WHERE m.removed_at IS NULL"
    )
    with engine.connect() as connection:
        rows = [*connection.execute(query).all()]
    engine.dispose()
    return rows


def _disagreement(said: dict[str, str]) -> list[str]:
    """A run that was measured may have failed in Dagster afterwards: its report can be made again."""
    if said["outcome"] == "not begun":
        return (
            [] if said["dagster"] in ("FAILURE", "CANCELED") else [f"unknown to the store, {said['dagster']}"]
        )
    if said["outcome"] == RUNNING:
        return []  # said already
    outcome = Outcome(said["outcome"])
    if said["dagster"] in AGREE[outcome] or (outcome in MEASURED and said["dagster"] == "FAILURE"):
        return []
    return [f"the store says {outcome.value}, Dagster {said['dagster']}"]


def utc_now() -> datetime:
    return datetime.now(UTC)
