"""Deploys seen by a real daemon, and what follows: ``python benchmarks/deploys/evidence.py DIR [PART...]``.

The reference backend is restarted with new revisions under a target of a small project of its own; Dagster's
daemon and webserver run as ``perf-pipeline ui`` starts them, the deploy sensor looks every 30 s, as it always
does, and every run is a real one (tiny profile, six seconds of load). Takes about fifteen minutes. What each
part found is kept in DIR/found.json, and RESULTS.md beside this file is written from that.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
sys.path.insert(0, str(SOURCE / "tests" / "integration"))

import dagster_parts as parts  # noqa: E402 - the folder has to be known first
import deploy_parts  # noqa: E402
import misbehaving  # noqa: E402
from dagster import DagsterInstance  # noqa: E402

from perf_pipeline import conventions as names  # noqa: E402
from perf_pipeline.defs.deploying import LOOK_EVERY_S, SENSOR  # noqa: E402
from perf_pipeline.defs.instance import prepare_dagster_home  # noqa: E402
from perf_pipeline.store.repository import Store, StoredDeploy, StoredRun  # noqa: E402
from perf_pipeline.store.values import DeployState  # noqa: E402

SETTLE_S = 20
PLACE = (parts.SUITE, deploy_parts.TARGET)
K6_LOCK = Path(tempfile.gettempdir()) / "k6.lock"  # who else loads this machine waits meanwhile
LONGEST_S = 240.0
FLAPS, FLAP_EVERY_S = 10, 6.0
HEALTH = "/api/v1/health/"
Row = tuple[str, ...]


@dataclass(frozen=True)
class Tick:
    began: datetime
    seconds: float
    skipped: str
    runs: list[str]


@dataclass
class World:
    root: Path
    backend: deploy_parts.Deployable

    def deploys(self) -> list[StoredDeploy]:
        """Oldest first."""
        with Store(os.environ[names.ENV_STORE_URL]) as store:
            return store.list_deploys(limit=100)[::-1]

    def runs(self) -> list[StoredRun]:
        with Store(os.environ[names.ENV_STORE_URL]) as store:
            return store.list_runs(limit=100)[::-1]

    def ticks(self, since: datetime) -> list[Tick]:
        """Of the deploy sensor, oldest first, those that are over."""
        with DagsterInstance.get() as instance:
            (state,) = [one for one in instance.all_instigator_state() if one.instigator_name == SENSOR]
            found = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since.timestamp())
        return [
            Tick(
                datetime.fromtimestamp(one.timestamp, UTC),
                (one.end_timestamp or one.timestamp) - one.timestamp,
                one.skip_reason or "",
                list(one.run_ids),
            )
            for one in found[::-1]
            if one.end_timestamp
        ]

    def wait_for_ticks(self, number: int) -> list[Tick]:
        since = now()
        until(lambda: len(self.ticks(since)) >= number, LOOK_EVERY_S * (number + 3))
        return self.ticks(since)


def now() -> datetime:
    return datetime.now(UTC)


def until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.1)


def say(line: str) -> None:
    print(f"{now():%H:%M:%S} {line}", flush=True)


@contextmanager
def alone() -> Iterator[None]:
    with K6_LOCK.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def all_ended(world: World, runs: int) -> bool:
    """More than so many runs there are, and none is under way: the machine is free again."""
    found = world.runs()
    return len(found) > runs and all(one.outcome is not None for one in found)


def settled(world: World) -> bool:
    """Nothing waits for a run any more."""
    return all(one.state not in (DeployState.PENDING, DeployState.LAUNCHED) for one in world.deploys())


def there_and_back(world: World) -> list[Row]:
    """Each new revision gets a run, also the one that was there before."""
    rows = []
    for revision in ("1.1.0", "1.2.0", "1.1.0"):
        before, runs = len(world.deploys()), len(world.runs())
        with alone():
            world.backend.deploy(revision)
            deployed_at = now()
            until(lambda: all_ended(world, runs), LONGEST_S)  # noqa: B023
        until(lambda: len(world.deploys()) > before and settled(world), LONGEST_S)  # noqa: B023
        deploy = world.deploys()[-1]
        ready = deploy.seen_at + timedelta(seconds=SETTLE_S)
        ticks = [one for one in world.ticks(deployed_at) if one.began >= ready]
        place = next(n for n, one in enumerate(ticks, start=1) if deploy.run_id in one.runs)
        rows.append(
            (
                f"{deploy.number}",
                f"{deploy.previous_revision} -> {deploy.revision}",
                f"{(deploy.seen_at - deployed_at).total_seconds():.0f} s",
                f"{place}",
                f"{(ticks[place - 1].began - deployed_at).total_seconds():.0f} s",
                deploy.state.value,
                deploy.sentence.partition(" ")[2].partition(" ")[2].partition(":")[0],
            )
        )
        say(f"deploy {rows[-1]}")
    return rows


def flapping(world: World) -> list[Row]:
    """What became of ten restarts within a minute; the last row: how many runs they gave."""
    world.backend.deploy("1.1.0")
    until(lambda: settled(world) and said_last(world).endswith("as before"), LONGEST_S)
    before, runs = len(world.deploys()), len(world.runs())
    with alone():
        began = time.monotonic()
        for number in range(FLAPS):
            world.backend.deploy("1.2.0" if number % 2 else "1.3.0")
            time.sleep(max(0.0, began + (number + 1) * FLAP_EVERY_S - time.monotonic()))
        say(f"{FLAPS} restarts in {time.monotonic() - began:.0f} s")
        last = world.backend.revision()
        until(lambda: world.deploys()[-1].revision == last and settled(world), LONGEST_S)
    world.wait_for_ticks(1)
    rows = [
        (f"{one.number}", f"{one.previous_revision} -> {one.revision}", one.state.value, one.sentence)
        for one in world.deploys()[before:]
    ]
    return [*rows, (f"{len(world.runs()) - runs}",)]


def said_last(world: World) -> str:
    ticks = world.ticks(now() - timedelta(seconds=LOOK_EVERY_S * 2))
    return ticks[-1].skipped if ticks else ""


def marking(world: World) -> list[Row]:
    """The same revision by a CI job, and the same once more with --again."""
    rows = []
    command = [str(Path(sys.executable).with_name("perf-pipeline")), "deploy", parts.SUITE]
    command += ["--target", deploy_parts.TARGET, "--revision", world.backend.revision() or ""]
    for more in ([], ["--again", "--note", "a second look"]):
        runs = len(world.runs())
        with alone() if more else nullcontext():
            answer = subprocess.run([*command, *more], capture_output=True, text=True, check=True)
            if more:
                until(lambda: all_ended(world, runs), LONGEST_S)  # noqa: B023
        until(lambda: settled(world), LONGEST_S)
        deploy = world.deploys()[-1]
        rows.append((" ".join([*command[1:], *more]), deploy.state.value, answer.stdout.strip()))
        say(f"marker {rows[-1]}")
    return rows


def breaking(world: World) -> list[Row]:
    """The endpoint answers badly for some ticks each; how long those took, and what they said."""
    answers: dict[str, Any] = {
        "a 500": misbehaving.sends(b"{}", 500),
        "HTML": misbehaving.sends(b"<html>It works!</html>"),
        "a redirect": misbehaving.sends(b"", 302, Location="http://127.0.0.1:1/"),
        "5 MB": misbehaving.sends_five_megabytes,
        "a stall of 30 s": misbehaving.stalls,
        "headers that drip for 30 s": misbehaving.drips_its_headers,
    }
    before = len(world.deploys())
    world.backend.stop()
    rows = []
    for name, answer in answers.items():
        with misbehaving.serving({HEALTH: answer}, port=world.backend.port):
            ticks = world.wait_for_ticks(2)[1:]
        reason = ticks[-1].skipped.replace(world.backend.url, "http://...")
        rows.append((name, f"{max(one.seconds for one in ticks):.1f} s", reason))
        say(f"broken {rows[-1]}")
    ticks = world.wait_for_ticks(2)[1:]
    rows.append(("nobody listens", f"{ticks[-1].seconds:.1f} s", ticks[-1].skipped))
    assert len(world.deploys()) == before, "a broken endpoint gave a deploy"
    return rows


def table(head: Row, rows: list[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


HEAD = f"""# Deploys, seen by a real daemon

    python benchmarks/deploys/evidence.py DIR

