"""The head of *Run*: its outcome in tiles, its endpoints in a table."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueTextMode

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.dashboards import ask, words
from perf_pipeline.monitoring.dashboards import looks as look
from perf_pipeline.monitoring.dashboards import panels as p
from perf_pipeline.prometheus.queries import RunQueries
from perf_pipeline.suite import Suite

ENDPOINT = names.TAG_ENDPOINT
MEASURE = names.PHASE_MEASURE


def tiles() -> list[p.PanelBuilder]:
    counted, failures = ask.last(requests()), ask.last(errors())
    judged = ask.last(ask.of_run(names.RUN_SLO_MET))
    outcome = p.stats(
        "Outcome",
        "The one word for the run, written at its end.",
        [p.Query(ask.by(names.LABEL_OUTCOME, ask.held(ask.of_run(names.RUN_OUTCOME))), "{{outcome}}", True)],
        unit="none",
    ).text_mode(BigValueTextMode.NAME)
    for value, (text, colour) in words.OUTCOMES.items():
        outcome = outcome.override_by_name(value, [look.colour(colour), look.called(text)])
    breached = p.stats(
        "Objectives breached",
        "Endpoints that did not keep an objective over the whole run, written at its end.",
        [p.Query(f"count({judged} == 0) or on() 0 * max({judged})", "breached", True)],
        unit="none",
    ).thresholds(look.steps((None, look.GREEN), (1, look.RED)))
    sent = p.stats(
        "Requests", "Requests of the measured phase.", [p.Query(f"sum({counted})", "", True)], unit="locale"
    ).color_mode(BigValueColorMode.NONE)
    failed = p.stats(
        "Failed requests",
        "Requests of the measured phase without the expected answer.",
        [p.Query(f"sum({failures}) or on() 0 * sum({counted})", "failed", True)],
        unit="locale",
    ).thresholds(look.steps((None, look.GREEN), (1, look.ORANGE)))
    accepted = p.stats(
        "In the baseline",
        "Does the run count when later ones are judged?",
        [p.Query(f"max({ask.last(ask.of_run(names.RUN_ACCEPTED))})", "accepted", True)],
        unit="none",
    ).mappings(look.named({"1": ("yes", look.GREEN), "0": ("no", look.GREY)}))
    duration = p.stats(
        "Duration",
        "From k6's start to its end.",
        [p.Query(f"max({ask.last(ask.of_run(names.RUN_DURATION))})", "duration", True)],
        unit="s",
    ).color_mode(BigValueColorMode.NONE)
    return [outcome, breached, sent, failed, accepted, duration]


def endpoints(suite: Suite) -> table.Panel:
    objective = ask.ms(ask.by(ENDPOINT, ask.last(ask.of_run(names.RUN_OBJECTIVE, quantile="0.95"))))
    p95 = _whole_run(suite, "0.95")
    failures = ask.by(ENDPOINT, ask.last(errors()), "sum")
    counted = ask.by(ENDPOINT, ask.last(requests()), "sum")
    verdict = ask.by(f"{ENDPOINT}, {names.LABEL_VERDICT}", ask.held(ask.of_run(names.RUN_VERDICT)))
    met = ask.by(ENDPOINT, ask.last(ask.of_run(names.RUN_SLO_MET)), "min")
    return p.grid(
        "Endpoints",
        "The whole measured phase: what the pipeline judged, and while the load runs what k6 has written so "
        "far. Change: against the baseline, what all endpoints share taken off. Noise: how much "
        "identical runs differ here.",
        [
            p.Column("endpoint", label=ENDPOINT),
            p.Column("SLO", met, properties=(look.BACKGROUND, look.mapped(words.SLO))),
            p.Column(
                "verdict",
                label=names.LABEL_VERDICT,
                properties=(look.BACKGROUND, look.mapped(words.VERDICTS)),
            ),
            p.Column("p50", _whole_run(suite, "0.5"), unit="ms", decimals=1),
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
            *_judged("p50", "0.5"),
            *_judged("p95", "0.95"),
            p.Column(
                "success", f"1 - ({failures} or 0 * {counted}) / {counted}", unit="percentunit", decimals=2
            ),
            p.Column("requests", counted, unit="locale"),
            p.Column("judged", verdict, properties=(look.HIDDEN,)),
        ],
        sort_by="headroom",
    )


def _judged(name: str, quantile: str) -> list[p.Column]:
    change = ask.by(ENDPOINT, ask.last(ask.of_run(names.RUN_CHANGE, quantile=quantile)))
    noise = ask.by(ENDPOINT, ask.last(ask.of_run(names.RUN_NOISE, quantile=quantile)))
    return [
        p.Column(f"change {name}", change, unit="percentunit", decimals=1),
        p.Column(f"noise {name}", noise, unit="percentunit", decimals=1),
    ]


def _whole_run(suite: Suite, quantile: str) -> str:
    """What was judged; until then the cumulative histograms, which hold the whole run so far."""
    judged = ask.by(ENDPOINT, ask.last(ask.of_run(names.RUN_LATENCY, quantile=quantile)))
    metrics = [endpoint.metric for endpoint in suite.endpoints.values()]
    so_far = RunQueries(ask.TEST_ID, metrics).quantile_s(float(quantile))
    return f"1000 * ({judged} or {so_far})"


def requests() -> str:
    return ask.of_run(names.prometheus_counter(names.METRIC_HTTP_REQS), phase=MEASURE)


def errors() -> str:
    return ask.of_run(names.prometheus_counter(names.METRIC_ERRORS), phase=MEASURE)
