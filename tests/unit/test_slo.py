"""Each endpoint against its promise, on samples whose quantiles are known."""

from __future__ import annotations

import numpy as np
from builders import counts, load_result, profile, samples, snapshot, stack_state, suite

from perf_pipeline.core.model import NO_SAMPLES, Samples, SloStatus
from perf_pipeline.core.slo import evaluate_slos, slo_report
from perf_pipeline.suite import Objectives


def judged(run, *, the_suite=None, **load):
    """Endpoint -> its row, of a run with these samples."""
    rows = evaluate_slos(the_suite or suite(), load_result(run, **load), run, snapshot(run))
    return {row.endpoint: row for row in rows}


def with_durations(durations_ms, ok=None):
    """The good run, get_news replaced."""
    durations = np.asarray(durations_ms, float)
    good = np.ones(len(durations), bool) if ok is None else np.asarray(ok, bool)
    return samples() | {
        "get_news": Samples(t_ms=np.arange(len(durations)) * 200.0, duration_ms=durations, ok=good)
    }


def promise(**objectives):
    """The suite with another promise for get_news (default: p95 300 ms, 1 % errors)."""
    good = suite()
    news = good.endpoints["get_news"]
    slo = Objectives(**({"p95_ms": 300.0, "error_ratio": 0.01} | objectives))
    return good.model_copy(
        update={"endpoints": good.endpoints | {"get_news": news.model_copy(update={"slo": slo})}}
    )


class TestAnEndpoint:
    def test_that_keeps_its_promise_has_all_its_figures(self):
        row = judged(with_durations(np.arange(1, 202)))["get_news"]
        assert (row.status, row.sentence, row.requests, row.failed) == (SloStatus.MET, "", 201, 0)
        assert (row.p50_ms, row.p95_ms, row.error_ratio) == (101.0, 191.0, 0.0)
        assert row.headroom_ratio == (300 - 191) / 300
        assert row.achieved_per_s == 201 / 110
        assert row.prometheus_p95_ms == 191.0

    def test_over_its_p95_is_breached_and_says_by_how_much(self):
        row = judged(with_durations([612.0] * 550))["get_news"]
        assert row.status is SloStatus.BREACHED
        assert row.sentence == "p95 612 ms over its 300 ms objective (n 550)"
        assert row.headroom_ratio < 0

    def test_exactly_at_its_objective_has_kept_it(self):
        assert judged(with_durations([300.0] * 550))["get_news"].status is SloStatus.MET

    def test_over_its_p50_is_breached_only_if_one_was_promised(self):
        run = with_durations([120.0] * 550)
        assert judged(run)["get_news"].status is SloStatus.MET
        row = judged(run, the_suite=promise(p50_ms=100.0))["get_news"]
        assert (row.status, row.sentence) == (
            SloStatus.BREACHED,
            "p50 120 ms over its 100 ms objective (n 550)",
        )


class TestFailures:
    def test_fast_failures_are_no_good_latency(self):
        run = with_durations([2.6] * 550, ok=[False] * 550)
        row = judged(run, errors_by_kind={"get_news": {"status 500": 550}})["get_news"]
        assert (row.status, row.p95_ms, row.headroom_ratio) == (SloStatus.BREACHED, None, None)
        assert row.sentence == "100 % of 550 requests failed (status 500), objective 1 %"

    def test_over_the_error_objective_is_breached_whatever_the_p95(self):
        row = judged(with_durations([5.0] * 500, ok=[True] * 490 + [False] * 10))["get_news"]
        assert (row.status, row.p95_ms) == (SloStatus.BREACHED, 5.0)
        assert row.sentence == "2 % of 500 requests failed, objective 1 %"

    def test_within_the_error_objective_is_met(self):
        row = judged(with_durations([5.0] * 500, ok=[True] * 495 + [False] * 5))["get_news"]
        assert (row.status, row.error_ratio) == (SloStatus.MET, 0.01)

    def test_no_success_is_breached_even_if_every_failure_was_allowed(self):
        run = with_durations([5.0] * 300, ok=[False] * 300)
        assert judged(run, the_suite=promise(error_ratio=1.0))["get_news"].status is SloStatus.BREACHED

    def test_slow_failures_do_not_count_as_latency(self):
        row = judged(with_durations([5.0] * 498 + [60_000.0] * 2, ok=[True] * 498 + [False] * 2))["get_news"]
        assert (row.status, row.p95_ms) == (SloStatus.MET, 5.0)

    def test_several_kinds_are_counted_most_frequent_first(self):
        run = with_durations([5.0] * 10, ok=[False] * 10)
        row = judged(run, errors_by_kind={"get_news": {"refused": 3, "status 500": 7}})["get_news"]
        assert "(status 500 ×7, refused ×3)" in row.sentence


class TestNoData:
    def test_no_requests_is_neither_pass_nor_fail(self):
        row = judged(with_durations([]))["get_news"]
        assert (row.status, row.p95_ms, row.error_ratio) == (SloStatus.NO_DATA, None, None)

    def test_makes_an_otherwise_valid_run_invalid(self):
        run = samples() | {"get_news": NO_SAMPLES}
        no_plan = load_result(
            run, counts=counts(run, planned=None), planned_iterations=None, completed_iterations=0
        )
        report = slo_report(
            suite=suite(),
            profile=profile(min_samples=profile().min_samples.model_copy(update={"p50": 0, "p95": 0})),
            stack=stack_state(),
            load=no_plan,
            snapshot=snapshot(run),
            samples=run,
        )
        assert [reason.name for reason in report.invalid_reasons] == ["no_data"]
        assert "get_news" in report.invalid_reasons[0].sentence
        assert not report.valid


class TestTheReport:
    def test_puts_what_the_target_did_before_what_the_endpoints_did(self):
        run = with_durations([612.0] * 550)
        report = slo_report(
            suite=suite(),
            profile=profile(),
            stack=stack_state(),
            load=load_result(run, target_lost_at_unix_ms=load_result().measure_started_unix_ms + 52_000),
            snapshot=snapshot(run),
            samples=run,
        )
        assert report.valid
        assert [breach.name for breach in report.breaches] == ["target_lost", "slo_breached"]
        assert report.breaches[1].sentence.startswith("get_news: p95 612 ms over")
