"""Does every query of the platform's handbook give the right answer, as written? Real k6, both Prometheus.

    python -m benchmarks.monitoring.handbook --folder DIR [--only NAME ...] > benchmarks/monitoring/RESULTS.md

Six situations side by side, each with a backend and a Prometheus 2.42 and 3.5 of its own that hold the same
run, with the committed rules at their usual pace. Takes 15 minutes: most of it is waiting until a run has
been over for ten. DIR/evidence.json keeps what was found, so that ``--only`` repeats some situations of it,
such as the pipeline's own run on a machine that was too busy. Exit 1 when an answer is not the expected one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.monitoring.handbook_page import Answer, Evidence, Fired, page
from benchmarks.monitoring.questions import QUESTIONS, Situation, judge
from benchmarks.monitoring.worlds import Pair, backend, binaries, k6_run, project, prometheus_pair
from perf_pipeline.ports import free_port

DURING_S = 108.0  # after k6's start: the last evaluation has a whole minute behind it
MINUTE = 60.0
ALERT_POLL_S = 2.0
PIPELINE_TRIES = 3  # a benchmark on a machine that is busy otherwise is invalid
EXIT_SLO_BREACHED = 4


@dataclass(frozen=True)
class World:
    """Where one situation takes place; ``found`` is filled."""

    found: Evidence
    folder: Path
    programs: dict[str, Path]
    project: Path
    own_port: int  # where the project's target ``own`` is
    until: ExitStack

    def pair(self) -> Pair:
        return self.until.enter_context(prometheus_pair(self.folder / "prometheus", self.programs))

    def backend(self, name: str, faults: str = "", port: int = 0) -> tuple[str, subprocess.Popen[str]]:
        return self.until.enter_context(backend(self.folder / name, faults, port))

    def load(self, pair: Pair, url: str, testid: str, profile: str = "evidence") -> subprocess.Popen[bytes]:
        return self.until.enter_context(k6_run(self.project, pair, url, testid, profile))

    def ask(self, situation: Situation, pair: Pair, *, ago_s: float = 0) -> None:
        for question in QUESTIONS:
            if situation in question.expected:
                for version in pair.urls:
                    query = question.query.replace("{AGO}", f"{ago_s:.0f}s")
                    said = asdict(judge(question, situation, version, pair, query))
                    self.found.answers.append(Answer(question.title, situation, version, **said))

    def watch(self, name: str, pair: Pair, since: float, timeout_s: float) -> None:
        """Until the alert fires in every version."""
        left = set(pair.urls)
        while left and time.time() < since + timeout_s:
            for version in sorted(left):
                for alert in pair.alerts(version):
                    if alert["labels"]["alertname"] == name and alert["state"] == "firing":
                        says = alert["annotations"]["description"]
                        self.found.alerts.append(Fired(name, version, time.time() - since, says))
                        left.discard(version)
                        break
            time.sleep(ALERT_POLL_S)
        self.found.failed += [
            f"{name} did not fire on {version} within {timeout_s:.0f} s" for version in left
        ]


def wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def good(world: World) -> None:
    """A good run, what is left of it minutes later, and a second one."""
    pair = world.pair()
    url, _ = world.backend("data")
    first = time.time()
    k6 = world.load(pair, url, "good-1")
    wait_until(first + DURING_S)
    world.ask(Situation.GOOD, pair)
    k6.wait(5 * MINUTE)
    ended = time.time()
    wait_until(ended + 3 * MINUTE)
    world.ask(Situation.ENDED_3, pair)
    wait_until(ended + 10 * MINUTE)
    world.ask(Situation.ENDED_10, pair)
    again = time.time()
    world.load(pair, url, "good-2")
    wait_until(again + DURING_S)
    world.ask(Situation.AGAIN, pair, ago_s=again - first)


def slow(world: World) -> None:
    pair = world.pair()
    url, _ = world.backend("data", "slow=get_game_data:700ms")
    started = time.time()
    world.load(pair, url, "slow-1", "evidence_7m")
    wait_until(started + DURING_S)
    world.ask(Situation.SLOW, pair)
    world.watch("EndpointSLOViolation", pair, started, 425)


def failing(world: World) -> None:
    pair = world.pair()
    url, _ = world.backend("data", "fail=get_news:100%")
    started = time.time()
    k6 = world.load(pair, url, "failing-1", "evidence_4m")
    wait_until(started + DURING_S)
    world.ask(Situation.FAILING, pair)
    world.watch("HighErrorRate", pair, started, 238)
    k6.wait(5 * MINUTE)
    ended = time.time()
    wait_until(ended + 3 * MINUTE)
    world.ask(Situation.FAILED_3, pair)
    wait_until(ended + 10 * MINUTE)
    world.ask(Situation.FAILED_10, pair)


def dead(world: World) -> None:
    pair = world.pair()
    url, process = world.backend("data")
    started = time.time()
    world.load(pair, url, "dead-1")
    wait_until(started + 20)
    process.kill()
    wait_until(started + DURING_S + 4)
    world.ask(Situation.DEAD, pair)


def two(world: World) -> None:
    pair = world.pair()
    url, _ = world.backend("data")
    slower, _ = world.backend("slower", "slow=get_game_data:700ms")
    started = time.time()
    world.load(pair, url, "two-good")
    world.load(pair, slower, "two-slow")
    wait_until(started + DURING_S)
    world.ask(Situation.TWO, pair)


def pipeline(world: World) -> None:
    """Nothing at first; then a benchmark by the pipeline itself, which breaks its SLO."""
    pair = world.pair()
    time.sleep(MINUTE)
    world.ask(Situation.NONE, pair)
    world.backend("data", "fail=get_news:100%", world.own_port)
    for version, url in pair.urls.items():
        for attempt in range(PIPELINE_TRIES):
            done = _benchmark(world, url, world.folder / f"home-{version}-{attempt}")
            if done.returncode == EXIT_SLO_BREACHED:
                world.watch("BenchmarkSLOBreached", Pair({version: url}, ""), time.time(), 2 * MINUTE)
                break
        else:
            world.found.failed.append(
                f"the pipeline's run on {version}: {done.stdout[-400:]}{done.stderr[-400:]}"
            )


def _benchmark(world: World, prometheus_url: str, home: Path) -> subprocess.CompletedProcess[str]:
    words = [
        "--target",
        "own",
        "--profile",
        "smoke",
        "--prometheus",
        prometheus_url,
        "--no-confirm",
        "--quiet",
    ]
    own = {
        "PERF_PIPELINE_ROOT": str(world.project),
        "PERF_PIPELINE_HOME": str(home),
        "PERF_PIPELINE_LOCK": str(world.folder / "lock"),
    }
    return subprocess.run(
        [Path(sys.executable).with_name("perf-pipeline"), "run", *words],
        env={**os.environ, **own},
        cwd=world.project,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


SITUATIONS: dict[str, Callable[[World], None]] = {
    each.__name__: each for each in (good, slow, failing, dead, two, pipeline)
}


def take_place(name: str, folder: Path) -> Evidence:
    port = free_port()
    found = Evidence()
    with ExitStack() as until:
        try:
            root = project(folder / "project", f"http://127.0.0.1:{port}")
            SITUATIONS[name](World(found, folder, binaries(), root, port, until))
        except Exception as error:  # shown on the page; the others go on
            found.failed.append(f"{name}: {type(error).__name__}: {error}")
    return found


def read(file: Path) -> dict[str, Evidence]:
    if not file.exists():
        return {}
    return {
        name: Evidence(
            [Answer(**answer) for answer in each["answers"]],
            [Fired(**fired) for fired in each["alerts"]],
            each["failed"],
        )
        for name, each in json.loads(file.read_text()).items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=SITUATIONS, default=list(SITUATIONS))
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="handbook-") as scratch,
        ThreadPoolExecutor(len(SITUATIONS)) as pool,
    ):
        jobs = {name: pool.submit(take_place, name, Path(scratch) / name) for name in chosen.only}
        done = {name: job.result() for name, job in jobs.items()}
    file = chosen.folder / "evidence.json"
    every = read(file) | done
    file.write_text(json.dumps({name: asdict(each) for name, each in every.items()}, indent=1))
    print(page([every[name] for name in SITUATIONS if name in every]))
    return 0 if all(each.convinces for each in every.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
