"""Night after night, with nobody looking: what does the baseline become? Verdict and policies together.

A night is a series: a run, and those that it asks for. The store is a list here;
``tests/integration/test_store.py`` shows that the real one keeps the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from builders import samples, slo_report

from perf_pipeline.core.baseline import BaselineDecision, Waiting, baseline_decision
from perf_pipeline.core.confirmation import why_one_more
from perf_pipeline.core.judgement import Comparison, Judgement, Series, Verdict
from perf_pipeline.core.model import Outcome, RunRequest, Samples
from perf_pipeline.core.outcome import decide_outcome
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import MOST_RUNS, BaselinePolicy, VerdictSettings

NIGHTS = 12
REQUESTS = 120
POLICY, SETTINGS = BaselinePolicy(), VerdictSettings()
Run = Mapping[str, Samples]
MakeRun = Callable[[int, float], Run]  # seed, noise


@dataclass
class Benchmark:
    """One fingerprint: its baseline, and the row of series that wait."""

    members: dict[str, Run] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    seen: dict[str, Run] = field(default_factory=dict)
    runs: int = 0

    def night(self, make: MakeRun, seed: int, noise: float) -> tuple[Judgement, BaselineDecision]:
        """What the pipeline does with a run and those that confirm it."""
        first, series = f"run-{len(self.seen)}", list[str]()
        frozen = list(self.members.values())[-POLICY.keep :]
        while True:
            run_id = f"run-{len(self.seen)}"
            self.seen[run_id] = make(1000 * seed + len(series), noise)
            self.runs += 1
            series.append(run_id)
            comparison = Comparison(
                run_id=run_id,
                compared=bool(frozen),
                series=Series(first_run_id=first, run_ids=series) if len(series) > 1 else None,
                judgement=compare(frozen, [self.seen[one] for one in series], SETTINGS),
            )
            asks, decision = self._decide(run_id, first, comparison, len(series))
            if not asks:
                break
            assert not decision.enter
        if decision.anew:
            self.members = {}
        self.members |= {entered: self.seen[entered] for entered in decision.run_ids}
        held = Waiting(run_ids=series, signs=decision.signs)
        self.waiting = [*self.waiting, held] if decision.signs.slower else []
        return comparison.judgement, decision

    def _decide(
        self, run_id: str, first: str, comparison: Comparison, loads: int
    ) -> tuple[str, BaselineDecision]:
        slo = slo_report(run_id=run_id)
        outcome, _ = decide_outcome(slo, comparison)
        assert outcome is not Outcome.INVALID
        asks = why_one_more(
            request=RunRequest(
                suite="s", target="t", profile="p", confirms=None if run_id == first else first
            ),
            policy=POLICY,
            settings=SETTINGS,
            slo=slo,
            comparison=comparison,
            outcome=outcome,
            loads=loads,
        )
        assert not (asks and loads == MOST_RUNS)
        decision = baseline_decision(
            policy=POLICY,
            settings=SETTINGS,
            slo=slo,
            comparison=comparison,
            outcome=outcome,
            asks=asks,
            waiting=self.waiting,
        )
        return asks, decision


def after(identical: int, *, seed: int, noise: float) -> Benchmark:
    benchmark = Benchmark()
    for number in range(identical):
        benchmark.members[f"old-{number}"] = normal(seed + number, noise)
    return benchmark


def normal(seed: int, noise: float, **changed: object) -> Run:
    return samples(seed=seed, n=REQUESTS, run_noise=noise, **changed)  # type: ignore[arg-type]


def slower_endpoint(factor: float) -> MakeRun:
    return lambda seed, noise: normal(seed, noise, slower={"get_game_data": factor})


def slower_machine(factor: float) -> MakeRun:
    return lambda seed, noise: normal(seed, noise, machine=factor)


CHANGES = {
    "one endpoint +30 %": slower_endpoint(1.3),
    "one endpoint +50 %": slower_endpoint(1.5),
    "everything x2": slower_machine(2.0),
}


class TestASlowdownThatStays:
    """
    ms |           o o o o o o o o o o o o      never the new normal
       | o o o o o
         baseline  12 nights of a slower revision
    """

    @pytest.mark.parametrize("seed", [1, 2])
    @pytest.mark.parametrize("noise", [0.01, 0.02])
    @pytest.mark.parametrize("identical", [1, 2, 5])
    @pytest.mark.parametrize("change", CHANGES)
    def test_is_never_taken_for_the_normal(
        self, change: str, identical: int, noise: float, seed: int
    ) -> None:
        benchmark = after(identical, seed=1000 * seed, noise=noise)
        before = list(benchmark.members)
        for number in range(NIGHTS):
            judgement, decision = benchmark.night(CHANGES[change], 100 * seed + number, noise)
            assert not decision.enter, f"night {number}: {decision.sentence}"
            slow = judgement.endpoints["get_game_data"]
            assert slow.verdict in (Verdict.REGRESSED, Verdict.INCONCLUSIVE), (
                f"night {number}: {slow.sentence}"
            )
        assert list(benchmark.members) == before

    @pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
    def test_is_forgotten_when_it_was_repaired(self, changed: MakeRun) -> None:
        benchmark = after(5, seed=1, noise=0.02)
        for number in range(3):
            benchmark.night(changed, 100 + number, 0.02)
        slow = {*benchmark.seen}
        entered = [benchmark.night(normal, 200 + number, 0.02)[1].enter for number in range(3)]
        assert entered[-1]
        assert not slow & {*benchmark.members}


class TestASpeedUpThatStays:
    def test_is_the_new_normal_after_the_night_that_confirmed_it(self) -> None:
        benchmark = after(5, seed=1, noise=0.02)
        _, decision = benchmark.night(slower_endpoint(0.6), 100, 0.02)
        assert (len(decision.run_ids) > 1, decision.anew) == (True, True)
        assert [*benchmark.members] == decision.run_ids


class TestIdenticalRuns:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("noise", [0.01, 0.04])
    def test_fill_the_baseline(self, noise: float, seed: int) -> None:
        benchmark = Benchmark()
        for number in range(8):
            benchmark.night(normal, 100 * seed + number, noise)
        assert len(benchmark.members) >= 5

    def test_go_on_filling_it_on_a_noisy_machine(self) -> None:
        """Each endpoint differs by 4 % by itself, and the machine is up to 30 % slower now and then."""
        benchmark = Benchmark()
        for number in range(30):
            machine = (1.0, 1.1, 1.3, 1.0, 1.2)[number % 5]
            benchmark.night(slower_machine(machine), number, 0.04)
        assert len(benchmark.members) >= 20
