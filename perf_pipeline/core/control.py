"""How much the control is asked, and when its answers are good enough to be judged by. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from perf_pipeline.conventions import CONTROL
from perf_pipeline.core.judgement import ControlFigures
from perf_pipeline.core.model import EndpointCount, RunSamples
from perf_pipeline.suite import Profile

# As many as an endpoint gets in the usual two minutes: a longer run needs no more.
SAMPLES = 500
LEAST_PER_S, MOST_PER_S = 1, 10  # at 10 per second it takes about 2 % of a core
LEAST_ANSWERED_RATIO = 0.9  # with fewer it was not there throughout: what it says is of another time


def control_rate_per_s(profile: Profile) -> int:
    """Requests per second to the control, in the warm-up as in the measured phase."""
    return min(max(math.ceil(SAMPLES / profile.duration_s), LEAST_PER_S), MOST_PER_S)


def control_requests(profile: Profile) -> int:
    """Requests to the control that the measured phase holds."""
    return int(profile.duration_s * control_rate_per_s(profile))


def is_usable(count: EndpointCount | None) -> bool:
    """Whether the control's samples belong to the run's."""
    if count is None or not count.planned:
        return False
    return count.succeeded >= LEAST_ANSWERED_RATIO * count.planned


def without_control(samples: RunSamples) -> RunSamples:
    """The requests to the target alone."""
    return {name: one for name, one in samples.items() if name != CONTROL}


def control_figures(
    baseline: Sequence[RunSamples], candidates: Sequence[RunSamples]
) -> ControlFigures | None:
    """The control's p50 and p95 on both sides; None when one side has no run with it."""
    old, new = _middle(baseline), _middle(candidates)
    if old is None or new is None:
        return None
    return ControlFigures(p50_ms=new[0], p95_ms=new[1], baseline_p50_ms=old[0], baseline_p95_ms=old[1])


def _middle(runs: Sequence[RunSamples]) -> tuple[float, float] | None:
    """p50 and p95 in ms, each the geometric mean over the runs, which is what the judge compares."""
    durations = [run[CONTROL].successful_ms() for run in runs if CONTROL in run]
    figures = [np.quantile(one, (0.5, 0.95)) for one in durations if len(one)]
    if not figures:
        return None
    p50, p95 = np.exp(np.mean(np.log(np.maximum(figures, 1e-6)), axis=0))
    return float(p50), float(p95)
