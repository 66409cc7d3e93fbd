"""The step ``prometheus_snapshot``: what Prometheus recorded of exactly this run, against the raw samples."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from perf_pipeline.core.control import without_control
from perf_pipeline.core.model import (
    NO_FIGURES,
    LoadResult,
    PrometheusFigures,
    PrometheusSnapshot,
    Reason,
    Samples,
    StackState,
)
from perf_pipeline.core.reconcile import counts_agree, missing_record, reconcile
from perf_pipeline.prometheus.client import PrometheusClient, PrometheusLostError
from perf_pipeline.prometheus.queries import RunQueries
from perf_pipeline.prometheus.series import read_series, write_series
from perf_pipeline.suite import Suite

INGESTION_WAIT_S = 3.0  # a remote storage may need a moment after k6's last write
INGESTION_POLL_S = 0.3


def take_snapshot(
    *, suite: Suite, stack: StackState, load: LoadResult, exact: Mapping[str, Samples]
) -> PrometheusSnapshot:
    """Read the run's figures and series out of Prometheus, as of the moment when k6 had exited.

    ``exact``: endpoint -> raw samples of the measured phase. Writes ``prometheus-series.json`` into the run's
    folder. Raises nothing when Prometheus is dead or has lost samples: ``complete`` is false then, and
    ``problem`` says what is missing.
    """
    asked = time.monotonic()
    client = PrometheusClient(stack.prometheus_url)
    queries = RunQueries(load.run_id, [endpoint.metric for endpoint in suite.endpoints.values()])
    figures = dict.fromkeys(suite.endpoints, NO_FIGURES)
    series_file: str | None = None
    problem: Reason | None = None
    try:
        figures = _settled_figures(client, queries, suite, load, exact)
        if not counts_agree(reconcile(suite.endpoints, exact, figures)):
            problem = _missing(client, queries, load, exact)
        series = read_series(client, queries, start=_measure_started(load), end=load.ended_at)
        series_file = write_series(Path(stack.run_folder), series)
    except PrometheusLostError as error:
        problem = Reason(
            name="prometheus_lost",
            sentence=f"Prometheus could not be read after the load ({error}): "
            "its record of the run is missing",
        )
    return PrometheusSnapshot(
        run_id=load.run_id,
        figures=figures,
        reconciliation=reconcile(suite.endpoints, exact, figures),
        complete=problem is None,
        problem=problem,
        series_file=series_file,
        evaluated_at=load.ended_at,
        query_s=round(time.monotonic() - asked, 3),
    )


def _settled_figures(
    client: PrometheusClient,
    queries: RunQueries,
    suite: Suite,
    load: LoadResult,
    exact: Mapping[str, Samples],
) -> dict[str, PrometheusFigures]:
    """The figures, asked again for a while until they hold as many requests as the raw samples."""
    deadline = time.monotonic() + INGESTION_WAIT_S
    while True:
        figures = _figures(client, queries, suite, load.ended_at)
        if counts_agree(reconcile(suite.endpoints, exact, figures)) or time.monotonic() > deadline:
            return figures
        time.sleep(INGESTION_POLL_S)


def _figures(
    client: PrometheusClient, queries: RunQueries, suite: Suite, at: datetime
) -> dict[str, PrometheusFigures]:
    p50_s = client.by_endpoint(queries.quantile_s(0.5), at)
    p95_s = client.by_endpoint(queries.quantile_s(0.95), at)
    succeeded = client.by_endpoint(queries.succeeded(), at)
    failed = client.by_endpoint(queries.failed(), at)
    sent = client.by_endpoint(queries.sent(), at)
    figures = {}
    for name in suite.endpoints:
        # A counter that never counted has no series: 0 when the endpoint is known at all, else unknown.
        absent = 0.0 if name in sent else None
        good, all_sent = _count(succeeded.get(name, absent)), _count(sent.get(name))
        figures[name] = PrometheusFigures(
            p50_ms=_scaled(p50_s.get(name)),
            p95_ms=_scaled(p95_s.get(name)),
            succeeded=good,
            failed=_count(failed.get(name, absent)),
            sent=all_sent,
            success_ratio=good / all_sent if good is not None and all_sent else None,
        )
    return figures


def _missing(
    client: PrometheusClient, queries: RunQueries, load: LoadResult, exact: Mapping[str, Samples]
) -> Reason:
    """Asked over the whole run: where the record ended early, the end of the run shows nothing any more."""
    span_s = (load.ended_at - load.started_at).total_seconds() + 1.0
    last = client.single(queries.last_recorded(span_s), load.ended_at)
    return missing_record(
        held=_count(client.single(queries.held(span_s), load.ended_at)) or 0,
        exact=sum(len(samples.ok) for samples in without_control(exact).values()),
        last_recorded=datetime.fromtimestamp(last, UTC) if last is not None else None,
        ended_at=load.ended_at,
    )


def _measure_started(load: LoadResult) -> datetime:
    """The start of the run when nothing was measured."""
    first_s = load.measure_started_unix_ms / 1000.0
    return datetime.fromtimestamp(max(first_s, load.started_at.timestamp()), UTC)


def _scaled(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000.0


def _count(value: float | None) -> int | None:
    return None if value is None else round(value)
