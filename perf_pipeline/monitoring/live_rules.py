"""Records of each run while it goes on; the records of endpoints take the worst of them."""

from __future__ import annotations

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.promql import aggregate, call, grouped, lines, on, over
from perf_pipeline.monitoring.rule_file import Record
from perf_pipeline.monitoring.series import (
    ALIVE_S,
    QUANTILES,
    REQUEST,
    RUN,
    RUN_ENDPOINT,
    Series,
    quantile_label,
)


def live_rules(series: Series) -> list[Record]:
    return [_running(series), *_counters(series), *_last_minute(series), *_latency(series)]


def _running(series: Series) -> Record:
    return Record(
        names.LIVE_RUNNING,
        aggregate("max", call("last_over_time", over(series.users, ALIVE_S)), by=RUN),
        "---- Each run. Whether k6 is at work: an instant selector would go on seeing its last samples for "
        "5 minutes, and an endpoint's own series may be rare; its users are written steadily. Silent for "
        f"{ALIVE_S} s: over.",
    )


def _counters(series: Series) -> list[Record]:
    return [
        Record(
            names.LIVE_HTTP_REQS,
            series.cumulative(names.METRIC_HTTP_REQS, by=(*RUN_ENDPOINT, *REQUEST)),
            "Counters since the run's start. k6 writes a series only when it changes: one that is silent "
            "for 5 minutes would leave the sum, which then looks like a reset. They stay until two "
            "evaluations after the end, so that the last value is the final one.",
        ),
        Record(names.LIVE_API_ERRORS, series.cumulative(names.METRIC_ERRORS, by=RUN_ENDPOINT)),
    ]


def _last_minute(series: Series) -> list[Record]:
    requests = aggregate("sum", series.gained(names.LIVE_HTTP_REQS), by=RUN_ENDPOINT)
    errors = lines(series.gained(names.LIVE_API_ERRORS), f"or {series.requests} * 0")
    return [
        Record(
            names.LIVE_REQUESTS,
            lines(f"{requests} > 0", f"and {on(*RUN)} {series.running}"),
            "Requests of the last minute. Not by increase(), which guesses, and misses a counter's first "
            "value: that of a status is born with all of a burst in it. A counter that was not there a "
            "minute ago was at 0.",
        ),
        Record(
            names.LIVE_ERRORS,
            lines(grouped(errors), f"and {series.requests}"),
            "Those without the expected answer: refused and given up ones, which have status 0, among them.",
        ),
        Record(
            names.LIVE_ERROR_RATIO,
            call("clamp_max", f"{series.of(names.LIVE_ERRORS)} / ({series.enough})", 1),
            "Of fewer requests no share is taken. k6 may write an error a moment before its request: at "
            "most 1.",
        ),
    ]


def _latency(series: Series) -> list[Record]:
    histogram = series.latency(*series.endpoints)
    reason = (
        "Latency of successful requests, in seconds. The series of an endpoint are summed before the "
        "quantile; that of an idle window is NaN, for which `>= 0` does not hold."
    )
    return [
        Record(
            names.LIVE_LATENCY,
            lines(f"{call('histogram_quantile', q, histogram)} >= 0", f"and {series.enough}"),
            reason if q == QUANTILES[0] else "",
            quantile_label(q),
        )
        for q in QUANTILES
    ]
