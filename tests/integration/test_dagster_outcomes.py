"""How a run ends, in Dagster and in the store, when a part fails. Edges are played, the rest is real."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pytest
from dagster import (
    AssetCheckSeverity,
    AssetKey,
    DagsterInvalidConfigError,
    DagsterRunStatus,
    ExecuteInProcessResult,
)
from played_parts import PlayedParts, World, played_world, raising, step_error

from perf_pipeline import conventions as names
from perf_pipeline.core.model import Outcome
from perf_pipeline.core.run_samples import SeriesSample
from perf_pipeline.load.errors import LoadError, UnreadableError
from perf_pipeline.prometheus.errors import RemoteWriteError
from perf_pipeline.stack.base import NotReady


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with played_world(tmp_path_factory.mktemp("project")) as one:
        yield one


def red(result: ExecuteInProcessResult) -> list[str]:
    return [
        one.check_name
        for one in result.get_asset_check_evaluations()
        if not one.passed and one.severity is AssetCheckSeverity.ERROR
    ]


class TestAGoodRun:
    def test_is_a_success_with_its_report_in_the_store(self, world: World) -> None:
        parts = PlayedParts()
        result = world.run(parts, config={"note": "first"})
        stored = world.stored(result.run_id)
        assert result.success
        assert (stored.outcome, stored.note, stored.measured) == (Outcome.PASSED, "first", True)
        assert (world.project.run_folder(result.run_id) / "report.html").exists()
        assert parts.running.stopped

    def test_is_listed_with_what_ran_and_what_came_of_it(self, world: World) -> None:
        run = world.instance.get_run_by_id(world.run(PlayedParts()).run_id)
        assert run is not None
        shown = {name: value for name, value in run.tags.items() if name.startswith("perf/")}
        assert shown == {
            "perf/suite": "multiplayer",
            "perf/target": "local",
            "perf/profile": "standard",
            "perf/outcome": "passed",
        }

    def test_leaves_no_red_check_and_figures_that_can_be_charted(self, world: World) -> None:
        result = world.run(PlayedParts())
        assert len(result.get_asset_check_evaluations()) == 7 + 7 + 1
        assert red(result) == []
        slo = next(
            event.materialization
            for event in result.get_asset_materialization_events()
            if event.asset_key == AssetKey(["multiplayer", "slo_report"])
        )
        assert slo.metadata["latency/get_game_data/p95_ms"].value == pytest.approx(180, rel=0.2)
        assert slo.metadata["requests_failed_ratio/get_game_data"].value == 0.0


class TestWhatPrometheusIsTold:
    def test_is_the_plan_while_the_load_runs_and_what_was_found_at_its_end(self, world: World) -> None:
        parts = PlayedParts()
        result = world.run(parts)
        assert {one.labels["testid"] for one in parts.told} == {result.run_id}
        planned = [one.value for one in parts.told if one.metric == names.RUN_PLANNED_RATE]
        assert planned == [35.0, None], "written once, and ended with the load"
        assert parts.told_of(names.RUN_TARGET_INFO) == [{"revision": "rev-2"}] * 2
        assert parts.told_of(names.RUN_OUTCOME) == [{"outcome": "passed"}]
        assert len(parts.told_of(names.RUN_LATENCY)) == 7 * 2

    def test_has_the_baseline_of_the_next_run(self, world: World) -> None:
        world.run(PlayedParts())
        parts = PlayedParts()
        world.run(parts)
        # Each is written and ended.
        assert len(parts.told_of(names.RUN_BASELINE)) == 7 * 2 * 3 * 2

    def test_is_how_a_run_ended_that_measured_nothing(self, world: World) -> None:
        parts = PlayedParts(on_load=raising(LoadError("k6 is not there: install it")))
        world.run(parts)
        assert parts.told_of(names.RUN_OUTCOME) == [{"outcome": "not_ready"}]

    def test_is_that_a_run_was_interrupted_before_its_prometheus_is_stopped(self, world: World) -> None:
        parts = PlayedParts(on_load=raising(KeyboardInterrupt()))
        world.run(parts)
        assert parts.told_of(names.RUN_OUTCOME) == [{"outcome": "cancelled"}]

    def test_counts_how_many_of_the_last_runs_were_invalid(self, world: World) -> None:
        world.run(PlayedParts())
        for _ in range(2):
            parts = PlayedParts(on_snapshot=raising(RuntimeError("no such thing")))
            world.run(parts)
        counted = [one.value for one in parts.told if one.metric == names.RUN_INVALID_OF_LAST]
        assert counted == [2.0]

    @pytest.mark.parametrize("error", [RemoteWriteError("it took none."), RuntimeError("a mistake of ours")])
    def test_disturbs_no_load_when_it_cannot_be_written(self, world: World, error: Exception) -> None:
        parts = PlayedParts()

        def write_samples(_url: str, samples: Sequence[SeriesSample]) -> None:
            if any(one.metric == names.RUN_PLANNED_RATE for one in samples):
                raise error

        parts.write_samples = write_samples  # type: ignore[method-assign]
        assert world.run(parts).success

    def test_costs_a_warning_when_the_end_cannot_be_written(self, world: World) -> None:
        result = world.run(PlayedParts(on_write=raising(RemoteWriteError("it took none."))))
        assert result.success
        warnings = [
            entry.user_message
            for entry in world.instance.all_logs(result.run_id)
            if entry.level == logging.WARNING
        ]
        assert "Trends and alerts will not see how this run ended: it took none." in warnings


class TestARunThatIsNotReady:
    def test_ends_before_any_load_when_the_stack_is_not(self, world: World) -> None:
        parts = PlayedParts(on_start=raising(NotReady("target_down", "the target does not answer")))
        result = world.run(parts)
        assert not result.success
        assert parts.loads == 0
        assert world.stored(result.run_id).outcome is Outcome.NOT_READY
        assert step_error(result) == "not_ready: the target does not answer"

    def test_ends_when_k6_could_not_send_anything(self, world: World) -> None:
        parts = PlayedParts(on_load=raising(LoadError("k6 is not there: install it")))
        stored = world.stored(world.run(parts).run_id)
        assert (stored.outcome, stored.sentence) == (
            Outcome.NOT_READY,
            "not_ready: k6 is not there: install it",
        )
        assert parts.running.stopped

    def test_with_an_unknown_profile_is_not_even_begun(self, world: World) -> None:
        before = world.count()
        with pytest.raises(DagsterInvalidConfigError, match=r"profile not in .*'standard'.* got standart"):
            world.run(PlayedParts(), config={"profile": "standart"})
        assert world.count() == before


class TestAnInvalidRun:
    def test_has_its_report_and_is_a_failure_with_the_reason(self, world: World) -> None:
        parts = PlayedParts()
        parts.cpu = 0.97
        result = world.run(parts)
        materialised = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
        assert not result.success
        assert "run_report" in materialised
        assert world.stored(result.run_id).outcome is Outcome.INVALID
        assert step_error(result).startswith("invalid: the generator's machine was 97 % busy")

    def test_shows_one_red_check_for_validity(self, world: World) -> None:
        parts = PlayedParts()
        parts.cpu = 0.97
        assert red(world.run(parts)) == ["valid_run"]

    def test_is_one_whose_load_was_sent_and_left_nothing_to_read(self, world: World) -> None:
        parts = PlayedParts(on_load=raising(UnreadableError("the raw samples are gone.")))
        result = world.run(parts)
        assert step_error(result) == "invalid: the raw samples are gone."
        stored = world.stored(result.run_id)
        assert (stored.outcome, stored.sentence) == (Outcome.INVALID, "invalid: the raw samples are gone.")


class TestARunThatBreaks:
    @pytest.mark.parametrize("where", ["load", "snapshot"])
    def test_is_not_judged_and_names_step_and_error(self, world: World, where: str) -> None:
        parts = PlayedParts(**{f"on_{where}": raising(RuntimeError("no such thing"))})
        stored = world.stored(world.run(parts).run_id)
        step = {"load": "load_test", "snapshot": "prometheus_snapshot"}[where]
        assert stored.outcome is Outcome.INVALID
        assert stored.sentence == f"invalid: internal error in step {step}: RuntimeError: no such thing"
        assert parts.running.stopped

    def test_while_writing_reports_keeps_its_outcome(self, world: World) -> None:
        result = world.run(PlayedParts(on_reports=raising(OSError("disk full"))))
        assert not result.success
        assert world.stored(result.run_id).outcome is Outcome.PASSED

    def test_by_an_interrupt_is_cancelled_everywhere(self, world: World) -> None:
        parts = PlayedParts(on_load=raising(KeyboardInterrupt()))
        result = world.run(parts)
        run = world.instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.status is DagsterRunStatus.CANCELED
        assert world.stored(result.run_id).outcome is Outcome.CANCELLED
        assert parts.running.stopped
