"""*Trend*: one dot per run and endpoint, beside the baseline that it was judged by."""

from __future__ import annotations

from grafana_foundation_sdk.builders import statetimeline, timeseries

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.dashboards import ask, page, run_table, words
from perf_pipeline.monitoring.dashboards import looks as look
from perf_pipeline.monitoring.dashboards import panels as p
from perf_pipeline.suite import Endpoint, Suite

ENDPOINT, TEST_ID, VERDICT = names.TAG_ENDPOINT, names.TAG_TEST_ID, names.LABEL_VERDICT
USUAL_PROFILE = "standard"  # where the suite has one


def trend(suite: Suite) -> page.Page:
    dots = [_dots(suite, endpoint) for endpoint in suite.endpoints.values()]

    def of(metric: str, **labels: str) -> str:
        return ask.of_profile(metric, suite, **labels)

    return page.Page(
        uid=names.dashboard_uid(suite.name, names.TREND),
        title=f"{suite.name}: Trend",
        description=f"{page.generated_from(suite)} Run after run, for one target and one profile.",
        tags=[suite.name],
        span="now-7d",
        refresh="1m",
        variables=[
            page.choice("target", "Target", list(suite.targets)),
            page.choice("profile", "Profile", list(suite.profiles), first=USUAL_PROFILE),
        ],
        annotations=[page.deploys(of(names.RUN_TARGET_INFO))],
        links=page.suite_links(suite.name, but=names.TREND),
        sections=[
            page.Section("", 9, [_verdicts(suite)]),
            page.Section("p50 and p95 of every run", 8, dots, across=4 if len(dots) > 6 else 3),
            page.Section(
                "Runs", 10, [run_table.runs(of, dashboard=names.dashboard_uid(suite.name, names.RUN))]
            ),
        ],
    )


def _dots(suite: Suite, endpoint: Endpoint) -> timeseries.Panel:
    queries = []
    for name, quantile in (("p50", "0.5"), ("p95", "0.95")):
        latency = ask.last(
            ask.of_profile(names.RUN_LATENCY, suite, endpoint=endpoint.name, quantile=quantile), ask.STEP
        )
        verdict = ask.held(ask.of_profile(names.RUN_VERDICT, suite, endpoint=endpoint.name), ask.STEP)
        judged = f"{latency} * on ({TEST_ID}) group_left ({VERDICT}) {verdict}"
        known = ask.by(f"{TEST_ID}, {VERDICT}", judged)
        expr = ask.ms(f"({known} or on ({TEST_ID}) {ask.by(TEST_ID, latency)})")
        queries.append(p.Query(expr, f"{name} {{{{{VERDICT}}}}}"))
    for name, quantile in (("p50", "0.5"), ("p95", "0.95")):
        middle = ask.of_profile(
            names.RUN_BASELINE, suite, endpoint=endpoint.name, quantile=quantile, bound="mid"
        )
        queries.append(p.Query(f"1000 * max({ask.last(middle, ask.STEP)})", f"baseline {name}"))
    panel = p.dots(
        endpoint.name,
        f"{endpoint.method} {endpoint.path}: p50 (lower) and p95 (upper) of successful requests, one dot per "
        "run at its end, coloured by verdict: blue unchanged, red regressed, green improved, yellow "
        "inconclusive, grey without a baseline or not judged. Line: median of the runs it was compared with. "
        f"The objective is {endpoint.slo.p95_ms:g} ms.",
        queries,
        unit="ms",
    )
    panel = panel.override_by_regexp(
        "/^p(50|95)/", [look.colour(look.GREY), look.linked("Dagster run", _DAGSTER)]
    )
    for verdict, (_, colour) in words.VERDICTS.items():
        panel = panel.override_by_regexp(f"/^p(50|95) {verdict}$/", [look.colour(colour)])
    return panel.override_by_regexp("/^baseline/", look.stepped(look.ORANGE))


_DAGSTER = f"{names.DAGSTER_URL}/runs/${{__field.labels.{TEST_ID}}}"


def _verdicts(suite: Suite) -> statetimeline.Panel:
    numbered = words.numbered(words.VERDICTS)
    terms = [
        f"{number} * {ask.held(ask.of_profile(names.RUN_VERDICT, suite, verdict=verdict), ask.STEP)}"
        for number, verdict in zip(numbered, words.VERDICTS, strict=True)
    ]
    panel = p.states(
        "Verdicts",
        "What each run was found to be against its baseline; a verdict is drawn until the next run's.",
        [p.Query(ask.by(ENDPOINT, " or ".join(terms)), "{{endpoint}}")],
        unit="none",
    )
    return panel.mappings(look.named(numbered))
