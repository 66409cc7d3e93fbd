"""Which runs enter the automatic baseline by themselves."""

from __future__ import annotations

from typing import Any

import pytest
from builders import (
    RUN_ID,
    comparison,
    effect,
    endpoint_slo,
    endpoint_verdict,
    judgement,
    slo_report,
)

from perf_pipeline.core.baseline import BaselineDecision, WaitingRun, baseline_decision
from perf_pipeline.core.model import CommonEffect, Comparison, Direction, Outcome, Reason, SloStatus, Verdict
from perf_pipeline.core.signs import TOGETHER, Signs
from perf_pipeline.suite import BaselinePolicy, VerdictSettings

IMPROVED, REGRESSED, INCONCLUSIVE = Verdict.IMPROVED, Verdict.REGRESSED, Verdict.INCONCLUSIVE
SLOWER, FASTER = Direction.SLOWER, Direction.FASTER


def decide(**overrides: Any) -> BaselineDecision:
    """The decision for the good run: valid, passed, nothing changed; every argument open to change."""
    good: dict[str, Any] = {
        "policy": BaselinePolicy(),
        "settings": VerdictSettings(),
        "slo": slo_report(),
        "comparison": comparison(),
        "outcome": Outcome.PASSED,
        "waiting": [],
    }
    return baseline_decision(**(good | overrides))


def faster(run_id: str, *endpoints: str) -> WaitingRun:
    """A run that waits because these endpoints improved."""
    return WaitingRun(run_id=run_id, signs=Signs(faster=list(endpoints), certain=True))


def slower(run_id: str, *names: str, certain: bool = False) -> WaitingRun:
    """A run that stayed out because these seemed slower; ``certain``: they regressed."""
    return WaitingRun(run_id=run_id, signs=Signs(slower=list(names), certain=certain))


def improved(*endpoints: str) -> Comparison:
    return comparison(dict.fromkeys(endpoints, IMPROVED))


def leaning(endpoint: str, direction: Direction) -> Comparison:
    return undecided(endpoint, 1.3 if direction is SLOWER else 0.7, leaning=direction)


def undecided(endpoint: str, ratio: float, **more: Any) -> Comparison:
    """One endpoint is inconclusive, with this p50."""
    one = endpoint_verdict(endpoint, INCONCLUSIVE, p50=effect(ratio), **more)
    endpoints = judgement().endpoints | {endpoint: one}
    return comparison(judgement=judgement().model_copy(update={"endpoints": endpoints}))


def together(ratio: float, stands: Direction | None) -> Comparison:
    """All endpoints changed by this factor."""
    common = CommonEffect(p50_ratio=ratio, p95_ratio=ratio, sentence="all endpoints ...", stands=stands)
    return comparison(judgement=judgement(common=common))


class TestARunThatIsAFairSampleEnters:
    def test_a_run_that_passed_unchanged(self) -> None:
        assert decide() == BaselineDecision(enter=True, run_ids=[RUN_ID], sentence="entered the baseline")

    def test_the_first_run_which_has_no_baseline_yet(self) -> None:
        first = comparison({"get_news": Verdict.NO_BASELINE}, compared=False, baseline=None)
        assert decide(comparison=first).enter

    def test_a_run_that_could_not_be_told_apart_or_a_baseline_could_never_grow(self) -> None:
        assert decide(comparison=comparison({"get_news": INCONCLUSIVE})).enter
        assert decide(comparison=undecided("get_news", 1.3)).enter

    def test_a_run_on_a_slower_machine_within_what_baseline_runs_differ_by(self) -> None:
        assert decide(comparison=together(1.3, stands=None)).enter

    def test_a_run_over_a_latency_objective_since_regressions_must_be_found_there_too(self) -> None:
        slow = endpoint_slo(status=SloStatus.BREACHED, p95_ms=700.0, sentence="p95 700 ms over its objective")
        report = slo_report(
            endpoints=[slow],
            breaches=[Reason(name="slo_breached", sentence=f"get_game_data: {slow.sentence}")],
        )
        assert decide(slo=report, outcome=Outcome.SLO_BREACHED).enter


