"""Benchmarks with real parts as Dagster runs: killed, broken, interrupted, and handled from the UI.

One project, one UI, runs in this order; every class asks about one of them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import dagster_parts as parts
import prometheus_parts as prometheus
import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from stack_parts import TOOLS

from perf_pipeline import conventions as names
from perf_pipeline.core.model import MEASURED, LoadResult, Outcome, PrometheusSnapshot, RunReport
from perf_pipeline.defs.asking import ConfigurationError
from perf_pipeline.defs.instance import prepare_dagster_home
from perf_pipeline.defs.launch import run_benchmark
from perf_pipeline.defs.values import read_value, value_path
from perf_pipeline.prometheus.queries import selector
from perf_pipeline.stack.tools import find_or_install_prometheus
from perf_pipeline.store.repository import Store, StoredRun

pytestmark = pytest.mark.slow


@dataclass
class Bench:
    root: Path
    ui: parts.Ui
    runs: dict[str, str] = field(default_factory=dict)  # what was done to it -> run id

    @property
    def home(self) -> Path:
        return self.root / "home"

    def stored(self, what: str) -> StoredRun:
        with Store(os.environ[names.ENV_STORE_URL]) as store:
            return store.find_run(self.runs[what])

    def dagster(self, what: str) -> DagsterRun:
        with DagsterInstance.get() as instance:
            run = instance.get_run_by_id(self.runs[what])
            assert run is not None
            return run

    def newest(self) -> str:
        with Store(os.environ[names.ENV_STORE_URL]) as store:
            return store.list_runs(limit=1)[0].run_id


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = parts.make_project(tmp_path_factory.mktemp("project"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in parts.environment(root).items():
            patch.setenv(name, value)
        prepare_dagster_home(root / "home")
        with parts.dagster_ui(root) as ui:
            yield Bench(root, ui)


class TestARunWhoseProcessIsKilled:
    """And the next one, which is kept from storing the value of prometheus_snapshot."""

    def test_is_lost_and_its_children_are_ended_by_the_next_run(self, bench: Bench) -> None:
        with parts.start_run(bench.root) as run:
            parts.wait_for_line(run, "progress warmup")
            run.kill()
        bench.runs["killed"] = bench.newest()
        left = parts.benchmark_processes(bench.root)
        assert left, "k6, Prometheus and the backend outlive a process that is killed"

        with parts.start_run(bench.root) as run:
            parts.wait_for_line(run, "progress warmup")
            bench.runs["broken"] = bench.newest()
            value_path(bench.home, bench.runs["broken"], "prometheus_snapshot").mkdir(parents=True)
            out, err = run.communicate(timeout=120)

        assert bench.stored("killed").outcome is Outcome.LOST
        assert bench.dagster("killed").status is DagsterRunStatus.FAILURE
        assert parts.benchmark_processes(bench.root) == []
        assert "progress measure" in out
        assert f"result {bench.runs['broken']} FAILURE internal" in out
        assert err == "", "Dagster's log must not disturb the command line's own display"


class TestARunThatBreaksAfterTheLoad:
    def test_is_not_judged(self, bench: Bench) -> None:
        assert bench.dagster("broken").status is DagsterRunStatus.FAILURE
        stored = bench.stored("broken")
        assert stored.outcome is Outcome.INVALID
        assert stored.sentence.startswith("invalid: internal error in step prometheus_snapshot: ")

    def test_is_completed_from_the_ui_without_a_second_load(self, bench: Bench) -> None:
        run_id = bench.runs["broken"]
        value_path(bench.home, run_id, "prometheus_snapshot").rmdir()
        samples = bench.home / "runs" / run_id / names.RAW_SAMPLES
        loaded, load = samples.stat().st_mtime, read_value(bench.home, run_id, "load_test", LoadResult)

        again = bench.ui.reexecute_from_failure(run_id)
        bench.ui.wait_for_end(again)

        bench.runs["again"] = again
        assert "tiny__load_test" not in (bench.dagster("again").step_keys_to_execute or ())
        assert samples.stat().st_mtime == loaded
        assert read_value(bench.home, run_id, "load_test", LoadResult) == load
        report = read_value(bench.home, run_id, "run_report", RunReport)
        stored = bench.stored("broken")
        assert report is not None
        assert stored.measured
        assert stored.outcome in MEASURED
        assert report.outcome is stored.outcome

    def test_finds_its_samples_in_a_prometheus_that_was_started_again(self, bench: Bench) -> None:
        snapshot = read_value(bench.home, bench.runs["broken"], "prometheus_snapshot", PrometheusSnapshot)
        assert snapshot is not None
        assert all(figures.succeeded for figures in snapshot.figures.values()), snapshot.problem
        assert parts.benchmark_processes(bench.root) == []

    def test_has_one_outcome_in_prometheus_although_it_had_two(self, bench: Bench, tmp_path: Path) -> None:
        outcomes = selector(names.RUN_OUTCOME, testid=bench.runs["broken"])
        with ExitStack() as until:
            url = prometheus.start_prometheus(
                find_or_install_prometheus(TOOLS), tmp_path, bench.home / "prometheus" / "data", until
            )
            told = prometheus.ask(url, f"last_over_time({outcomes}[1h])")
        values = {one["metric"]["outcome"]: float(one["value"][1]) for one in told}
        outcome = bench.stored("broken").outcome
        assert outcome is not None
        assert [name for name, value in values.items() if value == 1] == [outcome.value]
        assert Outcome.INVALID.value in values, "told when it broke, taken back when it was completed"


class TestARunThatIsInterrupted:
    def test_by_ctrl_c_twice_is_cancelled_everywhere_and_leaves_no_process(self, bench: Bench) -> None:
        with parts.start_run(bench.root) as run:
            parts.wait_for_line(run, "progress")
            run.send_signal(signal.SIGINT)
            time.sleep(0.3)
            run.send_signal(signal.SIGINT)
            out, err = run.communicate(timeout=30)
        bench.runs["interrupted"] = bench.newest()
        assert f"result {bench.runs['interrupted']} CANCELED" in out, err
        assert bench.dagster("interrupted").status is DagsterRunStatus.CANCELED
        stored = bench.stored("interrupted")
        assert stored.outcome is Outcome.CANCELLED
        assert stored.sentence == "cancelled: the run was ended in step load_test"
        assert parts.benchmark_processes(bench.root) == []

    def test_by_terminate_in_the_ui_is_the_same(self, bench: Bench) -> None:
        with parts.start_run(bench.root) as run:
            parts.wait_for_line(run, "progress")
            bench.runs["terminated"] = bench.newest()
            bench.ui.terminate(bench.runs["terminated"])
            out, err = run.communicate(timeout=30)
        assert "CANCELED" in out, err
        assert bench.stored("terminated").outcome is Outcome.CANCELLED
        assert parts.benchmark_processes(bench.root) == []


class TestARunFromTheUi:
    def test_can_be_terminated_and_leaves_no_process(self, bench: Bench) -> None:
        run_id = bench.ui.launch(parts.JOB, {"profile": parts.PROFILE, "note": "from the UI"})
        bench.runs["ui"] = run_id
        parts.wait_until((bench.home / "runs" / run_id / names.RAW_SAMPLES).exists, 60)
        bench.ui.terminate(run_id)
        assert bench.ui.wait_for_end(run_id) == "CANCELED"
        stored = bench.stored("ui")
        assert (stored.outcome, stored.note) == (Outcome.CANCELLED, "from the UI")
        assert stored.launched_by == "Dagster's UI"
        assert parts.benchmark_processes(bench.root) == []


class TestAWrongRequest:
    def test_is_refused_before_there_is_a_run(self, bench: Bench) -> None:
        newest = bench.newest()
        with pytest.raises(ConfigurationError, match="did you mean 'tiny'"):
            run_benchmark(parts.SUITE, parts.request(profile="tinny"), home=bench.home)
        assert bench.newest() == newest
