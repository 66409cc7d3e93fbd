"""*Run*: one run, second by second, from what k6 wrote and the samples that the pipeline wrote for it."""

from __future__ import annotations

from grafana_foundation_sdk.builders import heatmap, timeseries

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.dashboards import ask, page
from perf_pipeline.monitoring.dashboards import looks as look
from perf_pipeline.monitoring.dashboards import panels as p
from perf_pipeline.monitoring.dashboards import run_summary as summary
from perf_pipeline.monitoring.promql import selector
from perf_pipeline.suite import Endpoint, Suite

ENDPOINT = names.TAG_ENDPOINT
MEASURE = names.PHASE_MEASURE
PUSHED = "5s"  # k6 writes every second in the pipeline, every five on a console
WINDOW = "$__rate_interval"
CHOSEN = "$endpoint"
# Rates of k6 and of our library; what else a run has is the suite's own.
KNOWN_RATES = f"k6_(http_req_failed|{names.METRIC_FAILED}|checks)_rate"


def run(suite: Suite) -> page.Page:
    users = ask.of_run(f"k6_{names.METRIC_VUS}")
    vus = selector(f"k6_{names.METRIC_VUS}", suite=suite.name)
    latency = [_latency(endpoint) for endpoint in suite.endpoints.values()]
    return page.Page(
        uid=names.dashboard_uid(suite.name, names.RUN),
        title=f"{suite.name}: Run",
        description=f"{page.generated_from(suite)} One run; choose it by its id.",
        tags=[suite.name],
        span="now-15m",
        variables=[
            page.asked("testid", "Run", f"label_values({vus}, {names.TAG_TEST_ID})"),
            page.choice("endpoint", "Endpoint of the heatmap", list(suite.endpoints), everything=True),
        ],
        annotations=[page.runs(users), page.revisions(ask.of_run(names.RUN_TARGET_INFO))],
        links=[
            page.link("Dagster run", f"{names.DAGSTER_URL}/runs/{ask.TEST_ID}"),
            *page.suite_links(suite.name, but=names.RUN),
        ],
        sections=[
            page.Section("", 4, summary.tiles(), across=6),
            page.Section("", 9, [summary.endpoints(suite)]),
            page.Section("Latency of successful requests", 9, [_heatmap(suite)]),
            page.Section("", 7, latency, across=4 if len(latency) > 6 else 3),
            page.Section("Load", 7, [_planned(), _dropped(), _users(), _own_rates()], across=4),
            page.Section("Errors", 7, [_by_status(), _by_endpoint()], across=2),
        ],
    )


def _heatmap(suite: Suite) -> heatmap.Panel:
    trends = "|".join(
        names.prometheus_trend(metric)
        for metric in sorted({endpoint.metric for endpoint in suite.endpoints.values()})
    )
    chosen = selector("", _matches={"__name__": trends, ENDPOINT: CHOSEN}, testid=ask.TEST_ID, phase=MEASURE)
    return p.heat(
        "Latency, every request",
        "How many successful requests took how long, from k6's native histograms; choose an endpoint above. "
        "Two bands are two modes, which a percentile hides.",
        p.Query(f"sum(rate({chosen}[{WINDOW}]))"),
        unit="s",
        step=PUSHED,
    )


def _latency(endpoint: Endpoint) -> timeseries.Panel:
    series = ask.of_run(names.prometheus_trend(endpoint.metric), endpoint=endpoint.name, phase=MEASURE)
    rate = f"sum by ({ENDPOINT}) (rate({series}[{WINDOW}]))"
    queries = [
        p.Query(ask.ms(f"histogram_quantile({quantile}, {rate})"), name)
        for name, quantile in (("p50", "0.5"), ("p95", "0.95"))
    ]
    for name, quantile in (("p50", "0.5"), ("p95", "0.95")):
        for bound in ("low", "high"):
            baseline = ask.of_run(names.RUN_BASELINE, endpoint=endpoint.name, quantile=quantile, bound=bound)
            queries.append(p.Query(f"1000 * max({baseline})", f"baseline {name} {bound}"))
    panel = p.lines(
        endpoint.name,
        f"{endpoint.method} {endpoint.path}: successful requests, in windows of some seconds. Bands: what "
        f"the runs of the baseline had over their whole length. The objective is {endpoint.slo.p95_ms:g} ms.",
        queries,
        unit="ms",
        step=PUSHED,
    )
    panel = panel.override_by_name("p50", [look.colour(look.LIGHT_BLUE)])
    panel = panel.override_by_name("p95", [look.colour(look.BLUE)])
    for name, colour in (("p50", look.YELLOW), ("p95", look.ORANGE)):
        low, high = f"baseline {name} low", f"baseline {name} high"
        panel = panel.override_by_name(
            high, [*look.band(colour, down_to=low), look.called(f"baseline {name}")]
        )
        panel = panel.override_by_name(low, [*look.edge(colour), look.NOT_IN_LEGEND])
    return panel


