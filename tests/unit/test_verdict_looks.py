"""Up to three looks at one revision: when another run is asked for, and what the looks may cost."""

from __future__ import annotations

import numpy as np
import pytest
from builders import samples

from perf_pipeline.core import looks
from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings

BASELINE = [samples(seed=number + 1, run_noise=0.02) for number in range(8)]


def slower(factor, *seeds):
    return [samples(seed=seed, run_noise=0.02, slower={"get_game_data": factor}) for seed in seeds]


def judged(candidates, settings=None, **more):
    return compare(BASELINE, candidates, settings or VerdictSettings(), **{"near": 0.0} | more)


class TestAnotherRun:
    def test_is_not_asked_for_when_all_is_clear(self):
        assert judged(slower(1.0, 77)).more == ""
        assert judged(slower(1.5, 77)).more == ""

    def test_is_asked_for_when_an_endpoint_is_suspicious_and_decides(self):
        """+10 % with runs that differ by 2 %: too little for one run, beyond doubt after two."""
        first = judged(slower(1.1, 74))
        assert first.endpoints["get_game_data"].verdict is not Verdict.REGRESSED
        assert first.more == "get_game_data may have changed: another run tells"
        last = judged(slower(1.1, 74, 75))
        assert last.endpoints["get_game_data"].verdict is Verdict.REGRESSED
        assert (last.candidates, last.more) == (2, "")

    def test_makes_the_interval_narrower(self):
        one, three = judged(slower(1.0, 71)), judged(slower(1.0, 71, 72, 73))
        for name, late in three.endpoints.items():
            early = one.endpoints[name]
            assert late.p50.high / late.p50.low < early.p50.high / early.p50.low

    def test_is_asked_for_when_it_would_settle_what_is_undecided(self):
        noisy = [samples(seed=number + 1, run_noise=0.04) for number in range(8)]
        judgement = compare(noisy, [samples(seed=77, run_noise=0.0)], VerdictSettings(), near=0.0)
        assert "undecided, of which another run may settle" in judgement.more

    def test_is_not_asked_for_where_no_number_of_runs_would_settle_it(self):
        noisy = [samples(seed=number + 1, run_noise=0.3) for number in range(8)]
        judgement = compare(noisy, [samples(seed=77, run_noise=0.0)], VerdictSettings())
        assert {one.verdict for one in judgement.endpoints.values()} == {Verdict.INCONCLUSIVE}
        assert judgement.more == ""

    def test_is_not_asked_for_what_is_below_the_floors_and_that_is_said(self):
        """6 ms and 2 % slower beyond doubt, or 0.6 ms: no number of runs makes that count."""
        judgement = judged(
            [samples(seed=77, run_noise=0.0, slower={"get_news": 1.13})],
            settings=VerdictSettings(floor_ms=5.0, tolerance_p50_ratio=0.05, tolerance_p95_ratio=0.05),
        )
        one = judgement.endpoints["get_news"]
        assert one.verdict is Verdict.INCONCLUSIVE
        assert "changed beyond doubt, but by less than 3 % or 5 ms" in one.advice.replace("5.00", "5")
        assert "get_news" not in judgement.more

    def test_made_at_once_counts_for_less_than_one_of_another_night(self):
        near, far = (judged(slower(1.0, 71, 72, 73), near=share) for share in (0.5, 0.0))
        for name, one in near.endpoints.items():
            assert one.p50.high / one.p50.low > far.endpoints[name].p50.high / far.endpoints[name].p50.low

    def test_is_never_asked_for_beyond_the_most_runs_or_without_a_baseline(self):
        suspicious = slower(1.09, 71)
        assert judged(suspicious, most_runs=1).more == ""
        assert compare([], suspicious, VerdictSettings()).more == ""


class TestWhatTheLooksMayCost:
    @pytest.mark.parametrize("baseline_runs", [1, 2, 8, 20])
    @pytest.mark.parametrize("most", [1, 2, 3])
    def test_adds_up_to_what_is_allowed_in_all(self, most, baseline_runs):
        for near in (0.0, 0.5):
            spent = [looks.level(0.02, look, most, baseline_runs, near) for look in range(1, most + 1)]
            assert sum(spent) == pytest.approx(0.02)
            assert min(spent) > 0

    def test_nothing_without_a_baseline(self):
        assert looks.level(0.02, 1, 3, 0, 0.0) == 0.0

    def test_is_divided_by_holm(self):
        """Worked by hand, weights 1.4 and 0.6: 0.01 <= 0.05/4, 0.018 <= 0.05/2.6, 0.04 > 0.05/2."""
        p = np.array([[0.01, 0.04, np.nan], [0.045, 0.018, np.nan]])
        assert looks.holm(p, 0.05).tolist() == [[True, False, False], [False, True, False]]


class TestTheSmallestChangeSeen:
    def test_is_shown_with_what_one_more_baseline_run_would_make_of_it(self):
        effect = judged(slower(1.0, 77)).endpoints["get_game_data"].p50
        assert effect.noise_ratio < effect.detectable_ratio < 0.15
        assert effect.detectable_next_ratio < effect.detectable_ratio

    def test_is_found_in_about_four_of_five_cases(self):
        """The whole procedure on 40 revisions that are slower by just that much."""
        smallest = judged(slower(1.0, 77)).endpoints["get_game_data"].p50.detectable_ratio
        found = 0
        for trial in range(40):
            runs = slower(1 + smallest, *range(1000 + 3 * trial, 1003 + 3 * trial))
            for number in (1, 2, 3):
                judgement = judged(runs[:number])
                if not judgement.more:
                    break
            found += judgement.endpoints["get_game_data"].verdict is Verdict.REGRESSED
        assert found >= 28
