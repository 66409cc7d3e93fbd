"""What would turn an ``inconclusive`` into a verdict: more runs, a longer profile, a quieter machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perf_pipeline.core.model import Effect
from perf_pipeline.core.noise import FEW_RUNS, PRIOR_RUNS, t_half_width
from perf_pipeline.core.wording import count, percent

_MOST_RUNS = 20  # more baseline runs than this is no advice


@dataclass(frozen=True)
class Doubt:
    """A quantile whose interval is wider than its tolerance, or that has no effect at all (None)."""

    quantile: str
    effect: Effect | None
    runs: int
    tolerance_ratio: float


def what_would_settle(doubts: Sequence[Doubt]) -> str:
    """One phrase. ``doubts``: at least one."""
    missing = [doubt.quantile for doubt in doubts if doubt.effect is None]
    if missing:
        return f"{missing[0]} cannot be compared: too few samples"
    runs = max(doubt.runs for doubt in doubts)
    if runs < FEW_RUNS:
        more = count(FEW_RUNS - runs, "more baseline run")
        return f"{more} would replace the assumed noise by the measured one"
    worst = max(doubts, key=_beyond)
    noisy = f"identical runs differ by {percent(math.expm1(_noise(worst)))} in {worst.quantile}"
    needed = max(_runs_needed(_noise(doubt), doubt.tolerance_ratio) for doubt in doubts)
    if needed > _MOST_RUNS:
        return f"{noisy}; a longer profile or a quieter machine would help"
    if needed > runs:
        return f"{noisy}; about {count(needed - runs, 'more baseline run')} would narrow that enough"
    return f"{noisy}; a second run of this revision would help"


def _noise(doubt: Doubt) -> float:
    return doubt.effect.noise_ratio if doubt.effect is not None else math.inf


def _beyond(doubt: Doubt) -> float:
    """How many times its tolerance the noise is."""
    return _noise(doubt) / doubt.tolerance_ratio if doubt.tolerance_ratio > 0 else math.inf


def _runs_needed(spread: float, tolerance_ratio: float) -> int:
    """Baseline runs until an interval around no effect fits the tolerance, the spread staying the same.

    No latency falls by more than 100 %: such a tolerance is bounded from above alone.
    """
    below = -math.log1p(-tolerance_ratio) if tolerance_ratio < 1 else math.inf
    widest = min(below, math.log1p(tolerance_ratio))
    for runs in range(FEW_RUNS, _MOST_RUNS + 1):
        half = t_half_width(0.95, PRIOR_RUNS + runs - 1) * spread * math.sqrt(1 + 1 / runs)
        if half <= widest:
            return runs
    return _MOST_RUNS + 1
