"""From k6's raw samples to requests per endpoint, and the compact copy that everything later reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from perf_pipeline import conventions as names
from perf_pipeline.core.model import Samples
from perf_pipeline.load import failures
from perf_pipeline.load.raw import read_rows
from perf_pipeline.load.stall import Floats, Spans
from perf_pipeline.suite import Suite

HTTP_DURATION = "http_req_duration"
ITERATION_DURATION = "iteration_duration"


@dataclass(frozen=True)
class ReadSamples:
    """What the raw samples of one run hold. Times are Unix milliseconds."""

    requests: pl.DataFrame  # measured: endpoint, start_unix_ms, duration_ms, ok, status, kind; by start
    sent: dict[str, int]  # http_reqs of the measured phase
    load_requests: int  # of warm-up and measured phase together
    errors_by_kind: dict[str, dict[str, int]]
    completed_iterations: int
    drop_times: Floats  # of the measured phase
    drop_counts: Floats
    late_requests: Spans  # answered later than the endpoint's p95 objective, or not at all; warm-up too
    late_iterations: Spans
    answered_end: Floats  # measured requests with any answer
    unanswered: Spans
    last_sample_unix_ms: float | None
    control: pl.DataFrame  # measured and answered as it should be: start_unix_ms, duration_ms
    control_sent: int

    @property
    def samples(self) -> dict[str, Samples]:
        return to_samples(self.requests)

    @property
    def dropped_iterations(self) -> int:
        return int(self.drop_counts.sum())

    @property
    def measured_span(self) -> tuple[float, float] | None:
        """Start of the first and end of the last measured request; None when there was none."""
        if self.requests.is_empty():
            return None
        ends = self.requests["start_unix_ms"] + self.requests["duration_ms"]
        return float(self.requests["start_unix_ms"][0]), float(ends.max())  # type: ignore[arg-type]


def read_csv(path: Path, suite: Suite) -> ReadSamples:
    """Read k6's ``csv.gz``. k6 stamps a request when it ends; its start is the stamp less its duration.

    Raises UnreadableError.
    """
    endpoint_of = {endpoint.metric: name for name, endpoint in suite.endpoints.items()}
    rows = read_rows(
        path,
        {
            *endpoint_of,
            *(names.METRIC_ERROR_DURATION, names.METRIC_HTTP_REQS, names.METRIC_ITERATIONS),
            *(names.METRIC_DROPPED, HTTP_DURATION, ITERATION_DURATION),
            names.METRIC_CONTROL,
            names.METRIC_VUS,  # once a second to the end: tells until when k6 was at work
        },
    )
    answers = _requests(rows, endpoint_of, list(suite.endpoints))
    measured = answers.filter(pl.col("phase") == names.PHASE_MEASURE).drop("phase").sort("start_unix_ms")
    all_sent = _metric(rows, names.METRIC_HTTP_REQS)
    sent = _by_endpoint(all_sent.filter(pl.col("phase") == names.PHASE_MEASURE))
    of_control = rows.filter(pl.col("scenario") == names.CONTROL_MEASURE)
    dropped = _dropped(rows)
    is_unanswered = ~pl.col("ok") & (pl.col("status") == 0)
    unanswered = measured.filter(is_unanswered & (pl.col("kind") != names.KIND_BLOCKED))
    answered = measured.filter(pl.col("ok") | (pl.col("status") > 0))
    return ReadSamples(
        requests=measured,
        sent={name: sent.get(name, 0) for name in suite.endpoints},
        load_requests=all_sent.filter(
            pl.col("phase").is_in([names.PHASE_WARMUP, names.PHASE_MEASURE])
        ).height,
        errors_by_kind=failures.kinds(measured),
        completed_iterations=_metric(rows, names.METRIC_ITERATIONS)
        .filter(pl.col("phase") == names.PHASE_MEASURE)
        .height,
        drop_times=dropped["timestamp"].to_numpy(),
        drop_counts=dropped["metric_value"].to_numpy(),
        late_requests=_late_requests(answers, suite),
        late_iterations=_late_iterations(rows, suite),
        answered_end=(answered["start_unix_ms"] + answered["duration_ms"]).to_numpy(),
        unanswered=_spans(unanswered),
        last_sample_unix_ms=None if rows.is_empty() else float(rows["timestamp"].max()),  # type: ignore[arg-type]
        control=_started(_metric(of_control, names.METRIC_CONTROL)),
        control_sent=_metric(of_control, names.METRIC_HTTP_REQS).height,
    )


def write_parquet(read: ReadSamples, run_folder: Path, *, with_control: bool = False) -> Path:
    """Write the measured requests beside the raw samples; the column's type carries all endpoint names.

    ``with_control``: those to the control are among them, under its name.
    """
    path = run_folder / names.SAMPLES
    requests = _with_control(read) if with_control else read.requests
    requests.write_parquet(path, compression="zstd")
    return path


def _with_control(read: ReadSamples) -> pl.DataFrame:
    endpoint_type = read.requests.schema["endpoint"]
    assert isinstance(endpoint_type, pl.Enum)  # noqa: S101 - made by us
    known = pl.Enum([*endpoint_type.categories, names.CONTROL])
    requests = read.requests.with_columns(pl.col("endpoint").cast(pl.String).cast(known))
    control = read.control.select(
        pl.lit(names.CONTROL, known).alias("endpoint"),
        "start_unix_ms",
        "duration_ms",
        pl.lit(True).alias("ok"),
        pl.lit(None, pl.Int32).alias("status"),
        pl.lit(None, pl.String).alias("kind"),
    )
    return pl.concat([requests, control]).sort("start_unix_ms")


def load_samples(run_folder: Path) -> dict[str, Samples]:
    """Endpoint -> samples of a run, endpoints without any included; and ``CONTROL``, if it had one.

    Raises FileNotFoundError.
    """
    return to_samples(pl.read_parquet(run_folder / names.SAMPLES))


def to_samples(requests: pl.DataFrame) -> dict[str, Samples]:
    """Endpoint -> samples; ``t_ms`` counts from the first request of all endpoints."""
    endpoint_type = requests.schema["endpoint"]
    assert isinstance(endpoint_type, pl.Enum)  # noqa: S101 - written by us
    first = 0.0 if requests.is_empty() else float(requests["start_unix_ms"].min())  # type: ignore[arg-type]
    return {
        name: Samples(
            t_ms=one["start_unix_ms"].to_numpy() - first,
            duration_ms=one["duration_ms"].to_numpy(),
            ok=one["ok"].to_numpy(),
        )
        for name in endpoint_type.categories
        for one in [requests.filter(pl.col("endpoint") == name)]
    }


def _metric(rows: pl.DataFrame, metric: str) -> pl.DataFrame:
    return _metric_in(rows, [metric])


def _metric_in(rows: pl.DataFrame, metrics: list[str]) -> pl.DataFrame:
    return rows.filter(pl.col("metric_name").is_in(metrics))


def _by_endpoint(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.drop_nulls("endpoint").group_by("endpoint").len().iter_rows())


def _requests(rows: pl.DataFrame, endpoint_of: dict[str, str], endpoints: list[str]) -> pl.DataFrame:
    """All requests to the suite's endpoints, warm-up included; the trend that holds one tells ok from not.

    The trend of failures carries no status. Its value is the very number of the request's own
    ``http_req_duration``, which does: the n-th of one value belongs to the n-th of the other.
    """
    known = pl.Enum(endpoints)
    good = _metric_in(rows, [*endpoint_of]).with_columns(
        pl.lit(True).alias("ok"),
        pl.col("metric_name")
        .cast(pl.String)
        .replace_strict(endpoint_of, return_dtype=known)
        .alias("endpoint"),
        pl.lit(None, pl.Int32).alias("status"),
        pl.lit(None, pl.String).alias("kind"),
    )
    key = ["endpoint", "phase", "metric_value"]
    nth = pl.int_range(pl.len()).over(key).alias("nth")
    answers = _metric(rows, HTTP_DURATION).select(*key, "status", "error_code", nth)
    bad = (
        _metric(rows, names.METRIC_ERROR_DURATION)
        .drop("status", "error_code")
        .with_columns(nth)
        .join(answers, on=[*key, "nth"], how="left", nulls_equal=True)
        .with_columns(
            pl.lit(False).alias("ok"),
            failures.kind().alias("kind"),
            pl.col("endpoint").cast(pl.String).cast(known, strict=False),
        )
        .drop_nulls("endpoint")  # the set-up's own requests are none of the suite's endpoints
    )
    columns = ["endpoint", "phase", "timestamp", "metric_value", "ok", "status", "kind"]
    return pl.concat([good.select(columns), bad.select(columns)]).select(
        "endpoint",
        "phase",
        (pl.col("timestamp") - pl.col("metric_value")).alias("start_unix_ms"),
        pl.col("metric_value").alias("duration_ms"),
        "ok",
        "status",
        "kind",
    )


def _dropped(rows: pl.DataFrame) -> pl.DataFrame:
    """Dropped iterations of the measured phase. k6 gives them no tags of the scenario, only its name."""
    phase_of = rows.filter(pl.col("phase") == names.PHASE_MEASURE)["scenario"].drop_nulls().unique()
    return _metric(rows, names.METRIC_DROPPED).filter(
        (pl.col("phase") == names.PHASE_MEASURE)
        | pl.col("scenario").is_in(phase_of.implode())
        | pl.col("scenario").cast(pl.String).str.starts_with(names.PHASE_MEASURE)
    )


def _late_requests(requests: pl.DataFrame, suite: Suite) -> Spans:
    objectives = {name: endpoint.slo.p95_ms for name, endpoint in suite.endpoints.items()}
    objective = pl.col("endpoint").cast(pl.String).replace_strict(objectives, return_dtype=pl.Float64)
    return _spans(requests.filter(pl.col("duration_ms") > objective))


def _late_iterations(rows: pl.DataFrame, suite: Suite) -> Spans:
    allowed_ms = sum(endpoint.slo.p95_ms * max(1.0, endpoint.weight) for endpoint in suite.endpoints.values())
    late = _metric(rows, ITERATION_DURATION).filter(
        (pl.col("metric_value") > allowed_ms) & pl.col("phase").ne_missing(names.PHASE_CONTROL)
    )
    return _spans(_started(late))


def _started(rows: pl.DataFrame) -> pl.DataFrame:
    """k6 stamps the end."""
    return rows.select(
        (pl.col("timestamp") - pl.col("metric_value")).alias("start_unix_ms"),
        pl.col("metric_value").alias("duration_ms"),
    )


def _spans(requests: pl.DataFrame) -> Spans:
    start = requests["start_unix_ms"].to_numpy()
    return Spans(start, np.asarray(start + requests["duration_ms"].to_numpy()))
