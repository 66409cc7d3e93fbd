"""What would turn an ``inconclusive`` into a verdict: more runs, a longer profile, a quieter machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perf_pipeline.core.effects import Effects, student
from perf_pipeline.core.judgement import Effect
from perf_pipeline.core.quantiles import Quantile
from perf_pipeline.core.wording import count, percent

_ENOUGH_RUNS = 5  # fewer baseline runs: what is typical here is still an assumption
_MOST_TIMES = 6  # a run so many times as long is no advice
_MOST_BASELINE = 20


@dataclass(frozen=True)
class Doubt:
    """A quantile whose interval is wider than its tolerance, or that has no effect at all (None)."""

    quantile: Quantile
    effect: Effect | None
    effects: Effects
    place: int  # of the endpoint among the witnesses
    tolerance_ratio: float

    @property
    def room_log(self) -> float:
        """How wide half the interval may be around no change."""
        below = -math.log1p(-self.tolerance_ratio) if self.tolerance_ratio < 1 else math.inf
        return min(below, math.log1p(self.tolerance_ratio))

    @property
    def needed_variance(self) -> float:
        """Of the effect, so that the 95 % interval around no change fits the room."""
        t = float(student(0.975, np.array(float(self.effects.degrees[self.place]))))
        return (self.room_log / t) ** 2

    @property
    def variance(self) -> float:
        """Of the effect as it is."""
        return float(self.effects.error[self.place]) ** 2

    def variance_with(self, candidates: int, baseline: int) -> float:
        """The same with so many more runs."""
        noise, one = self.effects.noise, float(self.effects.noise.variance[self.place])
        more = self.effects.error_with(self.effects.runs + candidates)[self.place] ** 2
        less = self.effects.error_with(self.effects.runs)[self.place] ** 2
        old = int(noise.runs[self.place])
        return self.variance + float(more - less) - one / old + one / (old + baseline)


def what_would_settle(doubts: Sequence[Doubt], seconds: float, more_looks: int) -> str:
    """One phrase.

    ``doubts``: at least one; ``seconds``: of a run; ``more_looks``: runs of the revision that may still come.
    """
    missing = [doubt for doubt in doubts if doubt.effect is None]
    if missing:
        one = missing[0].quantile
        return f"{one.name} cannot be compared: it needs {one.min_samples} successful requests in every run"
    worst = max(doubts, key=lambda one: one.variance / max(one.needed_variance, 1e-18))
    noise, place = worst.effects.noise, worst.place
    old = max(int(noise.runs[place]), 1)
    if old < _ENOUGH_RUNS:
        more = count(_ENOUGH_RUNS - old, "more baseline run")
        return f"{more} would tell the noise, of which little is known"
    if worst.variance <= worst.needed_variance:
        return "the change seen is near the tolerance" + (
            "; another run of this revision would help" if more_looks else ""
        )
    leaning = float(worst.effects.common[place]) ** 2 * float(noise.lean_variance[place])
    if leaning > worst.variance / 2:
        return "the machine was too different from the baseline's: repeat it in a quieter hour"
    spread = math.sqrt(float(noise.variance[place]))
    noisy = f"one run strays by {percent(math.expm1(spread))} in {worst.quantile.name}"
    return f"{noisy}; {_remedy(worst, old, seconds, more_looks)} would settle it"


def _remedy(doubt: Doubt, old: int, seconds: float, more_looks: int) -> str:
    """The least that makes the interval narrow enough, the noise staying as it is."""
    longer = _longer(doubt, seconds)
    if longer:
        return longer
    for extra in range(1, more_looks + 1):
        if doubt.variance_with(extra, 0) <= doubt.needed_variance:
            return count(extra, "more run") + " of this revision"
    for extra in range(1, _MOST_BASELINE - old + 1):
        if doubt.variance_with(0, extra) <= doubt.needed_variance:
            return f"about {count(extra, 'more baseline run')}"
    return "only a quieter machine"


def _longer(doubt: Doubt, seconds: float) -> str:
    """``3 more minutes``, when longer runs alone would do: that shrinks the sampling error, nothing else."""
    noise, place = doubt.effects.noise, doubt.place
    sampling = min(float(noise.error[place]) ** 2, float(noise.variance[place]))
    if seconds <= 0 or sampling < noise.variance[place] / 2:
        return ""
    runs, old = max(int(doubt.effects.runs[place]), 1), max(int(noise.runs[place]), 1)
    chance = sampling * (1 / runs + 1 / old)
    rest = doubt.variance - chance
    if rest >= doubt.needed_variance:
        return ""
    times = chance / (doubt.needed_variance - rest)
    if times > _MOST_TIMES:
        return ""
    return count(math.ceil((times - 1) * seconds / 60), "more minute") + " of load in every run"
