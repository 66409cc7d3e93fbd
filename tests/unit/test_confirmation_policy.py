"""When one more run of a revision is asked for, and when a series is at its end."""

from __future__ import annotations

from typing import Any

import pytest
from builders import comparison, endpoint_slo, judgement, slo_report

from perf_pipeline.core.confirmation import why_one_more
from perf_pipeline.core.judgement import BaselineRef, CommonEffect, Comparison, Series, Verdict
from perf_pipeline.core.model import FollowUp, Outcome, Reason, RunRequest, SloStatus
from perf_pipeline.core.outcome import not_final
from perf_pipeline.suite import BaselinePolicy, VerdictSettings

WHY = "get_news may have changed: another run tells"
IMPROVED = comparison({"get_news": Verdict.IMPROVED})


def suspect(**more: Any) -> Comparison:
    """One run, of which the judge wants to see another."""
    return comparison(judgement=judgement(more=WHY, **more))


def requested(**overrides: Any) -> RunRequest:
    return RunRequest(**({"suite": "multiplayer", "target": "local", "profile": "standard"} | overrides))


def asks(**overrides: Any) -> str:
    """For a suspect first run; every argument open to change."""
    good: dict[str, Any] = {
        "request": requested(),
        "policy": BaselinePolicy(),
        "settings": VerdictSettings(),
        "slo": slo_report(),
        "comparison": suspect(),
        "outcome": Outcome.PASSED,
        "loads": 1,
    }
    return why_one_more(**(good | overrides))


class TestOneMoreRunIsAskedFor:
    def test_when_the_judge_says_that_it_would_help(self) -> None:
        assert asks() == WHY
        assert asks(comparison=comparison()) == ""

    def test_also_when_a_latency_objective_is_missed(self) -> None:
        """A backend that always misses one must still be watched for getting slower."""
        slow = endpoint_slo(status=SloStatus.BREACHED, p95_ms=700.0)
        report = slo_report(endpoints=[slow], breaches=[Reason(name="slo_breached", sentence="...")])
        assert asks(slo=report, outcome=Outcome.SLO_BREACHED) == WHY

    def test_when_one_run_improved_which_alone_moves_no_baseline(self) -> None:
        assert asks(comparison=IMPROVED) == "get_news improved, and one run alone does not move the baseline"

    def test_instead_of_one_that_was_invalid(self) -> None:
        invalid = {"outcome": Outcome.INVALID, "slo": slo_report(valid=False), "loads": 2}
        assert asks(request=requested(confirms="first"), **invalid) == "run 2 was invalid and does not count"

    def test_and_the_sentence_says_so_first(self) -> None:
        assert not_final(Outcome.PASSED, "passed: 7 endpoints met their SLOs", WHY) == (
            f"passed: asks for confirmation ({WHY}); 7 endpoints met their SLOs"
        )


class TestASeriesIsAtItsEnd:
    def test_after_three_loads_whatever_became_of_them(self) -> None:
        assert asks(loads=2) == WHY
        assert asks(loads=3) == ""
        assert asks(loads=3, outcome=Outcome.INVALID, request=requested(confirms="first")) == ""

    def test_where_the_suite_or_the_caller_wants_one_run(self) -> None:
        assert asks(settings=VerdictSettings(runs=1)) == ""
        assert asks(request=requested(follow_up=FollowUp.NOBODY)) == ""

    def test_when_something_regressed_beyond_doubt(self) -> None:
        whole = CommonEffect(p50_ratio=1.2, p95_ratio=1.2, sentence="...", verdict=Verdict.REGRESSED)
        regressed = judgement({"get_news": Verdict.REGRESSED}, more=WHY)
        for found in (comparison(judgement=regressed), suspect(common=whole)):
            assert asks(comparison=found, outcome=Outcome.REGRESSED) == ""

    @pytest.mark.parametrize("name", ["target_lost", "target_stalled", "circuit_breaker"])
    def test_when_the_latencies_leave_out_what_mattered(self, name: str) -> None:
        report = slo_report(breaches=[Reason(name=name, sentence="...")])
        assert asks(slo=report, outcome=Outcome.SLO_BREACHED) == ""

    def test_when_nothing_was_compared(self) -> None:
        assert asks(comparison=comparison(compared=False, judgement=judgement(more=WHY))) == ""
        assert asks(outcome=Outcome.INVALID, slo=slo_report(valid=False)) == ""

    @pytest.mark.parametrize(
        "different",
        [
            {"policy": BaselinePolicy(improvements="manual")},
            {"policy": BaselinePolicy(accept="manual")},
            {
                "comparison": IMPROVED.model_copy(
                    update={"baseline": BaselineRef(mode="pinned", run_ids=["r"], revisions=["1"])}
                )
            },
            {
                "comparison": IMPROVED.model_copy(
                    update={"series": Series(first_run_id="first", run_ids=["first", "second"])}
                )
            },
        ],
        ids=["by hand", "all by hand", "against a pinned release", "seen twice"],
    )
    def test_when_an_improvement_moves_no_baseline_or_was_seen_twice(self, different: dict[str, Any]) -> None:
        assert asks(**({"comparison": IMPROVED} | different)) == ""
