"""What Prometheus recorded of a run, read back from a real Prometheus that a real k6 wrote to."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from dagster_parts import PROFILE, SUITE, make_project
from load_parts import TinyTarget, ready_stack, tiny_suite
from stack_parts import NOBODY, TOOLS

from perf_pipeline.core.control import without_control
from perf_pipeline.core.model import LoadResult, PrometheusSnapshot, RunRequest, RunSamples, StackState
from perf_pipeline.load.probe import find_k6
from perf_pipeline.load.progress import Progress
from perf_pipeline.load.run import run_load
from perf_pipeline.load.samples import load_samples
from perf_pipeline.prometheus.snapshot import take_snapshot
from perf_pipeline.stack.embedded import EmbeddedStack
from perf_pipeline.suite import Suite
from perf_pipeline.suite_file import load_suite


@dataclass(frozen=True)
class Run:
    suite: Suite
    state: StackState
    load: LoadResult
    exact: RunSamples
    home: Path
    stack: EmbeddedStack

    def snapshot(self, prometheus_url: str | None = None) -> PrometheusSnapshot:
        state = self.state.model_copy(update={"prometheus_url": prometheus_url or self.state.prometheus_url})
        return take_snapshot(suite=self.suite, stack=state, load=self.load, exact=self.exact)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Seven endpoints for five seconds after a warm-up of one; every fifth join fails."""
    root = make_project(tmp_path_factory.mktemp("project"))
    suite = load_suite(root / "k6" / SUITE)
    home = root / "home"
    stack = EmbeddedStack(home, TOOLS)
    request = RunRequest(suite=SUITE, target="local", profile=PROFILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERF_DEMO_FAULTS", "fail=join_room:20%")
        state = stack.start(suite=suite, request=request, run_id="run-1", run_folder=home / "runs" / "run-1")
    try:
        load = run_load(
            suite=suite,
            stack=state,
            k6=find_k6(),
            home=home,
            on_progress=lambda _: None,
            read_target=lambda: (state.revision, True),
        )
        yield Run(suite, state, load, load_samples(Path(state.run_folder)), home, stack)
    finally:
        stack.stop()


class TestAHealthyRecord:
    def test_holds_exactly_the_requests_of_the_measured_phase(self, run: Run) -> None:
        snapshot = run.snapshot()

        assert snapshot.complete, snapshot.problem
        recorded = {name: (one.succeeded, one.failed, one.sent) for name, one in snapshot.figures.items()}
        exact = {
            name: (int(one.ok.sum()), int((~one.ok).sum()), len(one.ok))
            for name, one in without_control(run.exact).items()
        }
        assert recorded == exact
        ratios = {name: one.success_ratio for name, one in snapshot.figures.items()}
        assert ratios == {name: succeeded / sent for name, (succeeded, _, sent) in exact.items()}
        assert exact["join_room"][1] > 0
        assert all(sent >= 40 for _, _, sent in exact.values())

    def test_agrees_with_the_exact_quantiles_within_the_histograms_resolution(self, run: Run) -> None:
        rows = run.snapshot().reconciliation

        assert [row.endpoint for row in rows] == list(run.suite.endpoints)
        assert [row.note for row in rows if not row.agrees] == []
        assert all(row.exact_p95_ms and row.prometheus_p95_ms for row in rows)

    def test_is_drawn_over_time_from_its_series_file(self, run: Run) -> None:
        snapshot = run.snapshot()

        assert snapshot.series_file is not None
        series = json.loads(Path(snapshot.series_file).read_text())
        assert set(series) == {"requests_per_s", "errors_per_s", "p50_ms", "p95_ms", "users"}
        assert {one["endpoint"] for one in series["requests_per_s"]} == set(run.suite.endpoints)
        assert [one["endpoint"] for one in series["errors_per_s"]] == ["join_room"]
        assert all(value > 0 for one in series["p95_ms"] for value in one["values"])

    def test_costs_well_under_a_second(self, run: Run) -> None:
        assert run.snapshot().query_s < 1.0


class TestARecordThatIsReadLater:
    def test_is_the_same_from_the_kept_data_after_the_stack_has_gone(self, run: Run) -> None:
        before = run.snapshot()
        run.stack.stop()
        later = EmbeddedStack(run.home, TOOLS)
        try:
            after = run.snapshot(later.ensure_prometheus(run.state))
        finally:
            later.stop()

        assert after.complete
        assert after.figures == before.figures


class TestALostRecord:
    def test_names_a_prometheus_that_is_dead_and_raises_nothing(self, run: Run) -> None:
        started = time.monotonic()
        snapshot = run.snapshot(NOBODY)

        assert not snapshot.complete
        assert snapshot.problem is not None
        assert snapshot.problem.name == "prometheus_lost"
        assert f"nothing answers at {NOBODY}" in snapshot.problem.sentence
        assert all(one.p95_ms is None and one.sent is None for one in snapshot.figures.values())
        assert time.monotonic() - started < 5

    def test_names_how_much_is_missing_and_from_when_on_if_prometheus_was_killed_half_way(
        self, tmp_path: Path
    ) -> None:
        suite = tiny_suite(tmp_path, rate=20, seconds=8)
        stack = EmbeddedStack(tmp_path / "home", TOOLS)
        try:
            with TinyTarget() as target:
                state = ready_stack(tmp_path, target_url=target.url, prometheus_url=NOBODY)
                state = state.model_copy(update={"prometheus_url": stack.ensure_prometheus(state)})
                (prometheus,) = psutil.Process().children()[-1:]

                def kill_half_way(progress: Progress) -> None:
                    if progress.elapsed_s > 3.5 and prometheus.is_running():
                        os.kill(prometheus.pid, signal.SIGKILL)

                load = run_load(
                    suite=suite,
                    stack=state,
                    k6=find_k6(),
                    home=tmp_path / "home",
                    on_progress=kill_half_way,
                    read_target=lambda: ("r1", True),
                )
            exact = load_samples(Path(state.run_folder))
            state = state.model_copy(update={"prometheus_url": stack.ensure_prometheus(state)})
            snapshot = take_snapshot(suite=suite, stack=state, load=load, exact=exact)
        finally:
            stack.stop()

        assert load.exit_code == 0
        assert not snapshot.complete
        assert snapshot.problem is not None
        assert snapshot.problem.name == "samples_lost"
        recorded = snapshot.figures["page"].sent
        assert recorded is not None
        sent = len(exact["page"].ok)
        assert 0 < recorded < sent
        assert f"Prometheus holds {recorded} of {sent} requests" in snapshot.problem.sentence
        assert " lost from " in snapshot.problem.sentence
