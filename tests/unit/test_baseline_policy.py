"""Which runs enter the automatic baseline by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from perf_pipeline.core.baseline import BaselineDecision, ImprovedRun, baseline_decision
from perf_pipeline.core.model import Outcome, Reason, SloStatus, Verdict
from perf_pipeline.suite import BaselinePolicy
from tests.unit.builders import RUN_ID, comparison, endpoint_slo, slo_report

IMPROVED, REGRESSED = Verdict.IMPROVED, Verdict.REGRESSED


def decide(**overrides: Any) -> BaselineDecision:
    """The decision for the good run: valid, passed, nothing changed; every argument open to change."""
    good: dict[str, Any] = {
        "policy": BaselinePolicy(),
        "slo": slo_report(),
        "comparison": comparison(),
        "outcome": Outcome.PASSED,
        "pending": [],
    }
    return baseline_decision(**(good | overrides))


def waiting(run_id: str, *endpoints: str) -> ImprovedRun:
    return ImprovedRun(run_id=run_id, endpoints=list(endpoints))


def improved(*endpoints: str) -> Any:
    return comparison(dict.fromkeys(endpoints, IMPROVED))


class TestARunThatIsAFairSampleEnters:
    def test_a_run_that_passed_unchanged(self) -> None:
        assert decide() == BaselineDecision(enter=True, run_ids=[RUN_ID], sentence="entered the baseline")

    def test_the_first_run_which_has_no_baseline_yet(self) -> None:
        first = comparison({"get_news": Verdict.NO_BASELINE}, compared=False, baseline=None)
        assert decide(comparison=first).enter

    def test_a_run_that_could_not_be_told_apart(self) -> None:
        assert decide(comparison=comparison({"get_news": Verdict.INCONCLUSIVE})).enter

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
        assert (decision.enter, decision.waits) == (False, False)
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
        decision = decide(comparison=mixed, pending=[waiting("before", "get_news")])
        assert (decision.enter, decision.waits) == (False, False)

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
        decision = decide(comparison=improved("get_news"), pending=[waiting("before", "get_news")])
        assert decision.run_ids == ["before", RUN_ID]

    def test_another_endpoint_confirms_nothing(self) -> None:
        """A B"""
        decision = decide(comparison=improved("get_news"), pending=[waiting("before", "get_state")])
        assert (decision.enter, decision.waits) == (False, True)

    def test_a_normal_run_enters_alone_and_leaves_the_lucky_one_out(self) -> None:
        """A (-)"""
        assert decide(pending=[waiting("before", "get_news")]).run_ids == [RUN_ID]

    def test_each_improvement_of_a_run_needs_its_own_confirmation(self) -> None:
        """A AB"""
        decision = decide(
            comparison=improved("get_news", "get_state"), pending=[waiting("before", "get_news")]
        )
        assert decision.waits

    def test_a_longer_chain_enters_as_far_as_neighbours_confirm_it(self) -> None:
        """(A) AB (A)"""
        chain = [waiting("first", "get_news"), waiting("second", "get_news", "get_state")]
        assert decide(comparison=improved("get_news"), pending=chain).run_ids == ["first", RUN_ID]

    def test_only_a_neighbour_confirms(self) -> None:
        """A B A"""
        chain = [waiting("first", "get_news"), waiting("second", "get_state")]
        assert decide(comparison=improved("get_news"), pending=chain).waits
