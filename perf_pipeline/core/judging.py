"""How a run is judged against a baseline: one way for the run itself and for its archive, years later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perf_pipeline.conventions import CONTROL
from perf_pipeline.core.confirmation import most_runs
from perf_pipeline.core.control import control_figures
from perf_pipeline.core.judgement import ControlFigures, Judgement
from perf_pipeline.core.model import FollowUp, LoadResult, RunSamples
from perf_pipeline.core.service import Elsewhere
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings


@dataclass(frozen=True)
class Judged:
    judgement: Judgement
    control: ControlFigures | None  # None: one side has no run with a control


def judge(
    *,
    baseline: Sequence[RunSamples],
    baseline_loads: Sequence[LoadResult],
    candidates: Sequence[RunSamples],
    load: LoadResult,
    settings: VerdictSettings,
    follow_up: FollowUp,
) -> Judged:
    """``baseline`` and ``candidates``: oldest first; ``load``: of the last candidate, the run itself."""
    judgement = compare(
        baseline,
        candidates,
        settings,
        control=CONTROL,
        elsewhere=_elsewhere(baseline_loads, load),
        most_runs=most_runs(follow_up, settings),
    )
    return Judged(judgement, control_figures(baseline, candidates))


def _elsewhere(baseline: Sequence[LoadResult], load: LoadResult) -> Elsewhere | None:
    """What other processes took of the machine's CPU; None where it was not measured."""
    usual = [_taken_by_others(one) for one in baseline]
    now = _taken_by_others(load)
    if now is None:
        return None
    return Elsewhere(baseline_ratio=[one for one in usual if one is not None], candidate_ratio=now)


def _taken_by_others(load: LoadResult) -> float | None:
    """Share of this machine, where the target runs here too; None: it has a machine of its own."""
    cpu = load.cpu
    if cpu is None or cpu.target_mean_ratio is None:
        return None
    return max(0.0, cpu.host_mean_ratio - cpu.k6_mean_ratio - cpu.target_mean_ratio)
