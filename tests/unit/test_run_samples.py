"""The samples of a run: what trends and alerts read, figure by figure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import builders
import pytest

from perf_pipeline import conventions as names
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import Outcome, Reason, SloStatus
from perf_pipeline.core.run_samples import (
    SeriesSample,
    baseline_band,
    corrected,
    end_samples,
    ended,
    outcome_sample,
    planned_rate_per_s,
    run_labels,
    running_samples,
)
from perf_pipeline.suite import Profile, Stage

GOLDEN = Path(__file__).with_suffix(".golden.txt")
RUN = run_labels(builders.RUN_ID, builders.stack_state().request)
LATER = 2_000_000_000_000


def as_text(samples: list[SeriesSample]) -> list[str]:
    """As Prometheus would show them, without the labels of the run."""
    lines = []
    for one in samples:
        assert one.labels.items() >= RUN.items()
        own = ",".join(f'{label}="{value}"' for label, value in one.labels.items() if label not in RUN)
        lines.append(f"{one.metric}{{{own}}} {one.value:.6g}")
    return lines


def of_good_run() -> list[SeriesSample]:
    return end_samples(builders.run_record(), accepted=True, invalid_of_last=1)


class TestAtTheEndOfARun:
    def test_there_is_one_sample_of_everything(self) -> None:
        assert as_text(of_good_run()) == GOLDEN.read_text().splitlines()

    def test_no_series_is_there_twice(self) -> None:
        samples = of_good_run()
        assert len({one.series for one in samples}) == len(samples)

    def test_all_are_of_the_moment_when_the_load_ended(self) -> None:
        assert {one.unix_ms for one in of_good_run()} == {
            round(builders.load_result().ended_at.timestamp() * 1000)
        }

    def test_an_endpoint_without_data_has_no_word_on_its_objective(self) -> None:
        silent = builders.endpoint_slo(status=SloStatus.NO_DATA, p50_ms=None, p95_ms=None, requests=0)
        samples = end_samples(
            builders.run_record(slo=builders.slo_report(endpoints=[silent])),
            accepted=False,
            invalid_of_last=0,
        )
        metrics = {one.metric for one in samples}
        assert not metrics & {names.RUN_LATENCY, names.RUN_SLO_MET}
        assert names.RUN_OBJECTIVE in metrics

    def test_an_invalid_run_has_figures_and_no_judgement(self) -> None:
        slo = builders.slo_report(valid=False, invalid_reasons=[Reason(name="cpu", sentence="too busy")])
        record = builders.run_record(slo=slo, outcome=Outcome.INVALID)
        samples = end_samples(record, accepted=False, invalid_of_last=3)
        metrics = {one.metric for one in samples}
        assert names.RUN_LATENCY in metrics
        assert not metrics & {names.RUN_SLO_MET, names.RUN_VERDICT, names.RUN_CHANGE}
        assert outcome_sample(RUN, Outcome.INVALID, samples[0].unix_ms) in samples

    def test_a_breach_is_a_zero(self) -> None:
        slo = builders.slo_report(endpoints=[builders.endpoint_slo(status=SloStatus.BREACHED)])
        samples = end_samples(builders.run_record(slo=slo), accepted=True, invalid_of_last=0)
        assert [one.value for one in samples if one.metric == names.RUN_SLO_MET] == [0.0]


class TestToldAgain:
    def test_nothing_changes(self) -> None:
        samples = of_good_run()
        assert corrected(samples, samples, now_unix_ms=LATER) == samples

    def test_for_the_first_time_it_is_what_is_wanted(self) -> None:
        assert corrected([], of_good_run(), now_unix_ms=LATER) == of_good_run()

    def test_another_outcome_takes_the_first_one_back(self) -> None:
        before = outcome_sample(RUN, Outcome.INVALID, LATER - 5)
        passed = outcome_sample(RUN, Outcome.PASSED, LATER - 9)
        taken_back = before.model_copy(update={"value": 0.0, "unix_ms": LATER})
        assert corrected([before], [passed], now_unix_ms=LATER) == [passed, taken_back]
        assert corrected([passed, taken_back], [passed], now_unix_ms=LATER + 7) == [passed, taken_back]

    def test_another_figure_gets_a_sample_of_now(self) -> None:
        accepted = next(one for one in of_good_run() if one.metric == names.RUN_ACCEPTED)
        not_so = accepted.model_copy(update={"value": 0.0})
        assert corrected([accepted], [not_so], now_unix_ms=LATER) == [
            not_so.model_copy(update={"unix_ms": LATER})
        ]


class TestThePlannedRate:
    """Requests per second of a suite with seven requests per iteration."""

    STEPS = Profile(
        name="steps",
        warmup_s=10,
        stages=(Stage(duration_s=60, rate_per_s=2), Stage(duration_s=30, rate_per_s=5)),
        max_users=50,
    )

    @pytest.mark.parametrize(
        ("elapsed_s", "rate"),
        [(0, 14), (9, 14), (11, 0), (12, 14), (71, 14), (73, 35), (101, 35), (102, 0), (110, 0)],
    )
    def test_is_that_of_the_stage(self, elapsed_s: float, rate: float) -> None:
        # Warm-up until 10, a pause until 12, then the stages.
        assert planned_rate_per_s(
            builders.suite(), self.STEPS, elapsed_s=elapsed_s, planned_s=102
        ) == pytest.approx(rate)

    def test_of_users_is_what_they_send_when_none_waits(self) -> None:
        users = Profile(name="users", warmup_s=5, users=50, users_duration_s=60, pace_s=5, max_users=50)
        assert planned_rate_per_s(builders.suite(), users, elapsed_s=30, planned_s=67) == 70


class TestWhileTheLoadRuns:
    BAND = baseline_band(
        [
            [builders.endpoint_slo("get_news", p50_ms=p50, p95_ms=p95)]
            for p50, p95 in ((10, 40), (30, None), (20, 60))
        ]
    )

    def test_the_band_is_of_the_runs_that_have_the_figure(self) -> None:
        assert self.BAND == {"get_news": {"0.5": (0.01, 0.02, 0.03), "0.95": (0.04, 0.05, 0.06)}}

    def test_plan_baseline_and_revision_are_there(self) -> None:
        samples = running_samples(RUN, planned_rate_per_s=35, band=self.BAND, revision=None, at_unix_ms=LATER)
        assert as_text(samples) == [
            "perf_run_planned_rate{} 35",
            'perf_run_target_info{revision="unknown"} 1',
            'perf_run_baseline_seconds{endpoint="get_news",quantile="0.5",bound="low"} 0.01',
            'perf_run_baseline_seconds{endpoint="get_news",quantile="0.5",bound="mid"} 0.02',
            'perf_run_baseline_seconds{endpoint="get_news",quantile="0.5",bound="high"} 0.03',
            'perf_run_baseline_seconds{endpoint="get_news",quantile="0.95",bound="low"} 0.04',
            'perf_run_baseline_seconds{endpoint="get_news",quantile="0.95",bound="mid"} 0.05',
            'perf_run_baseline_seconds{endpoint="get_news",quantile="0.95",bound="high"} 0.06',
        ]

    def test_every_series_ends_with_the_load(self) -> None:
        samples = running_samples(RUN, planned_rate_per_s=35, band={}, revision="a", at_unix_ms=LATER)
        after = ended(samples, at_unix_ms=LATER + 1)
        assert [one.series for one in after] == [one.series for one in samples]
        assert {(one.value, one.unix_ms) for one in after} == {(None, LATER + 1)}


def test_a_run_that_was_not_compared_says_so() -> None:
    record = builders.run_record(
        comparison=builders.comparison(dict.fromkeys(builders.ENDPOINTS, Verdict.NO_BASELINE))
    )
    verdicts = [
        one.labels["verdict"]
        for one in end_samples(record, accepted=True, invalid_of_last=0)
        if one.metric == names.RUN_VERDICT
    ]
    assert verdicts == ["no_baseline"] * 7


def test_the_duration_is_that_of_the_load() -> None:
    load = builders.load_result(ended_at=builders.STARTED + timedelta(seconds=123))
    (duration,) = [
        one.value
        for one in end_samples(builders.run_record(load=load), accepted=True, invalid_of_last=0)
        if one.metric == names.RUN_DURATION
    ]
    assert duration == 123


if __name__ == "__main__":
    GOLDEN.write_text("\n".join(as_text(of_good_run())) + "\n")