Real daemon and webserver, real sensor (a look every {LOOK_EVERY_S} s), the reference backend restarted under
a target with `source: version` and `settle: {SETTLE_S}s`, every run a real load of six seconds. The backend
ran 1.0.0 at the first look. An hour of a broken endpoint is simulated, in tests/unit/test_deploy_watch.py.
A run is invalid here when other work kept the machine busy: what it measures is not the point.
"""


def results(found: dict[str, list[Row]]) -> str:
    """What there is; a part that was not run is named."""
    shown = {"there": _there, "flaps": _flaps, "marks": _marks, "broken": _broken}
    parts_of_it = [HEAD, *(shown[name](found[name]) for name in PARTS if name in found)]
    left = [name for name in PARTS if name not in found]
    return "\n".join([*parts_of_it, *([f"Not run yet: {', '.join(left)}.\n"] if left else [])])


def _there(rows: list[Row]) -> str:
    head = ("deploy", "revisions", "first seen after", "tick", "run asked for after", "state", "outcome")
    return f"""## There and back: a run for each deploy

"Tick": the how manyth tick after the revision had settled it was that asked for the run.

{table(head, rows)}
"""


def _flaps(rows: list[Row]) -> str:
    *seen, (runs,) = rows
    return f"""## Ten restarts within a minute: runs: {runs}

