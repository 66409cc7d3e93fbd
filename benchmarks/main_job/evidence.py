"""What the main job must show, run for real: identical runs, a slowdown, failures, losses, an interrupt.

    python -m benchmarks.main_job.evidence --home DIR [--profile standard] [--only NAME ...]

Starts `perf-pipeline run` for each case as a user would, with a home folder of its own, one after the other,
and prints per case: exit code, the sentence, processes left behind; DIR/evidence.json keeps it, and a case
that is run again replaces its earlier entry. With the profile `standard` the whole takes about 35 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("perf-pipeline")
RUN_TIMEOUT_S = 600


@dataclass(frozen=True)
class Case:
    name: str
    expected_exit: set[int]
    faults: str = ""
    target: str = "local"
    after_load_s: float | None = None  # when to do ``meanwhile``, after k6 has been seen
    meanwhile: Callable[[Path, subprocess.Popen[bytes]], None] | None = None


def child(home: Path, word: str) -> psutil.Process | None:
    """The child of the running pipeline whose note's name holds ``word``."""
    for note in (home / "processes").glob("*.json"):
        entry = json.loads(note.read_text() or "{}")
        if word in entry.get("name", "").lower() and psutil.pid_exists(entry["pid"]):
            return psutil.Process(entry["pid"])
    return None


def kill_child(word: str) -> Callable[[Path, subprocess.Popen[bytes]], None]:
    def kill(home: Path, _run: subprocess.Popen[bytes]) -> None:
        process = child(home, word)
        assert process is not None, f"no {word} to kill"
        process.kill()

    return kill


def interrupt(_home: Path, run: subprocess.Popen[bytes]) -> None:
    run.send_signal(signal.SIGINT)


def cases() -> list[Case]:
    slow = "slow=get_game_data:50%"
    return [
        *(Case(f"identical {number}", {0}) for number in range(1, 7)),
        *(Case(f"get_game_data +50 % ({number})", {3}, faults=slow) for number in range(1, 4)),
        Case("join_room fails", {4}, faults="fail=join_room:100%"),
        Case("Prometheus killed", {5}, after_load_s=25, meanwhile=kill_child("prometheus")),
        Case("backend killed", {4}, after_load_s=25, meanwhile=kill_child("backend")),
        Case("target down", {6}, target="own"),
        Case("Ctrl-C", {130}, after_load_s=25, meanwhile=interrupt),
        Case("identical, at the end", {0}),
    ]


def wait_for_k6(home: Path, run: subprocess.Popen[bytes]) -> None:
    while run.poll() is None and child(home, "k6") is None:
        time.sleep(0.2)


def execute(case: Case, home: Path, profile: str) -> dict[str, object]:
    environment = {
        **os.environ,
        "PERF_PIPELINE_HOME": str(home),
        "PERF_DEMO_FAULTS": case.faults,
    }
    argv = [
        str(COMMAND),
        "run",
        "multiplayer",
        "--profile",
        profile,
        "--target",
        case.target,
        "--note",
        case.name,
        "--no-confirm",  # one line of the table is one run
        "--json",
    ]
    begun = time.monotonic()
    run = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    timer = threading.Timer(RUN_TIMEOUT_S, run.kill)
    timer.daemon = True
    timer.start()
    if case.meanwhile is not None:
        wait_for_k6(home, run)
        time.sleep(case.after_load_s or 0)
        if run.poll() is None:  # else it was refused, which its exit code tells
            case.meanwhile(home, run)
    out, _ = run.communicate()
    timer.cancel()
    answer = json.loads(out) if out.strip() else {}
    left = [entry.name for entry in (home / "processes").glob("*.json")]
    return {
        "case": case.name,
        "exit": run.returncode,
        "expected": sorted(case.expected_exit),
        "outcome": answer.get("outcome"),
        "sentence": answer.get("sentence"),
        "run": str(answer.get("run_id"))[:8],
        "run_id": answer.get("run_id"),
        "time_s": answer.get("time_s"),
        "wall_s": round(time.monotonic() - begun, 1),
        "left_behind": left,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--only", nargs="*", help="cases whose name begins so")
    args = parser.parse_args()
    home = args.home.resolve()
    file = home / "evidence.json"
    results = {entry["case"]: entry for entry in json.loads(file.read_text())} if file.exists() else {}
    bad = 0
    for case in cases():
        if args.only and not case.name.startswith(tuple(args.only)):
            continue
        result = execute(case, home, args.profile)
        results[case.name] = result
        file.write_text(json.dumps(list(results.values()), indent=1))
        good = result["exit"] in case.expected_exit and not result["left_behind"]
        bad += not good
        print(
            f"{'ok ' if good else 'BAD'} {case.name:26} exit {result['exit']:3} ({result['wall_s']} s) "
            f"{result['sentence']}",
            flush=True,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
