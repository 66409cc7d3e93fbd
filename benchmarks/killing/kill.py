"""Kill -9 at random moments, over and over: ``python benchmarks/killing/kill.py FOLDER [VICTIM...]``.

One run after the other is launched in a real Dagster with its storage, and the store, on a real PostgreSQL.
In each, one part is killed at a moment drawn (seeded) from launch to end; an init system's part is played by
this script, which starts a killed daemon or database again. Then everything has two minutes to settle, and
everything is checked. Results are lines in FOLDER/kills.jsonl; what is there already is not done again, and
RESULTS.md is written by table.py.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import checks
import dagster_parts as parts
from dagster import DagsterEventType, DagsterInstance
from world import Seen, World, wait_for

from perf_pipeline import conventions as names
from perf_pipeline.store.repository import Store

VICTIMS = ("k6", "prometheus", "worker", "daemon", "postgres")
KILLS = 10
SETTLE_S = 150.0
LAST, MONITORED_S = "after all", 300.0  # more than run monitoring gives a run to start, and its own pace
GONE_S = (0.5, 4.0)  # how long a database stays away
LIFE_S = {"k6": 8.0, "prometheus": 18.0}  # from its start; of the others from the launch of the run
FROM_LAUNCH = {"worker": 1.0, "daemon": 0.0, "postgres": 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("victims", nargs="*", default=VICTIMS)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--kills", type=int, default=KILLS)
    options = parser.parse_args()
    results = options.folder.resolve() / "kills.jsonl"
    world = World(options.folder.resolve())
    try:
        world.start_all()
        length_s = _length(world, results)
        for number in range(1, options.kills + 1):
            for victim in options.victims:
                if not _done(results, victim, number):
                    rng = random.Random(f"{options.seed} {victim} {number}")
                    _append(results, _one(world, victim, number, rng=rng, length_s=length_s))
        if not _done(results, LAST, 0):
            _append(results, _last(world))
    finally:
        world.stop_all()


def _length(world: World, results: Path) -> float:
    """How long a run takes from launch to end where nobody kills anything, in seconds."""
    for entry in _read(results):
        if entry["victim"] == "nobody":
            return float(entry["moment_s"])
    began = time.monotonic()
    run_id = _launch(world)
    world.ui.wait_for_end(run_id, 180)
    length_s = time.monotonic() - began
    with _asking() as (store, instance):
        said = checks.account(run_id, store, instance)
    _append(
        results, {"victim": "nobody", "number": 0, "moment_s": round(length_s, 1), "run_id": run_id, **said}
    )
    return length_s


def _last(world: World) -> dict[str, Any]:
    """When all kills are over and run monitoring had its time: nothing may be left at all."""
    world.start_all()
    with _asking() as (store, instance):
        wait_for(
            lambda: not checks.unfinished(instance) and not checks.without_archive(world, store), MONITORED_S
        )
        left = checks.unfinished(instance)
        return {
            "victim": LAST,
            "number": 0,
            "runs": len(store.list_runs(limit=1000)),
            "runs_in_dagster": instance.get_runs_count(),
            "members": checks.members(world),
            "archives": checks.archives(world),
            "problems": [f"run {run.run_id} is {run.status.value} in Dagster" for run in left]
            + checks.without_archive(world, store),
        }


def _one(world: World, victim: str, number: int, *, rng: random.Random, length_s: float) -> dict[str, Any]:
    world.start_all()
    world.seen.clear()
    at, began = checks.utc_now(), time.monotonic()
    run_id = _launch(world)
    killed = _kill(world, victim, rng, began=began, length_s=length_s)
    moment_s = time.monotonic() - began
    if victim == "postgres":
        time.sleep(rng.uniform(*GONE_S))
    world.database.start()
    world.start("daemon")
    killed_at = began + moment_s
    with _asking() as (store, instance):
        settled = wait_for(lambda: _settled(world, run_id, store, instance), SETTLE_S)
        settled_s = time.monotonic() - killed_at
        time.sleep(2)  # a notice is written last
        said = checks.account(run_id, store, instance)
        return {
            "victim": victim,
            "number": number,
            "killed": killed is not None,
            "moment_s": round(moment_s, 1),
            "phase": _phase(instance, run_id, at.timestamp() + moment_s),
            "settled_s": round(settled_s, 1),
            "run_id": run_id,
            **said,
            "problems": ([] if settled else ["not settled"]) + checks.problems(world, said, store, instance),
            "notices": checks.notices(store, at),
        }


def _kill(world: World, victim: str, rng: random.Random, *, began: float, length_s: float) -> Seen | None:
    """Wait for the moment and kill. None: the victim had ended of itself."""
    if victim in LIFE_S:
        wait_for(lambda: world.victim(victim) is not None, 120)
        moment = time.monotonic() + rng.uniform(0, LIFE_S[victim])
    else:
        moment = began + rng.uniform(FROM_LAUNCH[victim], length_s)
    while time.monotonic() < moment:
        time.sleep(min(1.0, max(0.0, moment - time.monotonic())))
        world.look()
    found = world.victim(victim)
    if found is not None:
        found.kill()
    return found


def _launch(world: World) -> str:
    """The page may still hold connections to a database that was killed: then it is pressed again."""
    run_ids: list[str] = []

    def press() -> bool:
        with suppress(KeyError):
            run_ids.append(world.ui.launch(parts.JOB, {"profile": parts.PROFILE, "follow_up": "nobody"}))
        return bool(run_ids)

    wait_for(press, 60)
    return run_ids[0]


def _settled(world: World, run_id: str, store: Store, instance: DagsterInstance) -> bool:
    with suppress(Exception):  # a database that is not quite back
        return checks.is_settled(world, run_id, store, instance)
    return False


def _phase(instance: DagsterInstance, run_id: str, at: float) -> str:
    """The step that ran at that moment."""
    phase = "launch"
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if entry.timestamp > at or event is None:
            continue
        if event.event_type is DagsterEventType.STEP_START:
            phase = (event.step_key or "").rpartition("__")[2]
        elif event.event_type in (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE):
            phase = "after its end"
    return phase


@contextmanager
def _asking() -> Iterator[tuple[Store, DagsterInstance]]:
    """The store and Dagster's instance, opened when the database is back."""
    deadline = time.monotonic() + 60
    with ExitStack() as until:
        while True:
            try:
                store = until.enter_context(Store(os.environ[names.ENV_STORE_URL]))
                instance = until.enter_context(DagsterInstance.get())
                break
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
        yield store, instance


def _done(results: Path, victim: str, number: int) -> bool:
    return any((one["victim"], one["number"]) == (victim, number) for one in _read(results))


def _read(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def _append(results: Path, entry: dict[str, Any]) -> None:
    with results.open("a") as file:
        file.write(json.dumps(entry) + "\n")
    print(json.dumps(entry), flush=True)


if __name__ == "__main__":
    main()
