"""What the judge says of runs whose truth is known. Medians are drawn; each column is one run.

``+`` slower, ``-`` faster, ``=`` unchanged, ``~`` cannot say, ``.`` no baseline.
"""

from __future__ import annotations

import pytest
from builders import ENDPOINTS, endpoint_samples, samples

from perf_pipeline.core.judgement import Judgement, Verdict
from perf_pipeline.core.model import Samples
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings

SIGN = {
    Verdict.REGRESSED: "+",
    Verdict.IMPROVED: "-",
    Verdict.UNCHANGED: "=",
    Verdict.INCONCLUSIVE: "~",
    Verdict.NO_BASELINE: ".",
}


def baseline(runs: int, *, noise: float = 0.01, wander: float = 0.0, **same):
    """``wander``: the machine is that much slower in every second run."""
    return [
        samples(seed=number + 1, run_noise=noise, machine=1.0 + wander * (number % 2), **same)
        for number in range(runs)
    ]


def candidate(*, seed: int = 99, noise: float = 0.01, **changed):
    return samples(seed=seed, run_noise=noise, **changed)


def judged(old, new, config=None) -> Judgement:
    return compare(old, [new], config or VerdictSettings())


def table(judgement: Judgement) -> str:
    """One line per endpoint, in the suite's order."""
    rows = [f"{name:<20}{SIGN[judgement.endpoints[name].verdict]}" for name in ENDPOINTS]
    return "\n".join(rows)


def signs(judgement: Judgement) -> set[str]:
    return {SIGN[one.verdict] for one in judgement.endpoints.values()}


class TestOneSlowedEndpoint:
    def test_is_regressed_alone(self):
        """
        get_game_data  180 |            o
                       120 | o o o o o
        the others      xx | o o o o o  o
                             baseline   candidate
        """
        assert table(judged(baseline(5), candidate(slower={"get_game_data": 1.5}))) == (
            "join_room           =\n"
            "get_state           =\n"
            "leaderboard         =\n"
            "get_news            =\n"
            "get_recommendations =\n"
            "get_game_data       +\n"
            "update_player       ="
        )

    def test_is_regressed_alone_three_times_of_three_on_a_noisy_machine(self):
        """The machine is 30 % slower in every second run, and each endpoint differs by 4 % by itself.

        get_game_data  234 |              o
                       180 |            o   o
                       156 |   o   o
                       120 | o   o   o
        """
        old = baseline(5, noise=0.04, wander=0.3)
        for seed, machine in ((101, 1.0), (102, 1.3), (103, 1.0)):
            new = candidate(seed=seed, noise=0.04, machine=machine, slower={"get_game_data": 1.5})
            judgement = judged(old, new)
            slow = [name for name, one in judgement.endpoints.items() if one.verdict is Verdict.REGRESSED]
            assert slow == ["get_game_data"]

    def test_shows_effect_interval_and_noise(self):
        one = judged(baseline(5), candidate(slower={"get_game_data": 1.5})).endpoints["get_game_data"]
        for effect in (one.p50, one.p95):
            assert effect.low < 1.5 < effect.high
            assert effect.ratio == pytest.approx(1.5, rel=0.08)
            assert effect.difference_ms == pytest.approx(effect.baseline_ms * (effect.ratio - 1))
            assert 0 < effect.noise_ratio < effect.detectable_ratio < 0.5
        assert one.p50.baseline_ms == pytest.approx(120, rel=0.03)
        assert one.p50.candidate_ms == pytest.approx(180, rel=0.05)
        assert one.sentence.startswith("slower: p50 +")

    def test_made_faster_is_improved_alone(self):
        judgement = judged(baseline(5), candidate(slower={"leaderboard": 0.6}))
        assert [n for n, one in judgement.endpoints.items() if one.verdict is Verdict.IMPROVED] == [
            "leaderboard"
        ]
        assert signs(judgement) == {"-", "="}

    def test_with_a_slow_tail_is_regressed_by_its_p95(self):
        new = candidate()
        tail = new["get_game_data"].duration_ms.copy()
        tail[::12] *= 3.0
        new["get_game_data"] = Samples(new["get_game_data"].t_ms, tail, new["get_game_data"].ok)
        one = judged(baseline(5), new).endpoints["get_game_data"]
        assert one.verdict is Verdict.REGRESSED
        assert one.p50.ratio < 1.1
        assert one.p95.low > 1.3

    def test_with_quantiles_that_contradict_each_other_is_regressed_and_says_so(self):
        """p50 doubled, p95 halved: a slow tail was cut off and everything else slowed down."""
        wide = [
            run | {"get_news": endpoint_samples(median_ms=60, spread=1.2, seed=n)}
            for n, run in enumerate(baseline(8))
        ]
        new = candidate() | {"get_news": endpoint_samples(median_ms=120, spread=0.05, seed=77)}
        one = judged(wide, new).endpoints["get_news"]
        assert one.verdict is Verdict.REGRESSED
        assert "the other quantile became faster" in one.sentence


