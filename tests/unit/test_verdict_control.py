"""Everything slower: the machine or the service? The control, a process with fixed work, tells."""

from __future__ import annotations

import numpy as np
import pytest
from builders import ENDPOINTS, endpoint_samples, samples

from perf_pipeline.core.judgement import Direction, Verdict
from perf_pipeline.core.model import Samples
from perf_pipeline.core.service import Elsewhere
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings

CONTROL = "control"


def run(seed, *, machine=1.0, service=1.0, slower=None, names=tuple(ENDPOINTS)):
    """``machine`` slows everything, ``service`` everything but the control."""
    whole = samples(seed=seed, run_noise=0.01, machine=machine * service, slower=slower or {})
    control = endpoint_samples(median_ms=5.0 * machine, spread=0.1, seed=seed + 1000)
    return {name: whole[name] for name in names} | {CONTROL: control}


BASELINE = [run(seed + 1) for seed in range(6)]


def judged(new, old=BASELINE, control=CONTROL, **more):
    return compare(old, [new], VerdictSettings(), control=control, **more)


def words(judgement):
    return {one.verdict for one in judgement.endpoints.values()}


class TestAllEndpointsSlower:
    def test_and_the_control_not_is_the_service(self):
        judgement = judged(run(77, service=1.2))
        assert judgement.common.verdict is Verdict.REGRESSED
        assert "control +0.1 %: the service" in judgement.common.sentence
        assert judgement.common.control_ratio == pytest.approx(1.0, abs=0.03)
        assert words(judgement) == {Verdict.REGRESSED}
        for one in judgement.endpoints.values():
            assert one.p50.low < 1.2 < one.p50.high
            assert one.sentence.endswith("all endpoints together, against the control")

    def test_and_the_control_too_is_the_machine(self):
        judgement = judged(run(77, machine=1.2))
        assert judgement.common.verdict is None
        assert judgement.common.stands is None
        assert "the machine" in judgement.common.sentence
        assert Verdict.REGRESSED not in words(judgement)
        assert judgement.endpoints["get_news"].p50.ratio == pytest.approx(1.0, abs=0.04)

    def test_far_beyond_the_baseline_makes_the_intervals_wider(self):
        """Endpoints feel a slow machine with different strength, and the baseline never showed how."""

        def width(judgement):
            return judgement.endpoints["get_news"].p50.high / judgement.endpoints["get_news"].p50.low

        usual, slow = judged(run(77)), judged(run(77, machine=1.4))
        assert width(slow) > 1.1 * width(usual)
        assert "baseline runs never showed that much" in slow.common.sentence

    def test_and_one_of_them_more_is_the_machine_and_that_endpoint(self):
        judgement = judged(run(77, machine=1.2, slower={"get_game_data": 1.5}))
        assert judgement.endpoints["get_game_data"].verdict is Verdict.REGRESSED
        assert [one for one in judgement.endpoints.values() if one.verdict is Verdict.REGRESSED] == [
            judgement.endpoints["get_game_data"]
        ]

    def test_of_which_nothing_is_true_but_the_control_is_faster_is_no_service_that_became_slower(self):
        """A new Python for our own processes: endpoints as ever, the control 15 % faster."""
        runs = [run(seed) | {CONTROL: run(seed, machine=0.85)[CONTROL]} for seed in (77, 78, 79)]
        judgement = compare(BASELINE, runs, VerdictSettings(), control=CONTROL)
        assert judgement.common.verdict is None
        assert Verdict.REGRESSED not in words(judgement)

    def test_in_the_tail_is_the_service_too(self):
        def tail(one):
            slow = one.duration_ms.copy()
            slow[::10] *= 3.0
            return Samples(one.t_ms, slow, one.ok)

        runs = [
            {name: one if name == CONTROL else tail(one) for name, one in run(seed).items()}
            for seed in (77, 78, 79)
        ]
        judgement = compare(BASELINE, runs, VerdictSettings(), control=CONTROL)
        assert judgement.common.verdict is Verdict.REGRESSED

    def test_now_and_then_while_everything_stands_still_is_not_called_unchanged(self):
        def stalling(one):
            slow = np.where(one.t_ms % 10_000 < 1_500, 5.0, 1.0)
            return Samples(one.t_ms, one.duration_ms * slow, one.ok)

        judgement = judged({name: stalling(one) for name, one in run(77).items()})
        assert "everything stood still for 16 % of the time" in judgement.common.sentence
        assert judgement.common.stands is Direction.SLOWER
        assert Verdict.UNCHANGED not in words(judgement)

    def test_faster_by_the_service_is_improved(self):
        runs = [run(seed, service=0.8) for seed in (77, 78, 79)]
        judgement = compare(BASELINE, runs, VerdictSettings(), control=CONTROL)
        assert judgement.common.verdict is Verdict.IMPROVED
        assert words(judgement) == {Verdict.IMPROVED}


