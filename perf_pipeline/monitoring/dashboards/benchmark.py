"""*Benchmark*: how a suite does right now, from the recording rules, with every endpoint's own objective."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.common import BigValueTextMode

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.dashboards import ask, page
from perf_pipeline.monitoring.dashboards import looks as look
from perf_pipeline.monitoring.dashboards import panels as p
from perf_pipeline.monitoring.promql import selector
from perf_pipeline.suite import Endpoint, Suite

ENDPOINT = names.TAG_ENDPOINT
NO_DATA = -1
SLO_WORDS = {"1": ("met", look.GREEN), "0": ("breached", look.RED), str(NO_DATA): ("no data", look.GREY)}


def benchmark(suite: Suite) -> page.Page:
    endpoints = list(suite.endpoints.values())
    latency = [_slowest(suite), *(_latency(suite, endpoint) for endpoint in endpoints)]
    users = ask.of_suite(f"k6_{names.METRIC_VUS}", suite)
    return page.Page(
        uid=names.dashboard_uid(suite.name, names.BENCHMARK),
        title=f"{suite.name}: Benchmark",
        description=f"{page.generated_from(suite)} {suite.description}",
        tags=[suite.name],
        span="now-15m",
        variables=[page.choice("target", "Target", list(suite.targets), everything=True)],
        annotations=[page.runs(users), page.deploys(ask.of_suite(names.RUN_TARGET_INFO, suite), step="15s")],
        links=page.suite_links(suite.name, but=names.BENCHMARK),
        sections=[
            page.Section("", 4, [_objectives(suite)]),
            page.Section("", 9, [_performance(suite)]),
            page.Section("Latency of successful requests", 7, latency, across=4 if len(latency) > 6 else 3),
            page.Section("Requests", 8, [_rate(suite), _success(suite), _errors(suite)], across=3),
        ],
    )


def _objectives(suite: Suite) -> stat.Panel:
    last = ask.by(ENDPOINT, ask.last(ask.of_suite(names.SLO_MET, suite)), "min")
    missing = " or ".join(
        f'label_replace(vector({NO_DATA}), "{ENDPOINT}", "{name}", "", "")' for name in suite.endpoints
    )
    panel = p.stats(
        "Objectives",
        "Does each endpoint keep its latency and error objectives? The last state in the shown time, over "
        "the last minute of load, the worse one where two runs overlap; grey: no load, or too little.",
        [p.Query(f"{last} or on ({ENDPOINT}) ({missing})", "{{endpoint}}", instant=True)],
        unit="none",
    )
    return panel.mappings(look.named(SLO_WORDS)).text_mode(BigValueTextMode.VALUE_AND_NAME)


def _latency(suite: Suite, endpoint: Endpoint) -> timeseries.Panel:
    slo = endpoint.slo
    queries = [
        p.Query(_record(suite, endpoint, 50), "p50"),
        p.Query(_record(suite, endpoint, 95), "p95"),
        p.Query(f"vector({slo.p95_ms:g})", f"objective p95 {slo.p95_ms:g} ms"),
    ]
    if slo.p50_ms is not None:
        queries.append(p.Query(f"vector({slo.p50_ms:g})", f"objective p50 {slo.p50_ms:g} ms"))
    panel = p.lines(
        endpoint.name,
        f"{endpoint.method} {endpoint.path}: latency of successful requests over the last minute, on a "
        "logarithmic scale, and what is promised (dashed).",
        queries,
        unit="ms",
        log=True,
    )
    panel = panel.override_by_name("p50", [look.colour(look.LIGHT_BLUE)])
    panel = panel.override_by_name("p95", [look.colour(look.BLUE)])
    return panel.override_by_regexp("/^objective/", look.dashed(look.RED))


def _slowest(suite: Suite) -> timeseries.Panel:
    return p.lines(
        "p95 of every endpoint",
        "Which endpoint is the slowest? 95 % of its successful requests of the last minute were faster.",
        [p.Query(ask.by(ENDPOINT, _records(suite, 95)), "{{endpoint}}")],
        unit="ms",
        log=True,
    )


def _rate(suite: Suite) -> timeseries.Panel:
    return p.lines(
        "Request rate by endpoint",
        "Requests per second of the measured phase, answered or not, over the last minute.",
        [p.Query(ask.by(ENDPOINT, ask.of_suite(names.HTTP_REQ_RATE, suite), "sum"), "{{endpoint}}")],
        unit="reqps",
    )


def _success(suite: Suite) -> timeseries.Panel:
    panel = p.lines(
        "Success rate by endpoint",
        "Share of the requests of the last minute that got the expected answer.",
        [p.Query(ask.by(ENDPOINT, ask.of_suite(names.HTTP_SUCCESS_RATE, suite), "min"), "{{endpoint}}")],
        unit="percentunit",
    )
    return panel.max(1)


def _errors(suite: Suite) -> timeseries.Panel:
    return p.lines(
        "Error rate by endpoint",
        "Share of the requests of the last minute without the expected answer: wrong status or body, "
        "refused, timed out.",
        [p.Query(ask.by(ENDPOINT, ask.of_suite(names.HTTP_ERROR_RATE, suite)), "{{endpoint}}")],
        unit="percentunit",
    )


def _performance(suite: Suite) -> table.Panel:
    answered = ask.by(ENDPOINT, ask.of_suite(names.HTTP_SUCCESS_RATE, suite), "min")
    p50 = ask.last_where(ask.by(ENDPOINT, _records(suite, 50)), answered)
    p95 = ask.last_where(ask.by(ENDPOINT, _records(suite, 95)), answered)
    promised = ask.of_suite(names.SLO_OBJECTIVE, suite, quantile="0.95")
    objective = ask.ms(ask.by(ENDPOINT, ask.last(promised)))
    met = ask.by(ENDPOINT, ask.last(ask.of_suite(names.SLO_MET, suite)), "min")
    success = ask.by(ENDPOINT, ask.last(ask.of_suite(names.HTTP_SUCCESS_RATE, suite)), "min")
    counted = ask.of_suite(names.prometheus_counter(names.METRIC_HTTP_REQS), suite, phase=names.PHASE_MEASURE)
    return p.grid(
        "Performance",
        "The last state in the shown time: latency of successful requests over the last minute of load. "
        "Headroom: how far p95 is below its objective, in shares of it. Requests: those of the "
        "shown time.",
        [
            p.Column("endpoint", label=ENDPOINT),
            p.Column("SLO", met, properties=(look.BACKGROUND, look.mapped(SLO_WORDS))),
            p.Column("p50", p50, unit="ms", decimals=1),
            p.Column("p95", p95, unit="ms", decimals=1),
            p.Column("objective", objective, unit="ms", decimals=0),
            p.Column(
                "headroom",
                f"1 - ({p95}) / on ({ENDPOINT}) ({objective})",
                unit="percentunit",
                decimals=0,
                properties=(
                    look.BACKGROUND,
                    look.coloured((None, look.RED), (0, look.ORANGE), (0.2, look.GREEN)),
                ),
            ),
            p.Column(
                "success",
                success,
                unit="percentunit",
                decimals=2,
                properties=(
                    look.BACKGROUND,
                    look.coloured((None, look.RED), (_worst_success(suite), look.GREEN)),
                ),
            ),
            p.Column("requests", ask.added(counted, ENDPOINT), unit="locale"),
        ],
        sort_by="headroom",
    )


def _worst_success(suite: Suite) -> float:
    """The lowest share of successes that any endpoint's objective accepts; below it all are broken."""
    return round(1 - max(endpoint.slo.error_ratio for endpoint in suite.endpoints.values()), 6)


def _record(suite: Suite, endpoint: Endpoint, percent: int) -> str:
    return ask.by(ENDPOINT, ask.of_suite(names.latency_record(endpoint.metric, percent), suite))


def _records(suite: Suite, percent: int) -> str:
    found = "|".join(names.latency_record(one.metric, percent) for one in suite.endpoints.values())
    return selector("", _matches={"__name__": found, names.TAG_TARGET: ask.TARGET}, suite=suite.name)