class TestARunThatIsNotStaysOutAndSaysWhy:
    def test_an_invalid_run(self) -> None:
        report = slo_report(valid=False, invalid_reasons=[Reason(name="generator_short", sentence="...")])
        decision = decide(slo=report, outcome=Outcome.INVALID)
        assert (decision.enter, decision.waits, decision.signs.seen) == (False, False, False)
        assert decision.sentence == "did not enter the baseline: the run is invalid (generator_short)"

    @pytest.mark.parametrize("outcome", [Outcome.NOT_READY, Outcome.CANCELLED, Outcome.LOST])
    def test_a_run_that_did_not_come_to_its_end(self, outcome: Outcome) -> None:
        assert decide(outcome=outcome).sentence == f"did not enter the baseline: the run is {outcome.value}"

    def test_a_regressed_run_until_a_person_accepts_it(self) -> None:
        decision = decide(comparison=comparison({"get_game_data": REGRESSED}), outcome=Outcome.REGRESSED)
        assert not decision.enter
        assert decision.sentence == (
            "did not enter the baseline: get_game_data regressed; if that is the new normal, "
            "accept it with `perf-pipeline baseline accept RUN --reason ...`"
        )

    def test_a_regression_weighs_more_than_an_improvement_elsewhere(self) -> None:
        mixed = comparison({"get_game_data": REGRESSED, "get_news": IMPROVED})
        decision = decide(comparison=mixed, waiting=[faster("before", "get_news")])
        assert (decision.enter, decision.waits) == (False, False)
        assert decision.signs.faster == []  # and it confirms nothing

    @pytest.mark.parametrize(
        "figures",
        [
            {"failed": 40, "error_ratio": 0.07},
            {"failed": 550, "error_ratio": 1.0, "error_objective_ratio": 1.0, "p50_ms": None, "p95_ms": None},
        ],
        ids=["over the objective", "without one success"],
    )
    def test_a_run_with_failing_requests(self, figures: dict[str, Any]) -> None:
        failing = endpoint_slo("join_room", status=SloStatus.BREACHED, **figures)
        decision = decide(slo=slo_report(endpoints=[failing]), outcome=Outcome.SLO_BREACHED)
        assert decision.sentence == "did not enter the baseline: join_room over the error objective"

    @pytest.mark.parametrize("name", ["target_lost", "target_stalled", "circuit_breaker"])
    def test_a_run_whose_latencies_leave_out_what_mattered(self, name: str) -> None:
        report = slo_report(breaches=[Reason(name=name, sentence="...")])
        assert decide(slo=report, outcome=Outcome.SLO_BREACHED).sentence.endswith(name)

    def test_every_run_where_the_suite_accepts_by_hand(self) -> None:
        assert "by hand" in decide(policy=BaselinePolicy(accept="manual")).sentence


class TestOneLuckyRunNeverMovesTheBaseline:
    """In the drawings: runs from left to right, letters are endpoints that improved, ( ) entered."""

    def test_an_improved_run_waits(self) -> None:
        """A"""
        decision = decide(comparison=improved("get_news"))
        assert (decision.enter, decision.waits, decision.run_ids) == (False, True, [])
        assert "get_news improved" in decision.sentence

    def test_the_next_run_confirms_it_and_both_enter(self) -> None:
        """(A) (A)"""
        decision = decide(comparison=improved("get_news"), waiting=[faster("before", "get_news")])
        assert decision.run_ids == ["before", RUN_ID]

    def test_another_endpoint_confirms_nothing(self) -> None:
        """A B"""
        decision = decide(comparison=improved("get_news"), waiting=[faster("before", "get_state")])
        assert (decision.enter, decision.waits) == (False, True)

    def test_a_normal_run_enters_alone_and_leaves_the_lucky_one_out(self) -> None:
        """A (-)"""
        assert decide(waiting=[faster("before", "get_news")]).run_ids == [RUN_ID]

    def test_each_improvement_of_a_run_needs_its_own_confirmation(self) -> None:
        """A AB"""
        decision = decide(
            comparison=improved("get_news", "get_state"), waiting=[faster("before", "get_news")]
        )
        assert decision.waits

    def test_a_longer_chain_enters_as_far_as_neighbours_confirm_it(self) -> None:
        """(A) AB (A)"""
        chain = [faster("first", "get_news"), faster("second", "get_news", "get_state")]
        assert decide(comparison=improved("get_news"), waiting=chain).run_ids == ["first", RUN_ID]

    def test_only_a_neighbour_confirms(self) -> None:
        """A B A"""
        chain = [faster("first", "get_news"), faster("second", "get_state")]
        assert decide(comparison=improved("get_news"), waiting=chain).waits

    def test_one_that_was_merely_perhaps_faster_is_confirmed_in_the_same_way(self) -> None:
        """a a"""
        first = decide(comparison=leaning("get_news", FASTER))
        assert (first.waits, first.signs) == (True, Signs(faster=["get_news"]))
        assert "get_news perhaps improved" in first.sentence
        row = [WaitingRun(run_id="before", signs=first.signs)]
        assert decide(comparison=leaning("get_news", FASTER), waiting=row).run_ids == ["before", RUN_ID]

    def test_all_endpoints_faster_together_are_confirmed_in_the_same_way(self) -> None:
        first = decide(comparison=together(0.5, FASTER))
        assert (first.waits, first.signs.faster) == (True, [TOGETHER])
        row = [WaitingRun(run_id="before", signs=first.signs)]
        assert decide(comparison=together(0.5, FASTER), waiting=row).run_ids == ["before", RUN_ID]


