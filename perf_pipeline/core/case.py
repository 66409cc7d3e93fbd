"""One comparison, from effects to words: which tests stand, what each endpoint is called, who wants more."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perf_pipeline.core import looks
from perf_pipeline.core.advice import Doubt, what_would_settle
from perf_pipeline.core.effects import LARGEST, LARGEST_LOG, Effects, factor
from perf_pipeline.core.judgement import Direction, Effect, EndpointVerdict, Judgement, Verdict
from perf_pipeline.core.quantiles import QUANTILES, Floats
from perf_pipeline.core.service import Service
from perf_pipeline.core.wording import change, count, interval, listing, milliseconds, percent
from perf_pipeline.suite import VerdictSettings

_WORTH_A_RUN = 0.39  # of all endpoints are undecided and one more run can be expected to settle them


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
    near: float
    seconds: float

    def level(self, rate: float) -> float:
        return looks.level(rate, self.look, self.most_runs, self.baseline_runs, self.near)

    @property
    def tolerances(self) -> tuple[float, float]:
        return self.settings.tolerance_p50_ratio, self.settings.tolerance_p95_ratio

    @property
    def margins(self) -> tuple[float, float]:
        return 0.0, math.log1p(looks.P95_MARGIN_SHARE * self.settings.tolerance_p95_ratio)

    def judged(self, whole: Service) -> Judgement:
        """All endpoints in words."""
        both = whole.rebased(self.both) if whole.verdict is not None else self.both
        tests = self._tested(both)
        verdicts = {name: self._verdict(place, both, tests, whole) for place, name in enumerate(self.names)}
        return Judgement(
            endpoints=verdicts,
            common=whole.effect if self.baseline_runs else None,
            candidates=self.look,
            more=self._more(verdicts, both, tests, whole),
        )

    # -------------------------------------------------------------- figures

    def _tested(self, both: Sequence[Effects]) -> _Tested:
        slower, faster = (
            np.stack(
                [
                    one.p_values(way, margin)[: len(self.names)]
                    for one, margin in zip(both, self.margins, strict=True)
                ]
            )
            / looks.WEIGHTS
            for way in (+1, -1)
        )
        alarm = self.level(self.alarms)
        of_all = float(np.sum(np.isfinite(slower) * looks.WEIGHTS))
        shown = [
            self._effects(one, (float(weight), of_all), margin)
            for one, weight, margin in zip(both, looks.WEIGHTS[:, 0], self.margins, strict=True)
        ]
        return _Tested(
            slower=slower,
            faster=faster,
            shown=shown,
            stands=_signs(slower, alarm, faster, alarm * looks.IMPROVED_SHARE),
            likely=_signs(slower, looks.LEANING_RATE, faster, looks.LEANING_RATE),
            matters=self._over_the_floors(shown, lambda one: one.ratio),
            may_matter=self._over_the_floors(shown, lambda one: max(one.high, 2 - one.low)),
        )

    def _effects(self, one: Effects, weights: tuple[float, float], margin: float) -> list[Effect | None]:
        """Of one quantile, per endpoint."""
        now, later = (
            np.expm1(looks.smallest_seen(which, self.alarms, weights, self.most_runs) + margin)
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
        ratio, baseline_ms = factor(log), math.exp(one.noise.level[place])
        floor = max(self.settings.floor_ratio, min(self.settings.floor_ms / baseline_ms, LARGEST))
        now, later = (max(min(float(value), LARGEST), floor) for value in detectable)
        return Effect(
            ratio=ratio,
            low=factor(log - half),
            high=factor(log + half),
            baseline_ms=baseline_ms,
            candidate_ms=baseline_ms * ratio,
            difference_ms=baseline_ms * (ratio - 1.0),
            noise_ratio=math.sqrt(one.noise.variance[place]),
            detectable_ratio=now,
            detectable_next_ratio=later,
        )

    def _over_the_floors(
        self, shown: Sequence[Sequence[Effect | None]], ratio: Callable[[Effect], float]
    ) -> npt.NDArray[np.bool_]:
        def is_over(effect: Effect | None) -> bool:
            if effect is None:
                return False
            change = abs(ratio(effect) - 1.0)
            return change > self.settings.floor_ratio and effect.baseline_ms * change > self.settings.floor_ms

        return np.array([[is_over(effect) for effect in row] for row in shown])

    # -------------------------------------------------------------- words

    def _verdict(
        self, place: int, both: Sequence[Effects], tests: _Tested, whole: Service
    ) -> EndpointVerdict:
        effects = [row[place] for row in tests.shown]
        verdict, sentence, advice = self._word(place, both, tests, whole)
        leaning = None
        likely = (tests.likely * tests.matters)[:, place]
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
        self, place: int, both: Sequence[Effects], tests: _Tested, whole: Service
    ) -> tuple[Verdict, str, str]:
        """Verdict, sentence, advice."""
        effects = [row[place] for row in tests.shown]
        stands = (tests.stands * tests.matters)[:, place]
        said = ", ".join(
            f"{quantile.name} {change(effect.ratio)} (interval {interval(effect.low, effect.high)})"
            for quantile, effect in zip(QUANTILES, effects, strict=True)
            if effect is not None
        )
        beside = f"; {whole.beside}" if whole.beside else ""
        if 1 in stands:
            shape = "; the other quantile became faster: the distribution changed its shape"
            return Verdict.REGRESSED, f"slower: {said}{shape if -1 in stands else ''}{beside}", ""
        if -1 in stands:
            return Verdict.IMPROVED, f"faster: {said}{beside}", ""
        doubts = [
            Doubt(quantile, effect, one, place, tolerance)
            for quantile, effect, one, tolerance in zip(
                QUANTILES, effects, both, self.tolerances, strict=True
            )
            if effect is None or not 1 - tolerance <= effect.low <= effect.high <= 1 + tolerance
        ]
        advice = ""
        if doubts and tests.stands[:, place].any():
            advice = self._below_the_floors()
        elif doubts:
            advice = what_would_settle(doubts, self.seconds, self.most_runs - self.look)
        elif whole.moved_unexplained:
            advice = whole.advice
        return Verdict.INCONCLUSIVE if advice else Verdict.UNCHANGED, said, advice

    def _below_the_floors(self) -> str:
        settings = self.settings
        return (
            f"changed beyond doubt, but by less than {percent(settings.floor_ratio)} or "
            f"{milliseconds(settings.floor_ms)}: no run would make that count"
        )

    def _more(
        self,
        verdicts: Mapping[str, EndpointVerdict],
        both: Sequence[Effects],
        tests: _Tested,
        whole: Service,
    ) -> str:
        """Why one more run of this revision would help, or empty."""
        if self.look >= self.most_runs or not self.baseline_runs or whole.verdict is not None:
            return ""
        number = len(self.names)
        decided = np.array([one.verdict in _DECIDED for one in verdicts.values()])
        effect = np.stack([one.effect[:number] for one in both])
        beyond = np.log1p(np.array(self.tolerances))[:, None]
        suspect = looks.suspects(tests.slower, tests.faster, effect, beyond, self.look)
        open_ones = (suspect & tests.may_matter).any(axis=0) & ~decided
        if open_ones.any() or whole.suspect:
            names = [name for name, is_one in zip(self.names, open_ones, strict=True) if is_one]
            return f"{listing(names or ['the service as a whole'], 3)} may have changed: another run tells"
        if self.look > 1 or whole.moved_unexplained:
            return ""
        undecided = np.array([one.verdict is Verdict.INCONCLUSIVE for one in verdicts.values()])
        settled = float(self._would_settle(both)[undecided].sum())
        if settled < _WORTH_A_RUN * number:
            return ""
        said = count(int(undecided.sum()), "endpoint")
        return f"{said} undecided, of which another run may settle {max(settled, 1):.0f}"

    def _would_settle(self, both: Sequence[Effects]) -> Floats:
        """Per endpoint: the chance that one more run shows it to be unchanged."""
        chances = [
            looks.chance_to_fit(one, _log1p(-tolerance), math.log1p(tolerance))[: len(self.names)]
            for one, tolerance in zip(both, self.tolerances, strict=True)
        ]
        least: Floats = np.nan_to_num(np.min(chances, axis=0))
        return least


@dataclass(frozen=True)
class _Tested:
    """All tests of one comparison; arrays of shape (quantiles, endpoints)."""

    slower: Floats  # p-values divided by their weights
    faster: Floats
    shown: Sequence[Sequence[Effect | None]]
    stands: npt.NDArray[np.int64]  # beyond doubt: +1 slower, -1 faster
    likely: npt.NDArray[np.int64]
    matters: npt.NDArray[np.bool_]  # the estimate is over both floors
    may_matter: npt.NDArray[np.bool_]  # the far end of its interval is


_DECIDED = (Verdict.REGRESSED, Verdict.IMPROVED)


def _signs(slower: Floats, slower_rate: float, faster: Floats, faster_rate: float) -> npt.NDArray[np.int64]:
    signs: npt.NDArray[np.int64] = looks.holm(slower, slower_rate).astype(np.int64)
    signs -= looks.holm(faster, faster_rate)
    return signs


def _log1p(value: float) -> float:
    """No latency falls by more than 100 %: such a tolerance is bounded from above alone."""
    return math.log1p(value) if value > -1 else -LARGEST_LOG
