"""What would turn an ``inconclusive`` into a verdict: more runs, a longer profile, a quieter machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perf_pipeline.core.effects import Effects, student
from perf_pipeline.core.model import Effect
from perf_pipeline.core.wording import count, percent

_ENOUGH_RUNS = 5  # fewer baseline runs: what is typical here is still an assumption
_MOST_TIMES = 6  # a run so many times as long is no advice
_MOST_BASELINE = 20


@dataclass(frozen=True)
class Doubt:
    """A quantile whose interval is wider than its tolerance, or that has no effect at all (None)."""

    quantile: str
    effect: Effect | None
    effects: Effects
    place: int  # of the endpoint among the witnesses
    tolerance_ratio: float

    @property
    def room_log(self) -> float:
        """How wide half the interval may be around no change."""
        below = -math.log1p(-self.tolerance_ratio) if self.tolerance_ratio < 1 else math.inf
        return min(below, math.log1p(self.tolerance_ratio))

    def half_width(self, *, candidates: int, baseline: int, variance: float | None = None) -> float:
        """Half the 95 % interval with other numbers of runs, or another variance of one run."""
        noise = self.effects.noise
        variance = float(noise.variance[self.place]) if variance is None else variance
        t = float(student(0.975, np.array(float(noise.degrees[self.place]))))
        return t * math.sqrt(variance * (1 / candidates + 1 / baseline))


def what_would_settle(doubts: Sequence[Doubt], seconds: float, more_looks: int) -> str:
    """One phrase.

    ``doubts``: at least one; ``seconds``: of a run; ``more_looks``: runs of the revision that may still come.
    """
    missing = [doubt for doubt in doubts if doubt.effect is None]
    if missing:
        return f"{missing[0].quantile} cannot be compared: too few samples"
    worst = max(doubts, key=lambda one: one.half_width(candidates=1, baseline=1) / max(one.room_log, 1e-9))
    noise, place = worst.effects.noise, worst.place
    runs, old = max(int(worst.effects.runs[place]), 1), max(int(noise.runs[place]), 1)
    if old < _ENOUGH_RUNS:
        return (
            f"{count(_ENOUGH_RUNS - old, 'more baseline run')} would tell the noise, of which little is known"
        )
    spread = math.sqrt(float(noise.variance[place]))
    noisy = f"identical runs differ by {percent(math.expm1(spread))} in {worst.quantile}"
    if worst.half_width(candidates=runs, baseline=old) <= worst.room_log:
        return "the change seen is near the tolerance; 1 more run of this revision would help"
    return f"{noisy}; {_remedy(worst, runs, old, seconds, more_looks)} would settle it"


def _remedy(doubt: Doubt, runs: int, old: int, seconds: float, more_looks: int) -> str:
    """The least that makes the interval narrow enough, the noise staying as it is."""
    longer = _longer(doubt, runs, old, seconds)
    if longer:
        return longer
    for extra in range(1, more_looks + 1):
        if doubt.half_width(candidates=runs + extra, baseline=old) <= doubt.room_log:
            return count(extra, "more run") + " of this revision"
    for total in range(old + 1, _MOST_BASELINE + 1):
        if doubt.half_width(candidates=runs, baseline=total) <= doubt.room_log:
            return f"about {count(total - old, 'more baseline run')}"
    return "only a quieter machine"


def _longer(doubt: Doubt, runs: int, old: int, seconds: float) -> str:
    """``3 more minutes``, when a longer run alone would do: that shrinks the sampling error, nothing else."""
    noise, place = doubt.effects.noise, doubt.place
    variance, sampling = float(noise.variance[place]), float(noise.error[place]) ** 2
    needed = variance * (doubt.room_log / doubt.half_width(candidates=runs, baseline=old)) ** 2
    between = variance - sampling
    if seconds <= 0 or needed <= between or sampling < variance / 2:
        return ""
    times = sampling / (needed - between)
    if times > _MOST_TIMES:
        return ""
    return count(math.ceil((times - 1) * seconds / 60), "more minute")
