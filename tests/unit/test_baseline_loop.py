"""Run after run, with nobody looking: what does the baseline become? Verdict and policy together.

The store is a list here; ``tests/integration/test_store.py`` shows that the real one keeps the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from builders import samples, slo_report

from perf_pipeline.core.baseline import BaselineDecision, WaitingRun, baseline_decision
from perf_pipeline.core.model import Comparison, Judgement, Outcome, Samples, Verdict
from perf_pipeline.core.outcome import decide_outcome
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import BaselinePolicy, VerdictSettings

RUNS = 12
REQUESTS = 120
POLICY, SETTINGS = BaselinePolicy(), VerdictSettings()
Run = Mapping[str, Samples]


@dataclass
class Benchmark:
    """One fingerprint: its baseline, and the row of runs that wait."""

    members: dict[str, Run] = field(default_factory=dict)
    waiting: list[WaitingRun] = field(default_factory=list)
    seen: dict[str, Run] = field(default_factory=dict)

    def run(self, one: Run) -> tuple[Judgement, BaselineDecision]:
        """What the pipeline does at the end of a run."""
        run_id = f"run-{len(self.seen)}"
        self.seen[run_id] = one
        counting = list(self.members.values())[-POLICY.keep :]
        comparison = Comparison(
            run_id=run_id, compared=bool(counting), judgement=compare(counting, [one], SETTINGS)
        )
        slo = slo_report(run_id=run_id)
        outcome, _ = decide_outcome(slo, comparison)
        decision = baseline_decision(
            policy=POLICY,
            settings=SETTINGS,
            slo=slo,
            comparison=comparison,
            outcome=outcome,
            waiting=self.waiting,
        )
        self.members |= {entered: self.seen[entered] for entered in decision.run_ids}
        held = WaitingRun(run_id=run_id, signs=decision.signs)
        self.waiting = [*self.waiting, held] if decision.signs.seen else []
        assert outcome is not Outcome.INVALID
        return comparison.judgement, decision


def after(identical: int, *, seed: int, noise: float) -> Benchmark:
    benchmark = Benchmark()
    for number in range(identical):
        benchmark.members[f"old-{number}"] = normal(seed + number, noise)
    return benchmark


def normal(seed: int, noise: float, **changed: object) -> Run:
    return samples(seed=seed, n=REQUESTS, run_noise=noise, **changed)  # type: ignore[arg-type]


def slower_endpoint(factor: float) -> Callable[[int, float], Run]:
    return lambda seed, noise: normal(seed, noise, slower={"get_game_data": factor})


def slower_machine(factor: float) -> Callable[[int, float], Run]:
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
         baseline  12 runs of a slower revision
    """

    @pytest.mark.parametrize("seed", [1000, 2000, 3000])
    @pytest.mark.parametrize("noise", [0.01, 0.02])
    @pytest.mark.parametrize("identical", [1, 2, 5])
    @pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
    def test_is_never_taken_for_the_normal(
        self, changed: Callable[[int, float], Run], identical: int, noise: float, seed: int
    ) -> None:
        benchmark = after(identical, seed=seed, noise=noise)
        before = list(benchmark.members)
        for number in range(RUNS):
            judgement, decision = benchmark.run(changed(seed + 100 + number, noise))
            assert not decision.enter, f"run {number}: {decision.sentence}"
            slow = judgement.endpoints["get_game_data"]
            assert slow.verdict in (Verdict.REGRESSED, Verdict.INCONCLUSIVE), f"run {number}: {slow.sentence}"
        assert list(benchmark.members) == before

    @pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
    def test_is_forgotten_when_it_was_repaired(self, changed: Callable[[int, float], Run]) -> None:
        benchmark = after(5, seed=1, noise=0.02)
        for number in range(3):
            benchmark.run(changed(100 + number, 0.02))
        entered = [benchmark.run(normal(200 + number, 0.02))[1].enter for number in range(3)]
        assert entered[-1]
        assert not {"run-0", "run-1", "run-2"} & set(benchmark.members)


class TestASpeedUpThatStays:
    def test_is_the_new_normal_from_its_second_run_on(self) -> None:
        benchmark = after(5, seed=1, noise=0.02)
        first, second = (
            benchmark.run(normal(100 + number, 0.02, slower={"get_game_data": 0.6}))[1] for number in range(2)
        )
        assert (first.waits, second.run_ids) == (True, ["run-0", "run-1"])


class TestIdenticalRuns:
    @pytest.mark.parametrize("seed", range(0, 500, 100))
    @pytest.mark.parametrize("noise", [0.01, 0.04])
    def test_fill_the_baseline(self, noise: float, seed: int) -> None:
        benchmark = Benchmark()
        for number in range(8):
            benchmark.run(normal(seed + number, noise))
        assert len(benchmark.members) >= 5

    def test_go_on_filling_it_on_a_noisy_machine(self) -> None:
        """Each endpoint differs by 4 % by itself, and the machine is up to 30 % slower now and then."""
        benchmark = Benchmark()
        for number in range(30):
            benchmark.run(normal(number, 0.04, machine=(1.0, 1.1, 1.3, 1.0, 1.2)[number % 5]))
        assert len(benchmark.members) >= 20
