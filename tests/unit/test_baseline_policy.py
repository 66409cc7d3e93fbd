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

from perf_pipeline.core.baseline import BaselineDecision, Waiting, baseline_decision
from perf_pipeline.core.judgement import BaselineRef, CommonEffect, Comparison, Direction, Series, Verdict
from perf_pipeline.core.model import Outcome, Reason, SloStatus
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
        "asks": "",
        "waiting": [],
    }
    return baseline_decision(**(good | overrides))


def slower(run_id: str, *names: str, certain: bool = False) -> Waiting:
    """A run that stayed out because these seemed slower; ``certain``: they regressed."""
    return Waiting(run_ids=[run_id], signs=Signs(slower=list(names), certain=certain))


def confirmed(found: Comparison) -> Comparison:
    """The same, judged over two runs: ``first`` and the run itself."""
    return found.model_copy(update={"series": Series(first_run_id="first", run_ids=["first", RUN_ID])})


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
        assert (decision.enter, decision.waits, decision.held) == (False, False, [])
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

    def test_a_service_that_regressed_as_a_whole(self) -> None:
        whole = CommonEffect(p50_ratio=1.2, p95_ratio=1.2, sentence="...", verdict=REGRESSED)
        decision = decide(comparison=comparison(judgement=judgement(common=whole)), outcome=Outcome.REGRESSED)
        assert "all endpoints together regressed" in decision.sentence

    def test_a_regression_weighs_more_than_an_improvement_elsewhere(self) -> None:
        mixed = confirmed(comparison({"get_game_data": REGRESSED, "get_news": IMPROVED}))
        decision = decide(comparison=mixed)
        assert (decision.enter, decision.waits, decision.held) == (False, False, ["first", RUN_ID])

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


class TestASeriesEntersOrStaysOutAsAWhole:
    def test_it_waits_while_one_more_run_is_asked_for(self) -> None:
        decision = decide(comparison=leaning("get_news", SLOWER), asks="get_news may have changed")
        assert (decision.enter, decision.waits, decision.held) == (False, True, [RUN_ID])
        assert decision.sentence == (
            "waits to enter the baseline: one more run of this revision decides about them together"
        )

    def test_it_enters_when_nothing_seems_changed_any_more(self) -> None:
        decision = decide(comparison=confirmed(comparison({"get_news": INCONCLUSIVE})))
        assert (decision.run_ids, decision.anew) == (["first", RUN_ID], False)
        assert decision.sentence == "entered the baseline with the 1 run of its series before it"

    def test_it_stays_out_when_it_regressed_or_still_seems_slower(self) -> None:
        regressed = decide(comparison=confirmed(comparison({"get_news": REGRESSED})))
        leaning_still = decide(comparison=confirmed(leaning("get_news", SLOWER)))
        for decision in (regressed, leaning_still):
            assert (decision.enter, decision.held) == (False, ["first", RUN_ID])
            assert decision.signs.slower == ["get_news"]

    def test_an_invalid_run_changes_nothing_of_what_is_known_of_the_others(self) -> None:
        decision = decide(slo=slo_report(valid=False), outcome=Outcome.INVALID)
        assert (decision.enter, decision.held) == (False, [])


class TestAnImprovement:
    def test_that_a_second_run_confirmed_begins_the_baseline_anew(self) -> None:
        decision = decide(comparison=confirmed(improved("get_news")))
        assert (decision.run_ids, decision.anew) == (["first", RUN_ID], True)
        assert decision.sentence == (
            "began the baseline anew: get_news improved, and 2 runs of this revision agree"
        )

    def test_of_one_lucky_run_never_moves_the_baseline(self) -> None:
        decision = decide(comparison=improved("get_news"))
        assert (decision.enter, decision.held) == (False, [RUN_ID])
        assert "get_news improved, and one run alone does not move it" in decision.sentence

    def test_waits_for_a_person_where_the_suite_says_so(self) -> None:
        decision = decide(
            comparison=confirmed(improved("get_news")), policy=BaselinePolicy(improvements="manual")
        )
        assert not decision.enter
        assert "get_news improved, and this suite accepts that by hand" in decision.sentence

    def test_on_a_pinned_release_says_nothing_of_the_automatic_baseline(self) -> None:
        pinned = BaselineRef(mode="pinned", run_ids=["release"], revisions=["rev-1"])
        decision = decide(comparison=improved("get_news").model_copy(update={"baseline": pinned}))
        assert (decision.enter, decision.anew) == (True, False)

    def test_that_is_merely_likely_enters_as_any_undecided_run_does(self) -> None:
        """Were such runs left out, and not those that lean to the other side, the baseline would be slow."""
        assert decide(comparison=leaning("get_news", FASTER)).enter
        assert decide(comparison=together(0.5, FASTER)).enter


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

    def test_so_do_far_slower_ones_where_nothing_tells_the_machine_from_the_service(self) -> None:
        assert decide(comparison=together(2.0, stands=None)).signs.slower == [TOGETHER]
        seen = CommonEffect(p50_ratio=2.0, p95_ratio=2.0, sentence="...: the machine", control_ratio=1.9)
        assert decide(comparison=comparison(judgement=judgement(common=seen))).enter

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
        row = [slower("0", "get_news", certain=True), Waiting(run_ids=["1"], signs=first.signs)]
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
            "what seemed slower there (get_news) did not come again"
        )

    def test_but_not_runs_that_saw_the_same(self) -> None:
        """a a (b) (-)"""
        row = [slower("0", "get_news"), slower("1", "get_news"), slower("2", "get_state")]
        assert decide(waiting=row).run_ids == ["2", RUN_ID]

    def test_nor_one_that_regressed(self) -> None:
        """A (-)"""
        assert decide(waiting=[slower("before", "get_news", certain=True)]).run_ids == [RUN_ID]
