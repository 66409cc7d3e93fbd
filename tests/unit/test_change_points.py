"""Changes of level in a row of numbers: found where they are, and not where there are none."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from perf_pipeline.core.change_points import MIN_SEGMENT, best_cut, find_cuts, without_outliers

ALPHA = 0.01


def noise(runs: int, seed: int = 0) -> np.ndarray:
    return 0.04 * np.random.default_rng(seed).standard_normal(runs)


def waves(runs: int, seed: int, near: float) -> np.ndarray:
    """Neighbours resemble each other."""
    fresh = noise(runs, seed)
    for run in range(1, runs):
        fresh[run] += near * fresh[run - 1]
    return fresh


class TestIdenticalRuns:
    @pytest.mark.parametrize("runs", [20, 50, 100])
    def test_have_no_change_in_99_of_100_histories(self, runs: int) -> None:
        found = [bool(find_cuts(noise(runs, seed), alpha=ALPHA)) for seed in range(300)]
        assert sum(found) <= 3

    def test_that_resemble_their_neighbours_have_hardly_more(self) -> None:
        found = [bool(find_cuts(waves(100, seed, 0.5), alpha=ALPHA)) for seed in range(200)]
        assert sum(found) <= 8

    def test_with_bad_runs_among_them_have_hardly_more(self) -> None:
        histories = [noise(100, seed) for seed in range(200)]
        for history in histories:
            history[::13] += 0.3
        assert sum(bool(find_cuts(history, alpha=ALPHA)) for history in histories) <= 4


class TestAStep:
    r"""________
    ________/
    """

    @pytest.mark.parametrize("at", [10, 25, 40])
    def test_is_dated_within_two_runs(self, at: int) -> None:
        errors = []
        for seed in range(50):
            values = noise(50, seed)
            values[at:] += math.log(1.2)
            cuts = find_cuts(values, alpha=ALPHA)
            errors.append(min((abs(cut.index - at) for cut in cuts), default=99))
        assert np.mean(np.array(errors) <= 2) >= 0.98

    def test_there_and_back_is_two_changes(self) -> None:
        values = noise(60)
        values[20:40] += 0.3
        assert [cut.index for cut in find_cuts(values, alpha=ALPHA)] == [20, 40]

    def test_that_is_a_staircase_has_a_date_for_each_stair(self) -> None:
        values = noise(80) + np.repeat([0.0, 0.3, 0.6, 0.9], 20)
        assert [cut.index for cut in find_cuts(values, alpha=ALPHA)] == [20, 40, 60]

    def test_is_surer_the_larger_it_is(self) -> None:
        cuts = [best_cut(noise(50) + size * (np.arange(50) >= 25)) for size in (0.05, 0.1, 0.3)]
        assert [cut.p for cut in cuts if cut] == sorted((cut.p for cut in cuts if cut), reverse=True)

    def test_of_fewer_runs_than_a_level_needs_is_not_one_yet(self) -> None:
        values = noise(40)
        values[-(MIN_SEGMENT - 3) :] += 0.5
        assert all(cut.index <= 35 for cut in find_cuts(values, alpha=ALPHA))

    def test_without_any_noise_is_certain(self) -> None:
        (cut,) = find_cuts(np.repeat([1.0, 2.0], 10), alpha=ALPHA)
        assert (cut.index, cut.p) == (10, 0.0)


class TestOutliers:
    def test_are_drawn_in_and_steps_stay(self) -> None:
        values = noise(40)
        values[20:] += 0.5
        values[7] += 2.0
        clean = without_outliers(values)
        assert clean[7] < 0.5
        assert np.mean(clean[20:]) - np.mean(clean[:20]) == pytest.approx(0.5, abs=0.05)


numbers = st.floats(-30, 30)


class TestAnyNumbers:
    @settings(max_examples=150, deadline=None)
    @given(arrays(np.float64, st.integers(0, 60), elements=numbers))
    def test_give_changes_in_order_with_levels_of_some_runs_and_a_chance(self, values: np.ndarray) -> None:
        cuts = find_cuts(values, alpha=ALPHA)
        edges = [0, *(cut.index for cut in cuts), len(values)]
        assert not cuts or all(b - a >= MIN_SEGMENT for a, b in itertools.pairwise(edges))
        assert all(0.0 <= cut.p <= ALPHA for cut in cuts)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 1000), st.floats(-5, 5), st.floats(0.01, 100))
    def test_change_at_the_same_runs_when_moved_or_scaled(self, seed: int, move: float, scale: float) -> None:
        values = noise(40, seed) + 0.2 * (np.arange(40) >= 25)
        before = [cut.index for cut in find_cuts(values, alpha=ALPHA)]
        assert [cut.index for cut in find_cuts(move + scale * values, alpha=ALPHA)] == before
