"""The judge put to the test: what is counted, over judges that always say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from builders import endpoint_samples, endpoint_verdict, samples

from perf_pipeline.core.judgement import Judgement, Verdict
from perf_pipeline.core.model import RunSamples
from perf_pipeline.core.replay import Injection, inject, judged, replay, same_trials, without
from perf_pipeline.core.tally import Share, Tally, Trial

RUNS = [samples(seed=number, n=80) for number in range(6)]
Says = Callable[[Sequence[RunSamples], Sequence[RunSamples]], Judgement]


def always(*, more: str = "", **verdicts: Verdict) -> Says:
    """A judge that calls these endpoints so, and all others unchanged."""

    def judge(baseline: Sequence[RunSamples], candidates: Sequence[RunSamples]) -> Judgement:
        said = {name: verdicts.get(name, Verdict.UNCHANGED) for name in candidates[0]}
        return Judgement(
            endpoints={name: endpoint_verdict(name, verdict) for name, verdict in said.items()},
            candidates=len(candidates),
            more=more,
        )

    return judge


def tally_of(says: Says, *, slower: dict[str, float] | None = None, tail: str = "") -> Tally:
    trial = Trial(RUNS[:2], lambda _: RUNS[3], slower=slower or {}, tail=frozenset([tail] if tail else []))
    return replay(says, [trial])


class TestAnInjectedSlowdown:
    def test_scales_one_endpoint_and_leaves_the_run_as_it_was(self) -> None:
        before = samples()
        after = inject(before, Injection("get_news", 1.5))
        assert after["get_news"].duration_ms == pytest.approx(1.5 * samples()["get_news"].duration_ms)
        assert after["get_state"] is before["get_state"]
        assert before["get_news"].duration_ms == pytest.approx(samples()["get_news"].duration_ms)

    def test_of_the_tail_hits_its_share_of_the_requests(self) -> None:
        one = endpoint_samples(n=20_000)
        after = inject({"page": one}, Injection("page", 3.0, share=0.08))["page"]
        factors = after.duration_ms / one.duration_ms
        assert set(np.round(factors, 6)) == {1.0, 3.0}
        assert (factors > 2).mean() == pytest.approx(0.08, abs=0.01)

    def test_of_an_endpoint_that_the_run_lacks_changes_nothing(self) -> None:
        assert inject(RUNS[0], Injection("nowhere", 2.0)) is RUNS[0]


class TestTrialsOfIdenticalRuns:
    def test_never_judge_a_run_against_itself(self) -> None:
        trials = list(same_trials(RUNS, baseline_runs=3, trials=12))
        assert len(trials) == 12
        for trial in trials:
            candidates = [trial.candidate(number) for number in range(4)]
            assert candidates[3] is None  # 6 runs, of which 3 are the baseline
            together = [id(run) for run in (*trial.baseline, *candidates[:3])]
            assert len(set(together)) == 6

    def test_take_each_run_in_turn_and_keep_the_order_of_time(self) -> None:
        place = {id(run): number for number, run in enumerate(RUNS)}
        trials = list(same_trials(RUNS, baseline_runs=3, trials=6))
        assert [place[id(trial.candidate(0))] for trial in trials] == [0, 1, 2, 3, 4, 5]
        for trial in trials:
            places = [place[id(run)] for run in trial.baseline]
            assert places == sorted(places)

    def test_as_in_earnest_have_the_runs_before_them_as_their_baseline(self) -> None:
        trials = list(same_trials(RUNS, baseline_runs=4, trials=9, earlier_only=True))
        assert [list(map(id, trial.baseline)) for trial in trials] == [
            list(map(id, RUNS[:4])),
            list(map(id, RUNS[1:5])),
        ]
        assert [trials[0].candidate(number) for number in range(3)] == [RUNS[4], RUNS[5], None]

    def test_are_none_of_too_few_runs(self) -> None:
        assert list(same_trials(RUNS[:3], baseline_runs=3, trials=5)) == []


class TestARevision:
    def test_gets_the_runs_that_the_judge_asks_for_and_three_at_most(self) -> None:
        trial = Trial(RUNS[:2], lambda number: RUNS[number])
        assert judged(always(), trial).candidates == 1
        assert judged(always(more="open"), trial).candidates == 3

    def test_is_judged_with_the_runs_there_are(self) -> None:
        trial = Trial(RUNS[:2], lambda number: RUNS[number] if number < 2 else None)
        assert judged(always(more="open"), trial).candidates == 2


class TestTheTally:
    def test_counts_an_alarm_on_identical_runs_as_false(self) -> None:
        tally = tally_of(always(get_news=Verdict.REGRESSED))
        assert (tally.false_alarms, tally.found, tally.alarms_of) == (1, 0, {"get_news": 1})

    def test_counts_a_slowdown_as_found_when_the_right_endpoint_is_called(self) -> None:
        right = tally_of(always(get_news=Verdict.REGRESSED), slower={"get_news": 1.2})
        assert (right.found, right.false_alarms) == (1, 0)
        wrong = tally_of(always(get_state=Verdict.REGRESSED), slower={"get_news": 1.2})
        assert (wrong.found, wrong.false_alarms) == (0, 1)

    def test_counts_a_slower_tail_as_found_too(self) -> None:
        assert tally_of(always(get_news=Verdict.REGRESSED), tail="get_news").found == 1

    def test_wants_a_faster_endpoint_called_improved(self) -> None:
        faster = {"get_news": 0.8}
        assert tally_of(always(get_news=Verdict.IMPROVED), slower=faster).found == 1
        called_slower = tally_of(always(get_news=Verdict.REGRESSED), slower=faster)
        assert (called_slower.found, called_slower.false_alarms) == (0, 1)
        assert tally_of(always(get_state=Verdict.IMPROVED)).false_improved == 1

    def test_shares_the_undecided_endpoints(self) -> None:
        two = {"get_news": Verdict.INCONCLUSIVE, "get_state": Verdict.INCONCLUSIVE}
        assert tally_of(always(**two)).inconclusive_ratio == pytest.approx(2 / 7)

    def test_asks_of_each_interval_whether_it_holds_the_truth(self) -> None:
        same = tally_of(always())
        assert (same.inside, same.intervals) == ({"p50": 7, "p95": 7}, {"p50": 7, "p95": 7})
        slower = tally_of(always(), slower={"get_news": 5.0})
        assert slower.inside == {"p50": 6, "p95": 6}
        assert tally_of(always(), tail="get_news").intervals == {"p50": 6, "p95": 6}


class TestAShare:
    def test_has_wilsons_interval(self) -> None:
        # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263.
        assert (Share(81, 263).low, Share(81, 263).high) == pytest.approx((0.2553, 0.3662), abs=1e-4)

    def test_of_nothing_seen_still_has_an_upper_end(self) -> None:
        assert Share(0, 100).low == 0.0
        assert Share(0, 100).high == pytest.approx(0.037, abs=0.0005)


class TestARunWithoutSomeEndpoints:
    def test_keeps_all_others(self) -> None:
        left = without(RUNS[0], ["get_news", "nowhere"])
        assert set(RUNS[0]) - set(left) == {"get_news"}
        assert left["get_state"] is RUNS[0]["get_state"]
