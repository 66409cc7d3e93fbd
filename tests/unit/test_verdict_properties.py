"""What holds for the judge whatever the data: sane values, and no dependence on units, names or order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builders import ENDPOINTS, samples
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.core.judgement import Judgement
from perf_pipeline.core.model import Samples
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings

OLD = [samples(seed=number + 1, run_noise=0.01, n=200, machine=1 + 0.1 * (number % 2)) for number in range(5)]
NEW = samples(seed=99, run_noise=0.01, n=200, slower={"get_game_data": 1.5, "get_news": 1.1})


def judged(old, new, config=None):
    return compare(old, [new], config or VerdictSettings())


def made_of(durations_ms):
    number = len(durations_ms)
    return Samples(np.linspace(0.0, 60_000.0, number), durations_ms, np.ones(number, bool))


def verdicts(judgement):
    return {name: one.verdict for name, one in judgement.endpoints.items()}


def test_the_example_has_something_to_lose():
    assert len(set(verdicts(judged(OLD, NEW)).values())) > 1


ODD = st.one_of(
    st.floats(min_value=0.01, max_value=1e6),
    st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 0.0, 1e-320, 1e300, 5.0]),
)


def is_sane(judgement):
    for one in judgement.endpoints.values():
        for effect in filter(None, (one.p50, one.p95)):
            assert all(math.isfinite(value) for value in effect.model_dump().values())
            assert effect.low <= effect.ratio <= effect.high
            assert effect.noise_ratio > 0
    if judgement.common is not None:
        figures = (
            judgement.common.p50_ratio,
            judgement.common.p95_ratio,
            judgement.common.control_ratio or 1.0,
        )
        assert all(math.isfinite(value) and value > 0 for value in figures)
    return Judgement.model_validate_json(judgement.model_dump_json()) == judgement


@st.composite
def odd_runs(draw):
    run = {}
    for name in draw(st.lists(st.sampled_from([*"abcdef", "control"]), unique=True, max_size=5)):
        pattern = draw(st.lists(ODD, max_size=6))
        values = np.array(pattern * draw(st.integers(0, 25)), float)
        run[name] = Samples(np.arange(len(values), dtype=float), values, np.ones(len(values), bool))
    return run


class TestTheVerdict:
    @settings(max_examples=150, deadline=None)
    @given(old=st.lists(odd_runs(), max_size=6), new=st.lists(odd_runs(), min_size=1, max_size=3))
    def test_odd_data_gives_a_sane_verdict(self, old, new):
        judgement = compare(old, new, VerdictSettings(), control="control")
        assert is_sane(judgement)
        assert set(judgement.endpoints) == {name for run in (*old, *new) for name in run} - {"control"}

    @pytest.mark.parametrize("factor", [1.0, 1.5])
    @pytest.mark.parametrize("runs", [1, 2, 8])
    def test_constant_durations_give_a_sane_verdict(self, runs, factor):
        def constant(ms):
            return {name: made_of(np.full(100, ms)) for name in "abc"}

        judgement = judged(
            [constant(10.0)] * runs, constant(10.0) | {"a": made_of(np.full(100, 10.0 * factor))}
        )
        assert is_sane(judgement)
        assert (judgement.endpoints["a"].verdict == "regressed") == (factor > 1)

    @pytest.mark.parametrize("number", [0, 1, 19])
    def test_too_few_samples_are_said(self, number):
        judgement = judged(OLD, NEW | {"get_news": made_of(np.full(number, 6.0))})
        assert is_sane(judgement)
        assert f"({number}, needed 20)" in judgement.endpoints["get_news"].sentence

    def test_ten_million_samples_give_a_sane_verdict(self):
        many = made_of(np.tile(np.linspace(5.0, 50.0, 1000), 10_000))
        judgement = judged([{"a": many}], {"a": many})
        assert is_sane(judgement)
        assert judgement.endpoints["a"].p50.ratio == pytest.approx(1.0)

    @settings(max_examples=20, deadline=None)
    @given(missing=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(ENDPOINTS))), max_size=12))
    def test_endpoints_missing_in_some_runs_raise_no_alarm_elsewhere(self, missing):
        old = [dict(run) for run in OLD]
        for place, name in missing:
            old[place].pop(name, None)
        judgement = judged(old, samples(seed=98, run_noise=0.01, n=200))
        assert is_sane(judgement)
        assert "regressed" not in verdicts(judgement).values()

    @pytest.mark.parametrize("place", range(5))
    def test_an_identical_run_more_in_the_baseline_takes_no_verdict_back(self, place):
        plain, more = judged(OLD, NEW), judged([*OLD, OLD[place]], NEW)
        assert is_sane(more)
        slow = [name for name, verdict in verdicts(plain).items() if verdict == "regressed"]
        assert slow == ["get_game_data"]
        assert verdicts(more)["get_game_data"] == "regressed"

    @settings(max_examples=15, deadline=None)
    @given(factor=st.floats(0.01, 100.0))
    def test_another_unit_changes_no_verdict(self, factor):
        def scaled(run):
            return {name: Samples(one.t_ms, one.duration_ms * factor, one.ok) for name, one in run.items()}

        no_floor = VerdictSettings(floor_ms=0.0)
        plain = judged(OLD, NEW, no_floor)
        other = judged([scaled(run) for run in OLD], scaled(NEW), no_floor)
        assert verdicts(plain) == verdicts(other)

    @settings(max_examples=15, deadline=None)
    @given(order=st.permutations(list(ENDPOINTS)))
    def test_neither_order_nor_names_of_endpoints_matter(self, order):
        names = dict(zip(ENDPOINTS, order, strict=True))

        def renamed(run):
            return {names[name]: run[name] for name in sorted(run, key=lambda name: names[name])}

        plain = judged(OLD, NEW)
        other = judged([renamed(run) for run in OLD], renamed(NEW))
        assert {names[name]: verdict for name, verdict in verdicts(plain).items()} == verdicts(other)

    @settings(max_examples=10, deadline=None)
    @given(order=st.permutations(range(5)))
    def test_the_order_of_the_baseline_runs_does_not_matter(self, order):
        assert verdicts(judged(OLD, NEW)) == verdicts(judged([OLD[i] for i in order], NEW))