class TestIdenticalRuns:
    def test_are_unchanged_once_the_noise_is_known(self):
        """
        | o o o o o  o
        """
        assert signs(judged(baseline(8), candidate())) == {"="}

    def test_never_raise_an_alarm(self):
        """Twenty machines, each with its own noise."""
        for machine in range(20):
            noise = 0.01 + 0.01 * (machine % 6)
            seeds = range(100 * machine, 100 * machine + 6)
            *old, new = (samples(seed=1 + seed, run_noise=noise, n=300) for seed in seeds)
            assert "+" not in signs(judged(old, new)), f"machine {machine}, noise {noise}"

    def test_are_undecided_after_one_baseline_run_and_say_what_would_settle_it(self):
        """
        | o  o
        """
        judgement = judged(baseline(1), candidate())
        assert signs(judgement) == {"~"}
        assert (
            "4 more baseline runs would tell the noise, of which little is known"
            in judgement.endpoints["get_news"].advice
        )

    def test_of_a_service_too_noisy_to_tell_ask_for_more_than_runs(self):
        """
        |   o   o
        | o   o   o o o  o
        """
        judgement = judged(baseline(6, noise=0.2), candidate(noise=0.0))
        assert "one run strays by" in judgement.endpoints["get_game_data"].advice
        assert "+" not in signs(judgement)

    def test_of_which_there_are_few_are_believed_less(self):
        widths = [
            one.p50.high / one.p50.low
            for runs in (1, 2, 3, 8)
            for one in (judged(baseline(runs), candidate()).endpoints["get_news"],)
        ]
        assert widths == sorted(widths, reverse=True)

    def test_five_that_agree_by_chance_still_have_the_chance_within_a_run(self):
        """550 samples with a spread of 0.15: their median is uncertain by 0.8 %."""
        same = [samples(seed=1)] * 5
        one = judged(same, samples(seed=1)).endpoints["get_game_data"]
        assert one.p50.noise_ratio > 0.006
        assert one.p95.noise_ratio > 0.01


class TestWhatAllEndpointsShare:
    def test_a_slower_machine_is_no_regression_but_is_not_unchanged_either(self):
        """
        all endpoints |            o
                      | o o o o o
        """
        judgement = judged(baseline(5), candidate(machine=1.3))
        assert signs(judgement) == {"~"}
        assert judgement.common.p50_ratio == pytest.approx(1.3, rel=0.03)
        assert "machine or service, cannot tell without a control" in judgement.common.sentence

    def test_a_machine_within_its_usual_range_is_taken_away(self):
        """
        |   o   o    o
        | o   o   o
        """
        judgement = judged(baseline(6, wander=0.1), candidate(machine=1.1))
        assert signs(judgement) <= {"=", "~"}
        assert "it is taken away" in judgement.common.sentence

    def test_cannot_be_told_from_two_endpoints_and_is_said(self):
        two = ("get_news", "get_game_data")
        old = [{name: run[name] for name in two} for run in baseline(5)]
        new = {name: one for name, one in candidate(machine=1.3).items() if name in two}
        judgement = judged(old, new)
        assert "fewer than 3 comparable endpoints" in judgement.common.sentence
        assert judgement.endpoints["get_game_data"].p50.ratio == pytest.approx(1.3, rel=0.05)


class TestTheFloors:
    def test_a_difference_below_the_floor_in_ms_is_no_regression(self):
        old, new = baseline(8), candidate(slower={"get_news": 1.3})  # 6 ms: 1.8 ms slower
        assert judged(old, new).endpoints["get_news"].verdict is Verdict.REGRESSED
        high = judged(old, new, VerdictSettings(floor_ms=5.0)).endpoints["get_news"]
        assert high.verdict is Verdict.INCONCLUSIVE

    def test_a_difference_below_the_floor_in_per_cent_is_no_regression(self):
        new = candidate(slower={"get_game_data": 1.5})
        one = judged(baseline(8), new, VerdictSettings(floor_ratio=0.8)).endpoints["get_game_data"]
        assert one.verdict is not Verdict.REGRESSED


class TestTheTolerances:
    @pytest.mark.parametrize("tolerance", [0.0, 1.0, 5.0])
    @pytest.mark.parametrize("noise", [0.02, 0.4])
    def test_from_nothing_to_more_than_all_of_it_are_answered(self, tolerance, noise):
        config = VerdictSettings(tolerance_p50_ratio=tolerance, tolerance_p95_ratio=tolerance)
        new = candidate(noise=noise, slower={"get_news": 1.1})
        judgement = judged(baseline(6, noise=noise), new, config)
        for one in judgement.endpoints.values():
            assert bool(one.advice) == (one.verdict is Verdict.INCONCLUSIVE)


class TestMissingData:
    def test_no_baseline_run_at_all(self):
        assert signs(judged([], candidate())) == {"."}

    def test_an_endpoint_that_the_baseline_lacks(self):
        old = [{name: one for name, one in run.items() if name != "get_news"} for run in baseline(5)]
        judgement = judged(old, candidate())
        assert judgement.endpoints["get_news"].verdict is Verdict.NO_BASELINE
        assert judgement.endpoints["get_state"].verdict is Verdict.UNCHANGED

    def test_an_endpoint_that_one_baseline_run_lacks_is_still_compared(self):
        old = baseline(6)
        del old[2]["get_news"]
        assert signs(judged(old, candidate(slower={"get_news": 1.5}))) == {"+", "="}

    def test_an_endpoint_that_this_run_lacks_or_whose_requests_failed(self):
        new = candidate(failed={"get_state": 545})
        del new["get_news"]
        judgement = judged(baseline(5), new)
        for name, successes in (("get_news", 0), ("get_state", 5)):
            one = judgement.endpoints[name]
            assert one.verdict is Verdict.INCONCLUSIVE
            assert f"too few successful requests in this run ({successes}, needed 20)" in one.sentence

    def test_enough_samples_for_p50_only(self):
        one = judged(baseline(5, n=40), candidate(n=40)).endpoints["get_news"]
        assert (one.p95, one.verdict) == (None, Verdict.INCONCLUSIVE)
        assert "p95 cannot be compared: it needs 60 successful requests in every run" in one.advice

    def test_no_endpoints(self):
        assert judged([{}], {}) == Judgement(endpoints={})
