"""The history of a suite: when an endpoint changed, how far it drifted; made-up runs, fixed by seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import numpy as np
import pytest
from builders import STARTED
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.core.history import REFERENCE, PastRun, suite_history
from perf_pipeline.core.history_model import EndpointHistory, SuiteHistory
from perf_pipeline.core.history_words import change_sentence, drift_sentence, shared_sentence, sparkline

ENDPOINTS = ("join", "news", "data", "board", "update", "state", "match")
Factor = Callable[[int], float]


def day(number: int) -> datetime:
    return STARTED + timedelta(days=number)


def runs(
    number: int,
    slower: Mapping[str, Factor] | None = None,
    *,
    machine: Factor = lambda _: 1.0,
    endpoints: tuple[str, ...] = ENDPOINTS,
    seed: int = 0,
) -> list[PastRun]:
    """``slower``: endpoint -> factor on its latency by the number of the run, from 0; ``machine``: on all."""
    rng = np.random.default_rng([seed, 5])
    made = []
    for run in range(number):
        shared = 0.1 * rng.standard_normal() + math.log(machine(run))
        ms = {}
        for place, name in enumerate(endpoints, start=1):
            own = math.log((slower or {}).get(name, lambda _: 1.0)(run)) + math.log(10.0 * place) + shared
            p50, p95 = 0.03 * rng.standard_normal(), 0.08 * rng.standard_normal()
            ms[name] = {"p50": math.exp(own + p50), "p95": 2 * math.exp(own + p95)}
        made.append(PastRun(run_id=f"run-{run}", started_at=day(run), revision=f"rev-{run}", ms=ms))
    return made


def step(size: float, at: int) -> Factor:
    return lambda run: size if run >= at else 1.0


def one(history: SuiteHistory, name: str) -> EndpointHistory:
    return next(found for found in history.endpoints if found.endpoint == name)


class TestIdenticalRuns:
    def test_have_no_findings(self) -> None:
        histories = [suite_history(runs(50, seed=seed)) for seed in range(30)]
        assert sum(any(found.changes for found in history.endpoints) for history in histories) <= 1
        assert (
            sum(
                any(drift.stands for found in history.endpoints for drift in found.drifts)
                for history in histories
            )
            <= 1
        )

    def test_on_a_machine_of_slow_and_fast_days_have_none_either(self) -> None:
        history = suite_history(runs(60, machine=lambda run: 1.3 + 0.3 * math.sin(run / 9)))
        assert [found.endpoint for found in history.endpoints if found.changes] == []


class TestAChange:
    def test_is_dated_with_run_revision_size_and_levels(self) -> None:
        found = one(suite_history(runs(50, {"news": step(1.2, 30)})), "news")
        change = next(change for change in found.changes if change.quantile == "p50")
        assert (change.run_id, change.revision, change.previous_revision) == ("run-30", "rev-30", "rev-29")
        assert change.started_at == day(30)
        assert change.low < 1.2 < change.high
        assert change.ratio == pytest.approx(change.after_ms / change.before_ms)
        assert (change.runs_before, change.runs_after) == (30, 20)

    def test_of_one_endpoint_is_none_of_the_others(self) -> None:
        history = suite_history(runs(50, {"news": step(1.5, 30)}))
        assert [found.endpoint for found in history.endpoints if found.changes] == ["news"]
        assert history.shared is not None
        assert history.shared.changes == []

    def test_of_all_endpoints_is_told_apart(self) -> None:
        history = suite_history(runs(60, machine=step(2.0, 30)))
        assert history.shared is not None
        assert {change.run_id for change in history.shared.changes} == {"run-30"}
        assert [found.endpoint for found in history.endpoints if found.changes] == []
        assert "the machine or the service" in shared_sentence(history.shared.changes[0])

    def test_reads_as_a_sentence(self) -> None:
        found = one(suite_history(runs(50, {"news": step(1.2, 30)})), "news")
        said = change_sentence(next(change for change in found.changes if change.quantile == "p50"))
        assert said.startswith(
            "since run run-30 (revision rev-30, 20 Dec 2026): p50 +21 % (interval +19..+23 %)"
        )

    def test_is_found_beside_the_own_quantile_only(self) -> None:
        past = runs(50)
        for run in past[30:]:
            run.ms["news"]["p95"] *= 1.6  # type: ignore[index, operator]
        changes = one(suite_history(past), "news").changes
        assert {change.quantile for change in changes} == {"p95"}


class TestDrift:
    creeping = {"data": lambda run: 1.01 ** (run / 4)}  # noqa: RUF012 - +1 % every fourth run

    def test_that_no_comparison_sees_is_found_against_the_first_runs(self) -> None:
        histories = [suite_history(runs(50, self.creeping, seed=seed)) for seed in range(10)]
        drifts = [one(history, "data").drifts[0] for history in histories]
        assert {(drift.quantile, drift.pinned) for drift in drifts} == {("p50", False)}
        assert max(drift.reference_runs for drift in drifts) == REFERENCE
        assert sum(drift.stands for drift in drifts) >= 8
        assert sum(drift.low < 1.01**10 < drift.high for drift in drifts) >= 8

    def test_is_measured_from_what_is_pinned(self) -> None:
        pinned = [f"run-{number}" for number in range(20, 25)]
        drift = one(suite_history(runs(50, self.creeping), pinned=pinned), "data").drifts[0]
        assert (drift.pinned, drift.reference_runs, drift.reference_revision) == (True, 5, "rev-24")
        assert "from the pinned baseline (5 runs of revision rev-24)" in drift_sentence(drift)

    def test_smaller_than_what_matters_is_measured_and_not_told(self) -> None:
        floors = {"p50": 0.2, "p95": 0.2}
        drifts = one(suite_history(runs(50, self.creeping), floors=floors), "data").drifts
        assert [drift.stands for drift in drifts] == [False, False]

    def test_that_a_change_dates_says_so(self) -> None:
        drift = one(suite_history(runs(50, {"data": step(1.3, 30)})), "data").drifts[0]
        assert drift.stands
        assert drift.dated
        assert "slowly" not in drift_sentence(drift)

    def test_needs_runs_after_the_reference(self) -> None:
        assert one(suite_history(runs(REFERENCE + 2)), "data").drifts == []
        newest = [f"run-{number}" for number in range(15, 20)]
        assert one(suite_history(runs(20), pinned=newest), "data").drifts == []


class TestOddHistories:
    def test_of_one_run_have_points_and_no_findings(self) -> None:
        history = suite_history(runs(1))
        assert [len(found.points["p50"]) for found in history.endpoints] == [1] * 7
        assert all(not found.changes and not found.drifts for found in history.endpoints)

    def test_of_two_endpoints_share_nothing(self) -> None:
        history = suite_history(runs(30, endpoints=("news", "data")))
        assert history.shared is None
        assert one(history, "news").points["p50"][0].ms == pytest.approx(
            runs(30, endpoints=("news", "data"))[0].ms["news"]["p50"]
        )

    def test_with_an_endpoint_that_came_later_date_the_others(self) -> None:
        past = runs(50, {"news": step(1.3, 30)})
        for run in past[:20]:
            del run.ms["match"]  # type: ignore[attr-defined]
        history = suite_history(past)
        assert len(one(history, "match").points["p50"]) == 30
        assert {change.run_id for change in one(history, "news").changes} == {"run-30"}

    def test_without_any_figure_are_empty(self) -> None:
        nothing = [
            PastRun(run_id=f"run-{n}", started_at=day(n), revision=None, ms={"a": {}}) for n in range(20)
        ]
        (found,) = suite_history(nothing).endpoints
        assert (found.points, found.changes, found.drifts) == ({"p50": [], "p95": []}, [], [])

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(ENDPOINTS[:5]),
                st.one_of(
                    st.none(),
                    st.sampled_from([0.0, -1.0, math.nan, math.inf, 1e-9, 1e9, 5.0]),
                    st.floats(0.1, 1e4),
                ),
            ),
            min_size=1,
            max_size=40,
        )
    )
    def test_of_any_figures_give_numbers_that_json_holds(
        self, figures: list[dict[str, float | None]]
    ) -> None:
        past = [
            PastRun(
                run_id=f"run-{number}",
                started_at=day(number),
                revision=None,
                ms={name: {"p50": value, "p95": value} for name, value in of_run.items()},
            )
            for number, of_run in enumerate(figures)
        ]
        history = suite_history(past)
        json.dumps(history.model_dump(mode="json"), allow_nan=False)
        for found in history.endpoints:
            assert all(change.low <= change.ratio <= change.high for change in found.changes)
            assert all(drift.low <= drift.ratio <= drift.high for drift in found.drifts)


class TestSparkline:
    def test_is_a_bar_for_each_of_the_newest_values(self) -> None:
        assert sparkline([1.0, 2.0, 3.0]) == "▁▅█"
        assert sparkline([5.0] * 50) == "▁" * 40
        assert sparkline([]) == ""