class TestWithoutAControl:
    OLD = tuple({name: one for name, one in old.items() if name != CONTROL} for old in BASELINE)

    def test_the_cpu_taken_by_others_says_the_machine(self):
        busy = Elsewhere(baseline_ratio=[0.02, 0.03, 0.02], candidate_ratio=0.41)
        judgement = judged(run(77, machine=1.3), self.OLD, elsewhere=busy)
        assert "other processes took 41 % of the machine's CPU" in judgement.common.sentence
        assert judgement.common.sentence.count("the machine") == 2
        assert judgement.common.stands is None

    def test_an_idle_machine_says_rather_the_service_but_raises_no_alarm(self):
        idle = Elsewhere(baseline_ratio=[0.02, 0.03, 0.02], candidate_ratio=0.02)
        judgement = judged(run(77, machine=1.3), self.OLD, elsewhere=idle)
        assert "rather the service, but only a control can tell" in judgement.common.sentence
        assert judgement.common.stands is Direction.SLOWER
        assert Verdict.REGRESSED not in words(judgement)

    def test_nothing_measured_says_that_it_cannot_tell(self):
        judgement = judged(run(77, machine=1.3), self.OLD)
        assert "cannot tell without a control" in judgement.common.sentence

    def test_a_control_that_only_one_side_has_is_no_control(self):
        judgement = judged(run(77, service=1.3), self.OLD)
        assert judgement.common.control_ratio is None
        assert CONTROL not in judgement.endpoints


class TestOneOrTwoEndpoints:
    @pytest.mark.parametrize("names", [("get_news",), ("get_news", "get_game_data")])
    def test_are_measured_against_the_control(self, names):
        old = [run(seed + 1, machine=1 + 0.1 * (seed % 3), names=names) for seed in range(6)]
        machine = judged(run(77, machine=1.2, names=names), old)
        assert Verdict.REGRESSED not in words(machine)
        assert machine.common.control_ratio == pytest.approx(1.1, abs=0.05)
        service = judged(run(77, machine=1.2, service=1.5, names=names), old)
        assert words(service) == {Verdict.REGRESSED}

    def test_of_which_one_run_lacks_the_control_are_not_condemned(self):
        names = ("get_news", "get_game_data")
        old = [run(seed + 1, machine=1 + 0.2 * (seed % 3), names=names) for seed in range(6)]
        new = [run(77, machine=1.4, names=names), run(78, machine=1.4, names=names)]
        del new[1][CONTROL]
        judgement = compare(old, new, VerdictSettings(), control=CONTROL)
        assert Verdict.REGRESSED not in words(judgement)


class TestRunsThatLackAnEndpoint:
    def test_are_compared_beside_the_machine_of_the_runs_that_have_it(self):
        """get_news only in the second run, in which the machine is 30 % slower."""
        old = [run(seed + 1, machine=1 + 0.15 * (seed % 3)) for seed in range(8)]
        new = [run(77), run(78, machine=1.3)]
        del new[0]["get_news"]
        judgement = compare(old, new, VerdictSettings(), control=CONTROL)
        assert judgement.endpoints["get_news"].verdict is not Verdict.REGRESSED
        assert judgement.endpoints["get_news"].p50.ratio == pytest.approx(1.0, abs=0.05)


class TestThreeEndpoints:
    def test_of_which_one_is_much_slower_leave_the_others_alone(self):
        names = ("get_news", "get_game_data", "leaderboard")
        old = [
            {name: one for name, one in run(seed + 1, names=names).items() if name != CONTROL}
            for seed in range(8)
        ]
        new = run(77, names=names, slower={"get_game_data": 2.0})
        del new[CONTROL]
        judgement = compare(old, [new], VerdictSettings())
        assert judgement.endpoints["get_game_data"].verdict is Verdict.REGRESSED
        assert Verdict.IMPROVED not in words(judgement)
