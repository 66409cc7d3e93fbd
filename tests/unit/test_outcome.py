"""The first that applies: invalid, slo_breached, regressed, passed. And the sentence read first."""

from __future__ import annotations

from builders import (
    ENDPOINTS,
    comparison,
    effect,
    endpoint_slo,
    endpoint_verdict,
    judgement,
    slo_report,
)

from perf_pipeline.core.judgement import CommonEffect, Judgement, Verdict
from perf_pipeline.core.model import Outcome, Reason, SloStatus
from perf_pipeline.core.outcome import decide_outcome

SHORT = Reason(name="generator_short", sentence="the generator was short")
BREACH = Reason(name="slo_breached", sentence="get_news: p95 612 ms over its 300 ms objective (n 550)")
SLOWER = comparison(
    judgement=judgement().model_copy(
        update={
            "endpoints": judgement().endpoints
            | {
                "get_game_data": endpoint_verdict(
                    verdict=Verdict.REGRESSED,
                    p50=effect(1.46, half=0.12),
                    p95=effect(1.48, half=0.05),
                )
            }
        }
    )
)
NOT_COMPARED = comparison(compared=False, baseline=None, judgement=Judgement(endpoints={}))


class TestTheFirstThatApplies:
    def test_an_invalid_run_is_invalid_whatever_else_was_found(self):
        slo = slo_report(valid=False, invalid_reasons=[SHORT], breaches=[BREACH])
        assert decide_outcome(slo, SLOWER) == (Outcome.INVALID, "invalid: the generator was short")

    def test_a_breach_comes_before_a_regression(self):
        assert decide_outcome(slo_report(breaches=[BREACH]), SLOWER) == (
            Outcome.SLO_BREACHED,
            "slo_breached: get_news: p95 612 ms over its 300 ms objective (n 550)",
        )

    def test_a_regression_names_endpoint_figures_and_what_it_was_compared_with(self):
        assert decide_outcome(slo_report(), SLOWER) == (
            Outcome.REGRESSED,
            "regressed: get_game_data p95 +48 % (interval +41..+56 %) against 5 baseline runs; "
            "6 endpoints unchanged",
        )

    def test_all_else_passes(self):
        assert decide_outcome(slo_report(), comparison()) == (
            Outcome.PASSED,
            "passed: 7 endpoints met their SLOs; 7 endpoints unchanged against 5 baseline runs",
        )

    def test_an_endpoint_without_data_never_passes(self):
        silent = slo_report(endpoints=[endpoint_slo("get_news", status=SloStatus.NO_DATA)])
        assert decide_outcome(silent, comparison())[0] is Outcome.INVALID


class TestUndecided:
    def test_without_baseline_a_run_passes_and_says_so(self):
        assert decide_outcome(slo_report(), NOT_COMPARED) == (
            Outcome.PASSED,
            "passed: 7 endpoints met their SLOs; no baseline yet (this run can become it)",
        )

    def test_the_reason_why_it_was_not_compared_is_passed_on(self):
        other = NOT_COMPARED.model_copy(update={"why_not": "profile: smoke here, standard there"})
        assert decide_outcome(slo_report(), other)[1].endswith("; profile: smoke here, standard there")

    def test_inconclusive_passes_and_is_counted(self):
        undecided = comparison({"get_news": Verdict.INCONCLUSIVE, "join_room": Verdict.IMPROVED})
        assert decide_outcome(slo_report(), undecided) == (
            Outcome.PASSED,
            "passed: 7 endpoints met their SLOs; "
            "1 endpoint improved, 5 unchanged, 1 inconclusive against 5 baseline runs",
        )


class TestTheSentence:
    def test_counts_the_baseline_runs_that_took_part(self):
        """The samples of the others are gone."""
        gone = comparison().baseline.model_copy(update={"missing_run_ids": ["baseline-1", "baseline-4"]})
        _, sentence = decide_outcome(slo_report(), comparison(baseline=gone))
        assert sentence.endswith("7 endpoints unchanged against 3 baseline runs")

    def test_says_when_everything_changed_together(self):
        everything = CommonEffect(p50_ratio=1.3, p95_ratio=1.3, sentence="all endpoints p50 +30 %")
        slower = comparison(
            judgement=judgement(dict.fromkeys(ENDPOINTS, Verdict.INCONCLUSIVE), common=everything)
        )
        assert decide_outcome(slo_report(), slower)[1].endswith("; all endpoints p50 +30 %")

    def test_stays_short_with_many_reasons(self):
        many = [Reason(name="slo_breached", sentence=f"reason {number}") for number in range(7)]
        assert decide_outcome(slo_report(breaches=many), comparison())[1] == (
            "slo_breached: reason 0; reason 1; reason 2 (and 4 more)"
        )
