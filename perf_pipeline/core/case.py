"""One comparison, from effects to words: which tests stand, what each endpoint is called, who wants more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perf_pipeline.core import looks
from perf_pipeline.core.advice import Doubt, what_would_settle
from perf_pipeline.core.effects import Effects
from perf_pipeline.core.model import Direction, Effect, EndpointVerdict, Judgement, Verdict
from perf_pipeline.core.quantiles import QUANTILES, Floats
from perf_pipeline.core.service import Service
from perf_pipeline.core.wording import change, count, interval, listing
from perf_pipeline.suite import VerdictSettings

_LARGEST_LOG = 30.0  # a factor of 1e13: beyond it figures mean nothing, but must not overflow
_LARGEST = math.exp(_LARGEST_LOG)
_WORTH_A_RUN = 2.7  # undecided endpoints that one more run can be expected to settle
_FEW_UNDECIDED = 0.5  # of all endpoints: fewer are no reason for another run


@dataclass(frozen=True)
class Case:
    """All endpoints of one comparison; arrays of shape (quantiles, endpoints)."""

    names: Sequence[str]
    both: Sequence[Effects]
    settings: VerdictSettings
    look: int
    most_runs: int
    alarms: float
    baseline_runs: int
    seconds: float

    def level(self, rate: float) -> float:
        return looks.level(rate, self.look, self.most_runs, self.baseline_runs)

    @property
    def tolerances(self) -> tuple[float, float]:
        return self.settings.tolerance_p50_ratio, self.settings.tolerance_p95_ratio

    @property
    def margins(self) -> tuple[float, float]:
        return 0.0, math.log1p(looks.P95_MARGIN_SHARE * self.settings.tolerance_p95_ratio)

    def judged(self, whole: Service) -> Judgement:
        both = whole.rebased(self.both) if whole.verdict is not None else self.both
        number = len(self.names)
        slower, faster = (
            np.stack(
                [one.p_values(way, margin)[:number] for one, margin in zip(both, self.margins, strict=True)]
            )
            / looks.WEIGHTS
            for way in (+1, -1)
        )
        tests = int(np.isfinite(slower).sum())
        shown = list(zip(*(self._effects(one, row, tests) for row, one in enumerate(both)), strict=True))
        matters = np.array(
            [[effect is not None and self._matters(effect) for effect in pair] for pair in shown]
        ).T
        alarm = self.level(self.alarms)
        stands = looks.holm(slower, alarm).astype(int) - looks.holm(
            faster, alarm * looks.IMPROVED_SHARE
        ).astype(int)
        likely = looks.holm(slower, looks.LEANING_RATE).astype(int) - looks.holm(
            faster, looks.LEANING_RATE
        ).astype(int)
        verdicts = {
            name: self._verdict(
                place, shown[place], (stands * matters)[:, place], (likely * matters)[:, place], whole
            )
            for place, name in enumerate(self.names)
        }
        return Judgement(
            endpoints=verdicts,
            common=whole.effect if self.baseline_runs else None,
            candidates=self.look,
            more=self._more(verdicts, slower, faster, whole),
        )

    def _effects(self, one: Effects, row: int, tests: int) -> list[Effect | None]:
        """Of one quantile, per endpoint."""
        weight, margin = float(looks.WEIGHTS[row, 0]), self.margins[row]
        now, later = (
            np.expm1(looks.smallest_seen(which, self.alarms, tests, weight, self.most_runs) + margin)
            for which in (one, one.with_noise(one.noise.next_run()))
        )
        half = one.half_width(0.95)
        return [
            self._effect(one, place, half[place], (now[place], later[place]))
            if math.isfinite(one.effect[place])
            else None
            for place in range(len(self.names))
        ]

    def _effect(self, one: Effects, place: int, half: float, detectable: tuple[float, float]) -> Effect:
        log = float(one.effect[place])
        ratio, candidate_ms = _factor(log), math.exp(one.log[place])
        baseline_ms = candidate_ms / ratio
        floor = max(self.settings.floor_ratio, min(self.settings.floor_ms / baseline_ms, _LARGEST))
        now, later = (max(min(float(one_of_them), _LARGEST), floor) for one_of_them in detectable)
        return Effect(
            ratio=ratio,
            low=_factor(log - half),
            high=_factor(log + half),
            baseline_ms=baseline_ms,
            candidate_ms=candidate_ms,
            difference_ms=baseline_ms * (ratio - 1.0),
            noise_ratio=math.sqrt(one.noise.variance[place]),
            detectable_ratio=now,
            detectable_next_ratio=later,
        )

    def _matters(self, effect: Effect) -> bool:
        settings = self.settings
        return (
            abs(effect.ratio - 1.0) > settings.floor_ratio and abs(effect.difference_ms) > settings.floor_ms
        )

    def _verdict(
        self,
        place: int,
        effects: Sequence[Effect | None],
        stands: npt.NDArray[np.int64],
        likely: npt.NDArray[np.int64],
        whole: Service,
    ) -> EndpointVerdict:
        verdict, sentence, advice = self._word(place, effects, stands, whole)
        leaning = None
        if verdict is Verdict.INCONCLUSIVE and any(effects):
            leaning = Direction.SLOWER if 1 in likely else Direction.FASTER if -1 in likely else None
        if leaning is not None:
            advice = f"perhaps {leaning}, but identical runs differ so much now and then; {advice}"
        p50, p95 = effects
        return EndpointVerdict(
            endpoint=self.names[place],
            verdict=verdict,
            sentence=sentence,
            advice=advice,
            leaning=leaning,
            p50=p50,
            p95=p95,
        )

    def _word(
        self,
        place: int,
        effects: Sequence[Effect | None],
        stands: npt.NDArray[np.int64],
        whole: Service,
    ) -> tuple[Verdict, str, str]:
        """Verdict, sentence, advice. ``stands``: per quantile +1 slower, -1 faster."""
        said = ", ".join(
            f"{quantile.name} {change(effect.ratio)} (interval {interval(effect.low, effect.high)})"
            for quantile, effect in zip(QUANTILES, effects, strict=True)
            if effect is not None
        )
        beside = f"; {whole.beside}" if whole.beside else ""
        if 1 in stands:
            shape = (
                "; the other quantile became faster: the distribution changed its shape"
                if -1 in stands
                else ""
            )
            return Verdict.REGRESSED, f"slower: {said}{shape}{beside}", ""
        if -1 in stands:
            return Verdict.IMPROVED, f"faster: {said}{beside}", ""
        doubts = [
            Doubt(quantile.name, effect, one, place, tolerance)
            for quantile, effect, one, tolerance in zip(
                QUANTILES, effects, self.both, self.tolerances, strict=True
            )
            if effect is None or not 1 - tolerance <= effect.low <= effect.high <= 1 + tolerance
        ]
        if doubts:
            more = self.most_runs - self.look
            return Verdict.INCONCLUSIVE, said, what_would_settle(doubts, self.seconds, more)
        if whole.effect.stands is not None:
            advice = "changed as all other endpoints did: the figures are what is left beside that"
            return Verdict.INCONCLUSIVE, said, advice
        return Verdict.UNCHANGED, said, ""

    def _more(
        self, verdicts: Mapping[str, EndpointVerdict], slower: Floats, faster: Floats, whole: Service
    ) -> str:
        """Why one more run of this revision would help, or empty."""
        if self.look >= self.most_runs or not self.baseline_runs:
            return ""
        number = len(self.names)
        decided = np.array([one.verdict in _DECIDED for one in verdicts.values()])
        effect = np.stack([one.effect[:number] for one in self.both])
        beyond = np.log1p(np.array(self.tolerances))[:, None]
        suspect = looks.suspects(slower, faster, effect, beyond, self.look).any(axis=0) & ~decided
        if whole.verdict is None and (suspect.any() or whole.suspect):
            names = [name for name, is_one in zip(self.names, suspect, strict=True) if is_one]
            return f"{listing(names or ['the service as a whole'], 3)} may have changed: another run tells"
        undecided = np.array([one.verdict is Verdict.INCONCLUSIVE for one in verdicts.values()])
        if self.look > 1 or undecided.mean() < _FEW_UNDECIDED:
            return ""
        settled = self._would_settle()[undecided].sum()
        if settled < _WORTH_A_RUN:
            return ""
        open_ones = count(int(undecided.sum()), "endpoint")
        return f"{open_ones} undecided, of which another run may settle {settled:.0f}"

    def _would_settle(self) -> Floats:
        """Per endpoint: the chance that one more run shows it to be unchanged."""
        chances = [
            looks.chance_to_fit(one, _log1p(-tolerance), math.log1p(tolerance))[: len(self.names)]
            for one, tolerance in zip(self.both, self.tolerances, strict=True)
        ]
        least: Floats = np.nan_to_num(np.min(chances, axis=0))
        return least


_DECIDED = (Verdict.REGRESSED, Verdict.IMPROVED)


def _log1p(value: float) -> float:
    """No latency falls by more than 100 %: such a tolerance is bounded from above alone."""
    return math.log1p(value) if value > -1 else -_LARGEST_LOG


def _factor(log: float) -> float:
    return math.exp(min(max(log, -_LARGEST_LOG), _LARGEST_LOG))
