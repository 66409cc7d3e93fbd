"""Where the time of a run went: what the load itself takes, and what we add to it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import psutil

from perf_pipeline.monitoring.k6_suite import PHASE_GAP_S
from perf_pipeline.suite import Profile

LOAD = "load"
AROUND = "start and end of the command"
LOAD_STEP = "load_test"


def where_it_went(runs: Sequence[Mapping[str, float]], profile: Profile) -> dict[str, float]:
    """Part -> seconds since this process began; ``load`` is the plan, ``load_test`` what came around it.

    ``runs``: step -> seconds, of each run of this process.
    """
    parts: dict[str, float] = {}
    load_s = 0.0
    for step_s in runs:
        planned_s = min(step_s.get(LOAD_STEP, 0.0), profile.warmup_s + PHASE_GAP_S + profile.duration_s)
        load_s += planned_s
        for step, seconds in step_s.items():
            parts[step] = parts.get(step, 0.0) + seconds - (planned_s if step == LOAD_STEP else 0.0)
    parts[AROUND] = time.time() - psutil.Process().create_time() - load_s - sum(parts.values())
    return {name: round(seconds, 2) for name, seconds in {LOAD: load_s, **parts}.items()}


def sentence(parts: Mapping[str, float]) -> str:
    """Such as ``120 s load, 8.1 s all else (monitoring_stack 1.2, load_test 1.9, ...)``."""
    rest = {name: seconds for name, seconds in parts.items() if name != LOAD}
    listed = ", ".join(f"{name} {seconds:.1f}" for name, seconds in rest.items())
    return f"{parts[LOAD]:.0f} s load, {sum(rest.values()):.1f} s all else ({listed})"
