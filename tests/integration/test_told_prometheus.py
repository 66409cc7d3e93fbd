"""What the pipeline itself writes into a real Prometheus: on the wire, and of a real run that is repeated."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster_parts as parts
import pytest
from dagster import DagsterInstance, ReexecutionOptions, execute_job
from prometheus_parts import ask, start_prometheus, values
from stack_parts import TOOLS

from perf_pipeline import conventions as names
from perf_pipeline.core.run_samples import SeriesSample, ended
from perf_pipeline.defs.instance import prepare_dagster_home
from perf_pipeline.defs.launch import LaunchResult, run_benchmark
from perf_pipeline.defs.origin import reconstructable_job
from perf_pipeline.prometheus.errors import TooLateError
from perf_pipeline.prometheus.queries import selector
from perf_pipeline.prometheus.remote_write import write_samples
from perf_pipeline.stack.tools import find_or_install_prometheus


def oldest() -> Path:
    return find_or_install_prometheus(TOOLS)


def newest() -> Path:
    return Path(pytest.importorskip("prometheus35").binary())


class TestOnTheWire:
    @pytest.fixture(scope="class", params=[oldest, newest], ids=["2.42", "3.5"])
    def url(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        folder = tmp_path_factory.mktemp("prometheus")
        with ExitStack() as until:
            yield start_prometheus(request.param(), folder, folder / "data", until)

    def sample(self, metric: str, value: float, unix_ms: int) -> SeriesSample:
        return SeriesSample(metric=metric, labels={"endpoint": "größe"}, value=value, unix_ms=unix_ms)

    def test_a_sample_arrives_as_it_is(self, url: str) -> None:
        write_samples(url, [self.sample("arrives", 0.1 + 0.2, round(time.time() * 1000))])
        (series,) = ask(url, "arrives")
        assert series["metric"] == {"__name__": "arrives", "endpoint": "größe"}
        assert float(series["value"][1]) == 0.1 + 0.2

    def test_the_same_sample_twice_is_one(self, url: str) -> None:
        sample = self.sample("twice", 1, round(time.time() * 1000))
        for _ in range(2):
            write_samples(url, [sample])
        assert values(url, "count_over_time(twice[1h])") == [1]

    def test_another_value_of_the_same_moment_is_refused(self, url: str) -> None:
        now = round(time.time() * 1000)
        write_samples(url, [self.sample("other", 1, now)])
        with pytest.raises(TooLateError, match="duplicate sample"):
            write_samples(url, [self.sample("other", 2, now)])
        assert values(url, "other") == [1]

    def test_a_sample_of_hours_ago_is_refused(self, url: str) -> None:
        write_samples(url, [self.sample("old", 1, round(time.time() * 1000))])
        with pytest.raises(TooLateError, match="out of bounds"):
            write_samples(url, [self.sample("older", 1, round(time.time() * 1000) - 4 * 3_600_000)])

    def test_a_series_that_ended_is_found_by_last_over_time_alone(self, url: str) -> None:
        sample = self.sample("ending", 7, round(time.time() * 1000) - 1000)
        write_samples(url, [sample])
        assert values(url, "ending") == [7]
        write_samples(url, ended([sample], at_unix_ms=sample.unix_ms + 500))
        assert values(url, "ending") == []
        assert values(url, "last_over_time(ending[5m])") == [7]


@dataclass
class Told:
    """A run that has ended."""

    result: LaunchResult
    root: Path

    @contextmanager
    def prometheus(self) -> Iterator[str]:
        """URL of a Prometheus on what the run's own has left behind."""
        folder = self.root / "asked"
        folder.mkdir(exist_ok=True)
        with ExitStack() as until:
            yield start_prometheus(oldest(), folder, self.root / "home" / "prometheus" / "data", until)

    def of_run(self, metric: str, **labels: str) -> str:
        return selector(metric, testid=self.result.run_id, **labels)


@pytest.mark.slow
class TestOfARealRun:
    """And, in the last test, of its repeated last step."""

    @pytest.fixture(scope="class")
    def told(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
        root = parts.make_project(tmp_path_factory.mktemp("project"))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in parts.environment(root).items():
                patch.setenv(name, value)
            prepare_dagster_home(root / "home")
            result = run_benchmark(parts.SUITE, parts.request(), home=root / "home")
            assert result.report is not None, result.sentence
            yield Told(result, root)

    def test_holds_each_figure_once_and_agrees_with_the_report(self, told: Told) -> None:
        assert told.result.report is not None
        with told.prometheus() as url:
            outcome = ask(url, f"last_over_time({told.of_run(names.RUN_OUTCOME)}[1h]) == 1")
            assert [one["metric"]["outcome"] for one in outcome] == [told.result.report.outcome.value]
            p95 = told.of_run(names.RUN_LATENCY, quantile="0.95")
            assert values(url, f"count_over_time({p95}[1h])") == [1] * 7

    def test_holds_the_plan_while_the_load_ran_and_not_after_it(self, told: Told) -> None:
        planned = told.of_run(names.RUN_PLANNED_RATE)
        with told.prometheus() as url:
            assert values(url, f"max_over_time({planned}[1h])") == [56], (
                "8 game days a second, 7 requests each"
            )
            assert values(url, planned) == []
            assert values(url, f"last_over_time({told.of_run(names.RUN_TARGET_INFO)}[1h])") == [1]

    def test_holds_each_figure_once_after_a_re_execution(self, told: Told) -> None:
        with DagsterInstance.get() as instance:
            again = execute_job(
                reconstructable_job(parts.JOB),
                instance=instance,
                reexecution_options=ReexecutionOptions(
                    parent_run_id=told.result.run_id, step_selection=[f"{parts.SUITE}__run_report"]
                ),
            )
            logs = instance.all_logs(again.run_id)
            # On a busy machine the run is invalid, and the step fails when all is done.
            assert any(event.is_step_materialization for event in again.all_events)
        assert [entry.user_message for entry in logs if entry.level == logging.WARNING] == []
        with told.prometheus() as url:
            for metric in (names.RUN_OUTCOME, names.RUN_ACCEPTED, names.RUN_REQUESTS, names.RUN_DURATION):
                assert set(values(url, f"count_over_time({told.of_run(metric)}[1h])")) == {1}, metric
            assert values(url, f"count(last_over_time({names.RUN_OUTCOME}[1h]) == 1)") == [1]