1.3.0 and 1.2.0 in turn, every {FLAP_EVERY_S:g} s, 1.2.0 last; before, 1.1.0 ran. The sensor sees what is
there at its looks.

{table(("deploy", "revisions", "state", "why"), seen)}
"""


def _marks(rows: list[Row]) -> str:
    told = [(command, state, said.replace("\n", "<br>")) for command, state, said in rows]
    return f"""## A marker

{table(("command", "state", "it said"), told)}
"""


def _broken(rows: list[Row]) -> str:
    return f"""## A version endpoint that breaks: no deploy, and no tick over 15 s

{table(("answer", "longest tick", "what the tick said"), rows)}
"""


PARTS = {"there": there_and_back, "flaps": flapping, "marks": marking, "broken": breaking}


def main() -> None:
    root = Path(sys.argv[1]).resolve()
    wanted = sys.argv[2:] or list(PARTS)
    root.mkdir(parents=True, exist_ok=True)
    file = root / "found.json"
    found: dict[str, list[Row]] = json.loads(file.read_text()) if file.exists() else {}
    with deploy_parts.deployable(root / "backend") as backend, tempfile.TemporaryDirectory() as folder:
        backend.deploy("1.0.0")
        project = deploy_parts.watched_project(Path(folder), backend.url, settle=f"{SETTLE_S}s")
        os.environ |= parts.environment(project)
        os.environ[names.ENV_LOCK] = str(root / "perf.lock")
        prepare_dagster_home(project / "home")
        world = World(project, backend)
        with parts.dagster_ui(project) as ui:
            until(lambda: ui.ticks(SENSOR) > 0, 90)
            say("the daemon looks")
            for name in wanted:
                found[name] = PARTS[name](world)
                file.write_text(json.dumps(found, indent=1))
                (HERE / "RESULTS.md").write_text(results(found))


if __name__ == "__main__":
    main()