class TestASlowdownNeverBecomesTheNormalByRepetition:
    """In the drawings: capital letters are endpoints that regressed, small ones that lean there."""

    def test_a_run_that_is_perhaps_slower_waits(self) -> None:
        """a"""
        decision = decide(comparison=leaning("get_news", SLOWER))
        assert (decision.enter, decision.waits, decision.signs) == (False, True, Signs(slower=["get_news"]))
        assert decision.sentence == (
            "waits to enter the baseline: get_news perhaps slower; if that is the new normal, "
            "accept it with `perf-pipeline baseline accept RUN --reason ...`"
        )

    def test_the_next_one_that_sees_the_same_confirms_it_and_neither_enters(self) -> None:
        """a a"""
        assert decide(comparison=leaning("get_news", SLOWER), waiting=[slower("before", "get_news")]).waits

    def test_all_endpoints_slower_together_wait_in_the_same_way(self) -> None:
        decision = decide(comparison=together(2.0, SLOWER))
        assert (decision.waits, decision.signs.slower) == (True, [TOGETHER])
        assert "all endpoints together perhaps slower" in decision.sentence

    @pytest.mark.parametrize("certain", [True, False], ids=["regressed", "leaned"])
    def test_an_undecided_run_waits_while_what_was_slower_before_is_above_the_tolerance(
        self, certain: bool
    ) -> None:
        """A ~"""
        row = [slower("before", "get_news", certain=certain)]
        decision = decide(comparison=undecided("get_news", 1.15), waiting=row)
        assert (decision.waits, decision.signs.slower) == (True, ["get_news"])
        assert "get_news seemed slower in the run before and is not shown to be back" in decision.sentence
        assert decide(comparison=undecided("get_news", 1.05), waiting=row).enter
        assert decide(comparison=undecided("get_state", 1.15), waiting=row).enter

    def test_that_goes_on_from_run_to_run(self) -> None:
        """A ~ ~"""
        first = decide(comparison=undecided("get_news", 1.2), waiting=[slower("0", "get_news", certain=True)])
        row = [slower("0", "get_news", certain=True), WaitingRun(run_id="1", signs=first.signs)]
        assert decide(comparison=undecided("get_news", 1.2), waiting=row).waits

    def test_what_all_endpoints_shared_is_not_back_while_it_is_above_the_tolerance(self) -> None:
        row = [slower("before", TOGETHER)]
        assert decide(comparison=together(1.3, stands=None), waiting=row).waits
        assert decide(comparison=together(1.05, stands=None), waiting=row).enter

    def test_a_run_without_figures_does_not_end_it(self) -> None:
        silent = endpoint_verdict("get_news", INCONCLUSIVE, p50=None, p95=None)
        unknown = comparison(judgement=judgement().model_copy(update={"endpoints": {"get_news": silent}}))
        not_compared = comparison({"get_news": Verdict.NO_BASELINE}, compared=False, baseline=None)
        for nothing in (unknown, not_compared):
            assert decide(comparison=nothing).enter
        assert decide(comparison=unknown, waiting=[slower("before", "get_news", certain=True)]).waits

    def test_a_run_that_failed_as_well_is_remembered_as_slower(self) -> None:
        report = slo_report(breaches=[Reason(name="target_stalled", sentence="...")])
        decision = decide(
            slo=report, outcome=Outcome.SLO_BREACHED, comparison=comparison({"get_news": REGRESSED})
        )
        assert decision.signs == Signs(slower=["get_news"], certain=True)


class TestWhatDidNotComeAgainWasNoise:
    """And noise belongs into the baseline, or its spread would be underestimated."""

    def test_a_run_that_was_perhaps_slower_enters_with_the_next_normal_one(self) -> None:
        """(a) (-)"""
        decision = decide(waiting=[slower("before", "get_news")])
        assert decision.run_ids == ["before", RUN_ID]
        assert decision.sentence == (
            "entered the baseline together with 1 run before it, which had waited: "
            "what seemed changed there (get_news) did not come again"
        )

    def test_so_does_one_that_was_perhaps_faster(self) -> None:
        lucky = WaitingRun(run_id="before", signs=Signs(faster=["get_news"]))
        assert decide(waiting=[lucky]).run_ids == ["before", RUN_ID]

    def test_but_not_runs_that_saw_the_same(self) -> None:
        """a a (b) (-)"""
        row = [slower("0", "get_news"), slower("1", "get_news"), slower("2", "get_state")]
        assert decide(waiting=row).run_ids == ["2", RUN_ID]

    def test_nor_one_that_regressed_or_improved(self) -> None:
        """A (-)"""
        assert decide(waiting=[slower("before", "get_news", certain=True)]).run_ids == [RUN_ID]
        assert decide(waiting=[faster("before", "get_news")]).run_ids == [RUN_ID]
