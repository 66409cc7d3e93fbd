"""Benchmarks as Dagster runs in this process. The edges are played: processes, k6, Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import builders
from dagster import AssetKey, DagsterInstance, DagsterRun, ExecuteInProcessResult, RunConfig
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run

from perf_pipeline import conventions as names
from perf_pipeline.core.model import RunReport, RunRequest, StackState
from perf_pipeline.core.run_samples import SeriesSample
from perf_pipeline.defs.build import build_definitions
from perf_pipeline.defs.gate import GateConfig
from perf_pipeline.defs.parts import Parts
from perf_pipeline.load.progress import Progress
from perf_pipeline.monitoring.k6_suite import suite_json
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store, StoredRun
from perf_pipeline.suite import Suite

STEPS = [
    "monitoring_stack",
    "load_test",
    "prometheus_snapshot",
    "slo_report",
    "baseline_comparison",
    "run_report",
]

ELSEWHERE = "http://shop.example"

Break = Callable[[], Any]


def never() -> None:
    return None


@dataclass
class PlayedStack:
    kind: str = "embedded"
    notes: list[str] = field(default_factory=list)
    on_start: Break = never
    on_take: Break = never
    stopped: int = 0
    url: str | None = "http://prometheus.example"
    prometheus_data: Path | None = None

    @property
    def prometheus_url(self) -> str | None:
        return None if self.stopped else self.url

    def take_host(self, _run_id: str) -> None:
        self.on_take()
        self.stopped = 0

    def start(self, *, request: RunRequest, run_id: str, run_folder: Path, **_: Any) -> StackState:
        self.on_start()
        return builders.stack_state(run_id=run_id, request=request, run_folder=str(run_folder))

    def ensure_prometheus(self, state: StackState) -> str:
        return state.prometheus_url

    def stop(self) -> None:
        self.stopped += 1


class PlayedParts(Parts):
    """A good run; ``on_load``, ``on_snapshot`` and ``on_reports`` may raise."""

    def __init__(self, *, cpu: float = 0.4, **breaks: Break) -> None:
        self.running = PlayedStack(
            on_start=breaks.get("on_start", never), on_take=breaks.get("on_take", never)
        )
        self.breaks = breaks
        self.loads = 0
        self.told: list[SeriesSample] = []
        self.cpu = cpu

    def stack(self, _project: Project) -> PlayedStack:
        return self.running

    def run_load(self, *, stack: StackState, on_progress: Callable[[Progress], None], **_: Any) -> Any:
        self.loads += 1
        on_progress(Progress("measure", 60, 122, 1000, 0, 35.0))
        self.breaks.get("on_load", never)()
        cpu = builders.load_result().cpu.model_copy(
            update={"host_max_ratio": self.cpu, "host_mean_ratio": self.cpu}
        )
        return builders.load_result(run_id=stack.run_id, cpu=cpu)

    def k6_version(self) -> str:
        return "1.1.0"

    def fingerprint(self, **_: Any) -> Any:
        return builders.fingerprint()

    def write_samples(self, _url: str, samples: Sequence[SeriesSample]) -> None:
        assert not self.running.stopped
        self.breaks.get("on_write", never)()
        self.told += samples

    def told_of(self, metric: str) -> list[dict[str, str]]:
        """The labels of the samples of one metric, without those of the run."""
        of_run = {"testid", "suite", "target", "profile"}
        return [
            {label: value for label, value in one.labels.items() if label not in of_run}
            for one in self.told
            if one.metric == metric
        ]

    def samples(self, _run_folder: Path) -> Any:
        return builders.samples()

    def snapshot(self, *, stack: StackState, **_: Any) -> Any:
        self.breaks.get("on_snapshot", never)()
        return builders.snapshot(run_id=stack.run_id)

    def reports(self, **given: Any) -> RunReport:
        self.breaks.get("on_reports", never)()
        return super().reports(**given)


@dataclass
class World:
    project: Project
    instance: DagsterInstance
    suite: Suite

    def run(self, parts: Parts, *, config: dict[str, Any] | None = None) -> ExecuteInProcessResult:
        defs = build_definitions([self.suite], self.project, parts)
        job = defs.resolve_job_def("benchmark_multiplayer")
        return job.execute_in_process(
            run_config={"ops": {"multiplayer__monitoring_stack": {"config": config or {}}}},
            instance=self.instance,
            raise_on_error=False,
        )

    def gate(self, **config: str) -> ExecuteInProcessResult:
        """The gate on its own, as somebody materialises it later."""
        defs = build_definitions([self.suite], self.project, PlayedParts())
        return defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[AssetKey(["multiplayer", "release_gate"])],
            run_config=RunConfig(ops={"multiplayer__release_gate": GateConfig(**config)}),
            instance=self.instance,
            raise_on_error=False,
        )

    def materialize_all(self, parts: Parts, *more: Suite) -> ExecuteInProcessResult:
        """The button in the UI: every asset of every suite, in one run."""
        defs = build_definitions([self.suite, *more], self.project, parts)
        return defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, raise_on_error=False
        )

    def again(self, run_id: str, parts: Parts, *, first: str) -> DagsterRun:
        """Re-execution of a run from one of its steps on; returns the new run, ended."""
        job = build_definitions([self.suite], self.project, parts).resolve_job_def("benchmark_multiplayer")
        steps = [f"multiplayer__{step}" for step in STEPS[STEPS.index(first) :]]
        plan = create_execution_plan(InMemoryJob(job), step_keys_to_execute=steps)
        run = self.instance.create_run_for_job(
            job, execution_plan=plan, parent_run_id=run_id, root_run_id=run_id
        )
        execute_run(InMemoryJob(job), run, self.instance, raise_on_error=False)
        ended = self.instance.get_run_by_id(run.run_id)
        assert ended is not None
        return ended

    def target_elsewhere(self, **more: Any) -> None:
        """From now on ``local`` is a target that others deploy, and that need not tell what it runs."""
        target = self.suite.targets["local"].model_copy(update={"base_url": ELSEWHERE, **more})
        self.suite = self.suite.model_copy(
            update={"targets": {"local": target}, "allowed_origins": (ELSEWHERE,)}
        )
        (self.suite.folder / names.SUITE_JSON).write_text(suite_json(self.suite))

    def stored(self, run_id: str) -> StoredRun:
        with Store(self.project.store_url) as store:
            return store.find_run(run_id)

    def count(self) -> int:
        with Store(self.project.store_url) as store:
            return len(store.list_runs())


@contextmanager
def played_world(root: Path) -> Iterator[World]:
    project = Project(root, root / "home", root / "tools", f"sqlite:///{root / 'store.sqlite'}")
    folder = root / "k6" / "multiplayer"
    folder.mkdir(parents=True)
    suite = builders.suite(folder=folder, profiles={"standard": builders.profile()})
    (folder / names.SUITE_JSON).write_text(suite_json(suite))
    with DagsterInstance.ephemeral() as instance:
        yield World(project, instance, suite)


def raising(error: BaseException) -> Break:
    def broken() -> None:
        raise error

    return broken


def step_error(result: ExecuteInProcessResult) -> str:
    failures = [event for event in result.all_events if event.is_step_failure]
    return failures[0].step_failure_data.user_failure_data.description
