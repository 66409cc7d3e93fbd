"""Two real runs, one finished and one cancelled: what they leave, what it weighs, and what it answers again.

    python benchmarks/run_folder/evidence.py > benchmarks/run_folder/RUNS.md

Works in a home folder of its own; takes a minute and a half.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from perf_pipeline import conventions as names
from perf_pipeline.prometheus.tsdb_snapshot import read_tsdb_info

COMMAND = str(Path(sys.executable).with_name("perf-pipeline"))
RUN = ["run", "multiplayer", "--profile", "smoke", "--no-confirm", "--quiet"]
CANCELLED_AFTER_S = 8.0  # of load
TIMEOUT_S = 120
OUTCOMES = "finished", "cancelled"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="run-folder-") as home:
        environment = os.environ | {names.ENV_HOME: home, names.ENV_LOCK: f"{home}/lock"}
        runs = Path(home) / "runs"
        subprocess.run([COMMAND, *RUN], env=environment, capture_output=True, timeout=TIMEOUT_S, check=False)
        (finished,) = runs.iterdir()
        process = subprocess.Popen(
            [COMMAND, *RUN], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        cancelled = begun(runs, finished)
        time.sleep(CANCELLED_AFTER_S)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait(TIMEOUT_S)
        took_s = time.monotonic() - asked
        folders = dict(zip(OUTCOMES, (finished, cancelled), strict=True))

        print("# What two runs leave\n")
        print("Made by `python benchmarks/run_folder/evidence.py`: twice")
        print(f"`perf-pipeline {' '.join(RUN)}`.")
        print(f"The second one got SIGINT after {CANCELLED_AFTER_S:.0f} s of load. It ended {took_s:.1f} s")
        print(f"later with exit code {code} and all of this in its folder.\n")
        print_sizes(folders)
        print_snapshots(folders)
        for outcome, folder in folders.items():
            print_answers(outcome, opened(folder, environment))


def begun(runs: Path, finished: Path) -> Path:
    """The folder of the second run, once its k6 has written."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        for folder in set(runs.iterdir()) - {finished}:
            raw = folder / names.RAW_SAMPLES
            if raw.exists() and raw.stat().st_size > 0:
                return folder
        time.sleep(0.05)
    raise SystemExit("the second run has not begun its load")


def print_sizes(folders: dict[str, Path]) -> None:
    found = {outcome: sizes(folder) for outcome, folder in folders.items()}
    print("| file | bytes, finished | bytes, cancelled |\n| --- | ---: | ---: |")
    for name in sorted(set().union(*found.values())):
        cells = [f"{found[one][name]:,}" if name in found[one] else "–" for one in OUTCOMES]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"| all | {' | '.join(f'{sum(found[one].values()):,}' for one in OUTCOMES)} |\n")


def sizes(folder: Path) -> dict[str, int]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    names_of = {file: re.sub(r"\b01[0-9A-Z]{24}\b", "BLOCK", str(file.relative_to(folder))) for file in files}
    return {names_of[file]: file.stat().st_size for file in files}


def print_snapshots(folders: dict[str, Path]) -> None:
    print("| snapshot of | seconds | blocks | series | samples | bytes | missing from the folder |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for outcome, folder in folders.items():
        info = read_tsdb_info(folder)
        series, samples = (sum(getattr(one, what) for one in info.blocks) for what in ("series", "samples"))
        missing = json.loads((folder / names.MISSING).read_text()) or "nothing"
        print(
            f"| {outcome} | {info.took_s:.2f} | {len(info.blocks)} | {series:,} | {samples:,} | "
            f"{info.size_bytes:,} | {missing} |"
        )
    print("\nThe second snapshot holds the first run, too: both were in Prometheus' memory.\n")


def opened(folder: Path, environment: dict[str, str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [COMMAND, "archive", "open", str(folder), "--once", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return list(json.loads(done.stdout)["endpoints"])


def print_answers(outcome: str, answers: list[dict[str, Any]]) -> None:
    print(f"`perf-pipeline archive open RUN --once`, the {outcome} run:\n")
    print("| endpoint | p95 in ms, in the run | p95 in ms, in a fresh Prometheus | the same |")
    print("| --- | ---: | ---: | --- |")
    for one in answers:
        recorded = "not asked" if one["recorded_p95_ms"] is None else f"{one['recorded_p95_ms']:.9f}"
        same = {True: "yes", False: "NO", None: "–"}[one["agrees"]]
        print(f"| {one['endpoint']} | {recorded} | {one['p95_ms']:.9f} | {same} |")
    print()


if __name__ == "__main__":
    main()