def _planned() -> timeseries.Panel:
    sent = selector(
        names.prometheus_counter(names.METRIC_HTTP_REQS),
        _matches={names.TAG_PHASE: f"{names.PHASE_WARMUP}|{MEASURE}"},
        testid=ask.TEST_ID,
    )
    panel = p.lines(
        "Requests per second, planned and achieved",
        "Below the plan: requests were not sent in time, because the target kept every user waiting or the "
        "generator was short.",
        [
            p.Query(f"max({ask.of_run(names.RUN_PLANNED_RATE)})", "planned"),
            p.Query(f"sum(rate({sent}[{WINDOW}]))", "achieved"),
        ],
        unit="reqps",
        step=PUSHED,
    )
    return panel.override_by_name("planned", look.dashed(look.GREY))


def _dropped() -> timeseries.Panel:
    dropped = f"sum({ask.of_run(names.prometheus_counter(names.METRIC_DROPPED))})"
    return p.lines(
        "Dropped iterations, in all",
        "Iterations that k6 could not start on time; k6 writes nothing as long as there is none.",
        [p.Query(ask.or_zero(dropped, while_there_is=ask.of_run(f"k6_{names.METRIC_VUS}")), "dropped")],
        unit="locale",
        step=PUSHED,
    )


def _users() -> timeseries.Panel:
    return p.lines(
        "Users",
        "Users that k6 keeps; with a fixed rate most of them wait for their turn.",
        [
            p.Query(f"max({ask.of_run(f'k6_{names.METRIC_VUS}')})", "now"),
            p.Query(f"max({ask.of_run(f'k6_{names.METRIC_VUS}_max')})", "reserved"),
        ],
        unit="none",
        step=PUSHED,
    )


def _own_rates() -> timeseries.Panel:
    rates = f'{{__name__=~"k6_.+_rate",__name__!~"{KNOWN_RATES}",testid="{ask.TEST_ID}"}}'
    called = f'label_replace({rates}, "rate", "$1", "__name__", "k6_(.+)_rate")'
    panel = p.lines(
        "The suite's own rates",
        "Every Rate that the scenario itself defines, over the run so far.",
        [p.Query(f"min by (rate) ({called})", "{{rate}}")],
        unit="percentunit",
        step=PUSHED,
    )
    return panel.max(1)


def _by_status() -> timeseries.Panel:
    refused = selector(
        names.prometheus_counter(names.METRIC_HTTP_REQS),
        _matches={names.LABEL_STATUS: "[^2].*"},
        testid=ask.TEST_ID,
        phase=MEASURE,
    )
    none = f'label_replace(0 * max({ask.of_run(f"k6_{names.METRIC_VUS}")}), "status", "none", "", "")'
    return p.bars(
        "Errors by status",
        "Measured requests with another status than 2xx; 0: refused, timed out or cut off.",
        [p.Query(f"{ask.new_in_step(refused, 'status')} or on() {none}", "{{status}}")],
        unit="locale",
        step=PUSHED,
    )


def _by_endpoint() -> timeseries.Panel:
    none = f'label_replace(0 * max({ask.of_run(f"k6_{names.METRIC_VUS}")}), "{ENDPOINT}", "none", "", "")'
    return p.bars(
        "Errors by endpoint (api_errors)",
        "Measured requests without the expected answer, whatever their status (a 200 with a wrong body).",
        [p.Query(f"{ask.new_in_step(summary.errors(), ENDPOINT)} or on() {none}", "{{endpoint}}")],
        unit="locale",
        step=PUSHED,
    )
