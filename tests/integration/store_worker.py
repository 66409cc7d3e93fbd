"""One of several processes that write to one store at once: ``store_worker.py URL NAME RUNS``.

Waits for a line on stdin, then opens the store (which may be empty), writes its own runs and lets them, and
runs that all processes write, into the baseline.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from builders import STARTED
from store_parts import POLICY, measured, saved

from perf_pipeline.core.baseline import BaselineDecision
from perf_pipeline.store.repository import Store


def main(url: str, name: str, runs: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    with Store(url) as store:
        for number in range(runs):
            for run_id in (f"{name}-{number}", f"shared-{number}"):
                saved(store, measured(run_id, started_at=STARTED + timedelta(minutes=number)))
                decision = BaselineDecision(enter=True, run_ids=[run_id], sentence="entered the baseline")
                store.apply_decision(decision, run_id=run_id, policy=POLICY, at=STARTED)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
