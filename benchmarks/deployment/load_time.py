"""How long Dagster waits for the definitions: `python benchmarks/deployment/load_time.py`.

Best of ten fresh processes, beside the same for Dagster alone, since that is most of it. CPU time tells it
on a machine that does other things, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

RUNS = 10


def best(code: str) -> tuple[float, float]:
    """Wall and CPU seconds of the fastest of ten processes."""
    found = []
    for _ in range(RUNS):
        before, begun = os.times(), time.monotonic()
        subprocess.run([sys.executable, "-c", code], check=True)
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        found.append((time.monotonic() - begun, cpu))
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


def main() -> None:
    print("| process | wall | CPU |\n| --- | --- | --- |")
    for name, code in (
        ("Python alone", "pass"),
        ("`import dagster`", "import dagster"),
        ("`import perf_pipeline.definitions`", "import perf_pipeline.definitions"),
    ):
        wall, cpu = best(code)
        print(f"| {name} | {wall:.2f} s | {cpu:.2f} s |", flush=True)


if __name__ == "__main__":
    main()
