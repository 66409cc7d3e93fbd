"""What must hold after a kill: nothing left behind, and one account of every run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus
from sqlalchemy import create_engine, text
from world import World

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
    unfinished = [run for run in instance.get_runs(limit=50) if run.status not in FINISHED]
    found += [f"run {run.run_id} is {run.status.value} in Dagster" for run in unfinished]
    found += _baseline(world)
    return found + _disagreement(said)


def notices(store: Store, since: datetime) -> list[str]:
    """What housekeeping said of it."""
    return [one.sentence for one in store.notices(since=since - timedelta(seconds=1))]


def _halves(home: Path) -> list[Path]:
    return [*home.glob("processes/*.part"), *(file for file in (home / "runs").rglob(".*") if file.is_file())]


def _baseline(world: World) -> list[str]:
    """Members that are no accepted run, or whose run says something else."""
    engine = create_engine(world.database.url.replace("postgresql:", "postgresql+psycopg2:"))
    query = text(
        "SELECT m.run_id, r.outcome, r.record FROM perf_baseline_members m "
        "LEFT JOIN perf_runs r ON r.run_id = m.run_id"
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    engine.dispose()
    wrong = [f"baseline has run {row[0]} which is {row[1]}" for row in rows if row[1] not in ACCEPTED]
    for run_id, _, record in rows:
        document = json.loads(record) if isinstance(record, str) else record
        said = (document or {}).get("baseline_sentence", "")
        if "did not enter" in said:
            wrong.append(f"run {run_id} is in the baseline and says that it {said[:40]}")
    return wrong


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
