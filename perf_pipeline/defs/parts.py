"""The edges that the steps go through: what starts processes, asks Prometheus and writes reports.

Imports inside functions: the code location would otherwise wait for polars and matplotlib.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from perf_pipeline.conventions import ENV_GRAFANA_URL, ENV_PROMETHEUS_URL, RAW_SAMPLES, SNAPSHOT_SERIES
from perf_pipeline.core.deploys import Observation
from perf_pipeline.core.history_model import Past
from perf_pipeline.core.model import (
    Fingerprint,
    LoadResult,
    PrometheusSnapshot,
    RunRecord,
    RunReport,
    RunSamples,
    StackState,
)
from perf_pipeline.core.run_samples import SeriesSample
from perf_pipeline.keeping import NotKept
from perf_pipeline.load.errors import UnreadableError
from perf_pipeline.load.probe import find_k6
from perf_pipeline.load.progress import Progress
from perf_pipeline.monitoring.links import run_dashboard_url
from perf_pipeline.project import Project
from perf_pipeline.stack.base import NotReady, Stack
from perf_pipeline.suite import Suite, Target

MOST_RAW_BYTES = 32 * 1024 * 1024  # an hour at 50 requests a second, which takes a second to read

Place = tuple[str, str]
"""Names of a suite and of its target."""


class Parts:
    """The real ones. A test that needs one part to fail overrides one method."""

    def stack(self, project: Project) -> Stack:
        """Local processes, or the Prometheus that PERF_PIPELINE_PROMETHEUS_URL names."""
        from perf_pipeline.stack.embedded import EmbeddedStack  # noqa: PLC0415 - httpx
        from perf_pipeline.stack.external import ExternalStack  # noqa: PLC0415 - httpx

        url = os.environ.get(ENV_PROMETHEUS_URL)
        return ExternalStack(url, project.home) if url else EmbeddedStack(project.home, project.tools)

    def run_load(
        self, *, suite: Suite, stack: StackState, home: Path, on_progress: Callable[[Progress], None]
    ) -> LoadResult:
        """Raises LoadError when no load was sent, UnreadableError when what it left cannot be read."""
        from perf_pipeline.load.run import run_load  # noqa: PLC0415 - polars

        target = suite.targets[stack.request.target]
        return run_load(
            suite=suite,
            stack=stack,
            k6=find_k6(),
            home=home,
            on_progress=on_progress,
            read_target=lambda: _ask(stack.base_url, target),
        )

    def fingerprint(self, *, suite: Suite, stack: StackState) -> Fingerprint:
        """Of the run that ``run_load`` would measure now. Raises LoadError when there is no k6."""
        from perf_pipeline.load.result import fingerprint_of  # noqa: PLC0415 - polars

        return fingerprint_of(suite, stack, find_k6())

    def revision_now(self, target: Target) -> str | None:
        """What a target runs at this moment; None: it does not tell, or runs start it. Raises NotReady."""
        from perf_pipeline.stack.target import read_revision  # noqa: PLC0415 - httpx

        return read_revision(target.base_url, target) if target.base_url else None

    def look_every(self, target: Target) -> timedelta:
        """The shortest time between two looks at it for deploys."""
        from perf_pipeline.deploys.looking import look_every  # noqa: PLC0415 - httpx

        return look_every(target)

    def look_for_deploys(self, targets: Mapping[Place, Target]) -> dict[Place, Observation]:
        """What can be seen of them at this moment; those that only markers tell of are left out."""
        from perf_pipeline.deploys.looking import look_at_all, source_of  # noqa: PLC0415 - httpx

        sources = {place: source_of(target) for place, target in targets.items()}
        return look_at_all({place: source for place, source in sources.items() if source is not None})

    def write_samples(self, url: str, samples: Sequence[SeriesSample]) -> None:
        """Into the Prometheus at ``url``. Raises RemoteWriteError."""
        from perf_pipeline.prometheus.remote_write import write_samples  # noqa: PLC0415 - httpx

        write_samples(url, samples)

    def k6_version(self) -> str:
        """Raises LoadError when there is no k6."""

        return str(find_k6())

    def keep_samples(self, suite: Suite, run_folder: Path) -> None:
        """The raw samples that a load left which was cut off, as Parquet. Raises NotKept or OSError."""
        from perf_pipeline.load.samples import read_csv, write_parquet  # noqa: PLC0415 - polars

        raw = run_folder / RAW_SAMPLES
        if raw.stat().st_size > MOST_RAW_BYTES:
            raise NotKept(f"{RAW_SAMPLES} holds them, too many to be read while the run is being ended")
        try:
            write_parquet(read_csv(raw, suite), run_folder)
        except UnreadableError as error:
            raise NotKept(str(error)) from error

    def keep_tsdb(
        self,
        url: str,
        *,
        data: Path,
        suite: Suite,
        state: StackState,
        started_at: datetime,
        ended_at: datetime,
    ) -> str:
        """A snapshot of the run's own Prometheus; says what it cost. Raises NotKept or OSError."""
        from perf_pipeline.prometheus import tsdb_snapshot as tsdb  # noqa: PLC0415 - httpx

        wanted = tsdb.Wanted(
            run_id=state.run_id,
            suite=suite.name,
            metrics=[endpoint.metric for endpoint in suite.endpoints.values()],
            started_at=started_at,
            ended_at=ended_at,
            prometheus_version=state.prometheus_version,
        )
        try:
            info = tsdb.take_tsdb_snapshot(url, data=data, run_folder=Path(state.run_folder), wanted=wanted)
        except tsdb.TsdbSnapshotError as error:
            raise NotKept(str(error)) from error
        return (
            f"Kept Prometheus' record of the run: {len(info.blocks)} block(s), "
            f"{info.size_bytes / 1024:.0f} KB, in {info.took_s:.2f} s."
        )

    def samples(self, run_folder: Path) -> RunSamples:
        """Raises FileNotFoundError when the folder has lost them."""
        from perf_pipeline.load.samples import load_samples  # noqa: PLC0415 - polars

        return load_samples(run_folder)

    def snapshot(
        self, *, suite: Suite, stack: StackState, load: LoadResult, samples: RunSamples
    ) -> PrometheusSnapshot:
        """Never raises for a Prometheus that does not answer: the snapshot names the problem."""
        from perf_pipeline.prometheus.snapshot import take_snapshot  # noqa: PLC0415 - httpx

        return take_snapshot(suite=suite, stack=stack, load=load, exact=samples)

    def reports(
        self,
        *,
        record: RunRecord,
        suite: Suite,
        samples: RunSamples,
        baseline: Mapping[str, RunSamples],
        run_folder: Path,
        past: Past | None = None,
    ) -> RunReport:
        """Write the reports of a run into its folder; ``baseline``: run id -> samples, oldest first.

        ``past``: the runs before it, and itself.
        """
        from perf_pipeline.report.write import write_reports  # noqa: PLC0415 - matplotlib

        series_file = run_folder / SNAPSHOT_SERIES
        files = write_reports(
            record,
            suite=suite,
            run_folder=run_folder,
            samples=samples,
            baseline=list(baseline.values()),
            series=json.loads(series_file.read_text()) if series_file.exists() else None,
            past=past,
        )
        return RunReport(
            run_id=record.stack.run_id,
            outcome=record.outcome,
            sentence=record.sentence,
            html=str(files["html"]),
            markdown=str(files["markdown"]),
            json_file=str(files["json"]),
            baseline_sentence=record.baseline_sentence,
        )

    def run_dashboard(self, load: LoadResult) -> str | None:
        """The run in Grafana, at the time of its load; None when nobody said where Grafana is."""
        grafana_url = os.environ.get(ENV_GRAFANA_URL)
        if not grafana_url:
            return None
        return run_dashboard_url(
            grafana_url,
            suite=load.fingerprint.suite,
            run_id=load.run_id,
            started_at=load.started_at,
            ended_at=load.ended_at,
        )


def _ask(base_url: str, target: Target) -> tuple[str | None, bool]:
    """Revision of the target after the load (None: it does not tell), and whether it answers."""
    from perf_pipeline.stack.target import probe_health, read_revision  # noqa: PLC0415 - httpx

    try:
        probe_health(base_url, target)
        return read_revision(base_url, target), True
    except NotReady:
        return None, False
