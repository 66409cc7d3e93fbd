"""What a calibration says of a machine, on small histories whose noise is known."""

from __future__ import annotations

import json
import math

import pytest
from builders import samples

from perf_pipeline.core.calibration import FEWEST_RUNS, calibrate
from perf_pipeline.core.calibration_model import Calibration, Schedule
from perf_pipeline.core.recommendation import recommend
from perf_pipeline.report.calibration_words import markdown
from perf_pipeline.suite import VerdictSettings

SETTINGS = VerdictSettings(floor_ms=0.0)


def calibrated(runs: int, *, run_noise: float = 0.01, n: int = 300) -> Calibration:
    history = [samples(seed=number, n=n, run_noise=run_noise) for number in range(runs)]
    return calibrate(
        history, SETTINGS, control="control", most_baseline=10, trials=2 * runs, power_trials=runs // 2
    )


@pytest.fixture(scope="module")
def calm() -> Calibration:
    return calibrated(12)


@pytest.fixture(scope="module")
def noisy() -> Calibration:
    return calibrated(12, run_noise=0.10)


def schedule(times: float, baseline_runs: int, p50: float, p95: float) -> Schedule:
    return Schedule(
        run_s=100 * times,
        samples_times=times,
        baseline_runs=baseline_runs,
        p50_ratio=p50,
        p50_worst_ratio=p50,
        p95_ratio=p95,
        p95_worst_ratio=p95,
    )


class TestACalibration:
    def test_counts_what_the_judge_said_of_identical_runs(self, calm: Calibration) -> None:
        assert (calm.runs, calm.baseline_runs, calm.replayed) == (12, 9, 24)
        assert calm.false_alarms.of == 24
        assert calm.false_alarms.ratio is not None
        assert calm.false_alarms.ratio < 0.1
        assert calm.p50_covered.of == 24 * 7
        assert 1.0 <= (calm.runs_per_verdict or 0) <= 3.0

    def test_finds_large_slowdowns_more_often_than_small_ones(self, noisy: Calibration) -> None:
        found = [noisy.power[label].ratio or 0.0 for label in ("+5 %", "+20 %", "+50 %")]
        assert found == sorted(found)
        assert found[0] < 0.3
        assert found[2] > 0.7

    def test_tells_chance_within_a_run_from_what_differs_between_runs(
        self, calm: Calibration, noisy: Calibration
    ) -> None:
        for quiet, loud in zip(calm.endpoints, noisy.endpoints, strict=True):
            assert quiet.p50 is not None
            assert loud.p50 is not None
            assert quiet.p50.within_ratio == pytest.approx(loud.p50.within_ratio, rel=0.5)
            assert loud.p50.between_ratio > 3 * quiet.p50.between_ratio
            assert loud.p50.noise_ratio == pytest.approx(
                math.hypot(loud.p50.within_ratio, loud.p50.between_ratio), rel=1e-6
            )

    def test_survives_json_and_says_the_same_in_markdown(self, calm: Calibration) -> None:
        assert Calibration.model_validate(json.loads(calm.model_dump_json())) == calm
        text = markdown(calm, title="Calibration of multiplayer")
        assert text.startswith("# Calibration of multiplayer\n")
        assert "| get_game_data | 300 |" in text
        assert "nan" not in text


class TestTooFewRuns:
    def test_replay_nothing_and_say_how_many_are_missing(self) -> None:
        found = calibrated(FEWEST_RUNS - 1)
        assert (found.replayed, found.endpoints, found.recommended) == (0, [], None)
        assert found.problems == [
            "3 runs can be replayed, and 4 are the fewest that tell anything: record 1 more, better 9"
        ]

    def test_of_which_some_can_be_replayed_are_called_rough(self) -> None:
        found = calibrated(5)
        assert found.replayed == 10
        assert "5 runs are judged over and over" in found.problems[0]

    def test_may_be_none_at_all(self) -> None:
        assert calibrated(0).problems[0].startswith("0 runs can be replayed")


class TestTheRecommendedSchedule:
    def test_is_the_cheapest_that_sees_what_is_beyond_the_tolerance(self) -> None:
        ways = [schedule(1, 3, 0.15, 0.3), schedule(1, 8, 0.09, 0.19), schedule(2, 8, 0.07, 0.15)]
        assert recommend(ways, SETTINGS) == ways[1]

    def test_is_a_cheap_one_where_more_would_buy_next_to_nothing(self) -> None:
        ways = [schedule(1, 3, 0.40, 0.3), schedule(1, 8, 0.15, 0.3), schedule(4, 20, 0.14, 0.29)]
        assert recommend(ways, SETTINGS) == ways[1]

    def test_sees_more_with_longer_runs_where_chance_within_a_run_is_most_of_the_noise(
        self, calm: Calibration, noisy: Calibration
    ) -> None:
        def gain(found: Calibration) -> float:
            by = {(one.samples_times, one.baseline_runs): one.p50_ratio for one in found.schedules}
            return by[1.0, 20] / by[4.0, 20]

        assert gain(calm) > 1.15
        assert gain(noisy) < 1.1

    def test_is_told_with_its_reason(self, noisy: Calibration) -> None:
        assert noisy.advice[0].startswith("recommended: runs ")
        assert any("are too noisy now to see 10 % in p50" in one for one in noisy.advice)
