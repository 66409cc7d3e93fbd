"""How often the judge was right, over trials of known truth. Pure.

Shares carry Wilson's 95 % interval (1927). It takes trials for independent; those of one history share their
runs, so that the true interval is somewhat wider.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from perf_pipeline.core.judgement import Judgement, Verdict
from perf_pipeline.core.model import RunSamples

_Z = 1.959964


@dataclass(frozen=True)
class Trial:
    """``candidate(n)``: the n-th run of the revision, from 0; None: there is none."""

    baseline: Sequence[RunSamples]
    candidate: Callable[[int], RunSamples | None]
    slower: Mapping[str, float] = field(default_factory=dict)  # endpoint -> true factor of both quantiles
    tail: frozenset[str] = frozenset()  # endpoints whose tail alone changed: no single true factor
    everything: bool = False  # all endpoints changed: what one of them did beside the others is nothing

    @property
    def changed(self) -> frozenset[str]:
        return self.tail | self.slower.keys()


@dataclass(frozen=True)
class Share:
    """``count`` of ``of``, with Wilson's 95 % interval."""

    count: float
    of: int

    @property
    def ratio(self) -> float:
        return self.count / self.of if self.of else math.nan

    @property
    def low(self) -> float:
        if not self.of:
            return math.nan
        return max(0.0, self._middle - self._half) if self.count else 0.0

    @property
    def high(self) -> float:
        return min(1.0, self._middle + self._half) if self.of else math.nan

    @property
    def _middle(self) -> float:
        return (self.ratio + _Z**2 / (2 * self.of)) / (1 + _Z**2 / self.of)

    @property
    def _half(self) -> float:
        spread = self.ratio * (1 - self.ratio) / self.of + _Z**2 / (4 * self.of**2)
        return _Z * math.sqrt(spread) / (1 + _Z**2 / self.of)


@dataclass
class Tally:
    """Counts over trials of one case; grows by ``add``."""

    trials: int = 0
    found: int = 0  # all that changed was called so, in the right direction
    false_alarms: int = 0  # something that did not change was called regressed
    false_improved: int = 0
    undecided: float = 0.0  # sum of the shares of endpoints that were inconclusive
    runs: int = 0  # of the revisions, together
    inside: dict[str, int] = field(
        default_factory=lambda: {"p50": 0, "p95": 0}
    )  # intervals that hold the truth
    intervals: dict[str, int] = field(default_factory=lambda: {"p50": 0, "p95": 0})
    half_logs: dict[str, float] = field(default_factory=lambda: {"p50": 0.0, "p95": 0.0})
    alarms_of: dict[str, int] = field(default_factory=dict)  # false ones, by endpoint
    changes: bool = False  # the case has something to find

    def add(self, trial: Trial, judgement: Judgement) -> None:
        """``judgement``: what was said of the trial in the end."""
        changed, faster = trial.changed, any(factor < 1 for factor in trial.slower.values())
        worse = {name for name, one in judgement.endpoints.items() if one.verdict is Verdict.REGRESSED}
        better = {name for name, one in judgement.endpoints.items() if one.verdict is Verdict.IMPROVED}
        said = judgement.common.verdict if judgement.common is not None else None
        self.changes = self.changes or bool(changed)
        self.trials += 1
        self.runs += judgement.candidates
        wrong = worse - (frozenset() if faster else changed)
        if wrong or (said is Verdict.REGRESSED and not changed):
            self.false_alarms += 1
        for name in wrong:
            self.alarms_of[name] = self.alarms_of.get(name, 0) + 1
        wrong_better = better - (changed if faster else frozenset())
        self.false_improved += bool(wrong_better or (said is Verdict.IMPROVED and not changed))
        found = changed <= (better if faster else worse)
        if trial.everything:
            found = found or said is (Verdict.IMPROVED if faster else Verdict.REGRESSED)
        self.found += bool(changed) and found
        open_ones = [one.verdict is Verdict.INCONCLUSIVE for one in judgement.endpoints.values()]
        self.undecided += sum(open_ones) / len(open_ones) if open_ones else 0.0
        if not trial.everything:
            self._intervals(trial, judgement)

    def _intervals(self, trial: Trial, judgement: Judgement) -> None:
        for name, one in judgement.endpoints.items():
            if name in trial.tail:
                continue
            truth = trial.slower.get(name, 1.0)
            for quantile, effect in (("p50", one.p50), ("p95", one.p95)):
                if effect is not None and effect.low > 0:
                    self.intervals[quantile] += 1
                    self.inside[quantile] += effect.low <= truth <= effect.high
                    self.half_logs[quantile] += math.log(effect.high / effect.low) / 2

    @property
    def alarm_share(self) -> Share:
        """Trials with a word too much: false alarms where nothing changed, collateral where something did."""
        return Share(self.false_alarms, self.trials)

    @property
    def improved_share(self) -> Share:
        """Trials in which something that did not become faster was called improved."""
        return Share(self.false_improved, self.trials)

    @property
    def found_share(self) -> Share:
        return Share(self.found, self.trials)

    @property
    def inconclusive_ratio(self) -> float:
        return self.undecided / self.trials if self.trials else math.nan

    @property
    def runs_per_verdict(self) -> float:
        return self.runs / self.trials if self.trials else math.nan

    def coverage(self, quantile: str) -> Share:
        return Share(self.inside[quantile], self.intervals[quantile])

    def half_width(self, quantile: str) -> float:
        """Mean half width of the 95 % intervals, as a share."""
        number = self.intervals[quantile]
        return math.expm1(self.half_logs[quantile] / number) if number else math.nan
