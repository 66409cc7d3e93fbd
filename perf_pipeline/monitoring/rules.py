"""Recording rules of one suite: what Prometheus computes while a run goes on.

In three steps: figures of each run (``perf_live:...``), from these the worst run of each endpoint
(``slo:...``, ``http_..._rate:by_endpoint``), from these the records that people ask for by name
(``join_room_latency:p95``, ``slo:join_room:p95_under_300ms``). Pure; works on Prometheus 2.42 and 3.5.
"""

from __future__ import annotations

from collections.abc import Iterable

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.live_rules import live_rules
from perf_pipeline.monitoring.promql import aggregate, before, call, grouped, lines, on
from perf_pipeline.monitoring.rule_file import GENERATED, Record, rule_file
from perf_pipeline.monitoring.series import (
    ENDPOINT,
    INTERVAL_S,
    QUANTILES,
    REQUEST,
    RUN,
    TARGET,
    WINDOW_S,
    Series,
    number,
    objectives_s,
    quantile_label,
)
from perf_pipeline.suite import Endpoint, Suite

_HEADER = (
    *GENERATED,
    "What each record means: docs/monitoring.md. Only the measured phase counts. No traffic, too little of "
    "it or an ended run gives no sample; requests of which too many or all fail give an SLO of 0.",
)


def rules_path(suite: str) -> str:
    return f"{names.RULES_FOLDER}/{suite}.rules.yml"


def recording_rules(suite: Suite) -> str:
    """The rule file as text."""
    series = Series(suite)
    rules = [
        *live_rules(series),
        *_objectives(series),
        *_rates(series),
        *_compliance(series),
        *_by_name(series),
        *_as_k6_calls_them(series),
    ]
    return rule_file(_HEADER, suite.name, suite.name, INTERVAL_S, rules)


def colliding_records(suites: Iterable[Suite]) -> list[str]:
    """One sentence per record without labels that two suites would write into the same Prometheus."""
    owners: dict[str, str] = {}
    sentences = []
    for suite in suites:
        for endpoint in suite.endpoints.values():
            record = names.slo_record(endpoint.record, endpoint.slo.p95_ms)
            owner = owners.setdefault(record, suite.name)
            if owner != suite.name:
                sentences.append(
                    f"the suites {owner} and {suite.name} would both write {record}, which has no label to "
                    f"tell them apart: give endpoints.{endpoint.name} of {suite.name} another 'record'."
                )
    return sentences


def _objectives(series: Series) -> list[Record]:
    run = aggregate("max", series.running, by=TARGET)
    reason = "---- What was promised, while a run goes on. The names survive a change of the objective."
    records = []
    for endpoint in series.endpoints:
        labels = {names.TAG_ENDPOINT: endpoint.name}
        for q, seconds in objectives_s(endpoint).items():
            expr = f"{run} * 0 + {number(seconds)}"
            records.append(Record(names.SLO_OBJECTIVE, expr, reason, labels | quantile_label(q)))
            reason = ""
        errors = f"{run} * 0 + {number(endpoint.slo.error_ratio)}"
        records.append(Record(names.SLO_ERRORS, errors, labels=labels))
    return records


def _rates(series: Series) -> list[Record]:
    return [
        Record(
            names.HTTP_REQ_RATE,
            f"{aggregate('sum', series.requests, by=ENDPOINT)} / {WINDOW_S}",
            "---- Each endpoint. Requests per second of all runs together; shares of the worst run.",
        ),
        Record(names.HTTP_SUCCESS_RATE, aggregate("min", f"1 - {series.error_ratio}", by=ENDPOINT)),
        Record(names.HTTP_ERROR_RATE, aggregate("max", series.error_ratio, by=ENDPOINT)),
    ]


def _compliance(series: Series) -> list[Record]:
    objective, allowed = series.of(names.SLO_OBJECTIVE), series.of(names.SLO_ERRORS)
    latency = aggregate("max", series.of(names.LIVE_LATENCY), by=(*ENDPOINT, names.LABEL_QUANTILE))
    failing = lines(
        f"{series.error_ratio} > {on(*ENDPOINT)} group_left () {allowed}", f"or {series.error_ratio} == 1"
    )
    met = lines(
        f"{objective} * 0",
        f"and {on(*ENDPOINT)} {grouped(failing)}",
        f"or {latency} <= bool {objective}",
    )
    return [
        Record(
            names.SLO_MET,
            met,
            "1: kept. 0: too many errors in any run, or the worst run over its latency. Fast failures look "
            "like good latency, so errors come first. `<=` alone would give nothing instead of 0.",
        ),
        *(_good_ratio(series, endpoint, q) for endpoint in series.endpoints for q in objectives_s(endpoint)),
    ]


def _good_ratio(series: Series, endpoint: Endpoint, q: float) -> Record:
    objective = number(objectives_s(endpoint)[q])
    within = call("histogram_fraction", 0, objective, series.latency(endpoint))
    return Record(
        names.SLO_GOOD,
        aggregate("min", lines(f"{within} >= 0", f"and {series.enough}"), by=ENDPOINT),
        labels={names.TAG_ENDPOINT: endpoint.name} | quantile_label(q),
    )


def _by_name(series: Series) -> list[Record]:
    reason = (
        "---- By the names that people use: milliseconds, and SLOs without any label, so that they add up."
    )
    records = []
    for endpoint in series.endpoints:
        labels = {names.TAG_ENDPOINT: endpoint.name}
        for q in QUANTILES:
            latency = series.of(names.LIVE_LATENCY, **labels, **quantile_label(q))
            worst = f"{aggregate('max', latency, by=ENDPOINT)} * 1000"
            records.append(Record(names.latency_record(endpoint.metric, round(q * 100)), worst, reason))
            reason = ""
        record = names.slo_record(endpoint.record, endpoint.slo.p95_ms)
        met = series.of(names.SLO_MET, **labels, **quantile_label(0.95))
        records.append(Record(record, call("min", met)))
    return records


def _as_k6_calls_them(series: Series) -> list[Record]:
    http_reqs = series.of(names.LIVE_HTTP_REQS)
    by = (*RUN, *REQUEST)
    known = lines(f"{http_reqs} and {before(http_reqs, INTERVAL_S)}", f"or {http_reqs} * 0")
    duration = aggregate("sum", series.measured(names.prometheus_trend(names.HTTP_REQ_DURATION)), by=by)
    name = ('"name"', '"$1"', f'"{names.TAG_ENDPOINT}"', '"(.+)"')
    failed = call("label_replace", series.error_ratio, *name)
    return [
        Record(
            names.HTTP_REQS,
            aggregate("sum", known, by=by),
            "---- By k6's own names. At 0 in its first evaluation: rate() does not see what a counter is "
            "born with.",
        ),
        Record(
            names.HTTP_REQ_DURATION,
            lines(duration, f"and {series.until_final()}"),
            "A native histogram in seconds, of all answers.",
        ),
        Record(names.HTTP_REQ_FAILED, aggregate("max", failed, by=(*TARGET, names.LABEL_NAME))),
    ]
