"""The series of one suite, as selectors: several suites share a Prometheus, so each reads only its own."""

from __future__ import annotations

import math

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.promql import aggregate, before, call, lines, on, over, selector
from perf_pipeline.suite import Endpoint, Suite

INTERVAL_S = 30  # between two evaluations
WINDOW_S = 60
MIN_REQUESTS = 10  # fewer in the window: no figure
# k6 reports its users every second, every five on a plain run. A run that was silent for this long is over.
ALIVE_S = 20
# Counters stay until two evaluations after the end, so that the last one holds the final value.
FINAL_S = 2 * INTERVAL_S
QUANTILES = (0.5, 0.95)

TARGET = (names.TAG_SUITE, names.TAG_TARGET)
RUN = (*TARGET, names.TAG_TEST_ID)
RUN_ENDPOINT = (*RUN, names.TAG_ENDPOINT)
ENDPOINT = (*TARGET, names.TAG_ENDPOINT)
REQUEST = (names.LABEL_NAME, names.LABEL_METHOD, names.LABEL_STATUS)


def number(value: float) -> str:
    return f"{value:.10g}"


def quantile_label(q: float) -> dict[str, str]:
    return {names.LABEL_QUANTILE: number(q)}


def objectives_s(endpoint: Endpoint) -> dict[float, float]:
    """Quantile -> promised latency in seconds."""
    promised = {0.5: endpoint.slo.p50_ms, 0.95: endpoint.slo.p95_ms}
    return {q: ms / 1000 for q, ms in promised.items() if ms is not None}


class Series:
    """What rules of one suite are made of."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.endpoints = tuple(suite.endpoints.values())
        self.users = self.of(f"k6_{names.METRIC_VUS}")
        self.running = self.of(names.LIVE_RUNNING)
        self.requests = self.of(names.LIVE_REQUESTS)
        self.error_ratio = self.of(names.LIVE_ERROR_RATIO)
        self.enough = f"{self.requests} >= {MIN_REQUESTS}"

    def of(self, metric: str, **labels: str) -> str:
        return selector(metric, _matches=None, **{names.TAG_SUITE: self.suite.name, **labels})

    def measured(self, metric: str, *, _matches: dict[str, str] | None = None) -> str:
        """Only the measured phase counts."""
        labels = {names.TAG_SUITE: self.suite.name, names.TAG_PHASE: names.PHASE_MEASURE}
        return selector(metric, _matches=_matches, **labels)

    def latency(self, *endpoints: Endpoint) -> str:
        """Histogram of each run and endpoint over the window. Its series are summed before a quantile."""
        trends = sorted(names.prometheus_trend(endpoint.metric) for endpoint in endpoints)
        if len(trends) == 1:
            series = self.measured(trends[0])
        else:
            series = self.measured("", _matches={"__name__": "|".join(trends)})
        return aggregate("sum", call("rate", over(series, WINDOW_S)), by=RUN_ENDPOINT)

    def until_final(self) -> str:
        """Right side of ``and``: runs until two evaluations after their end."""
        return f"{on(*RUN)} {call('last_over_time', over(self.users, FINAL_S))}"

    def cumulative(self, metric: str, *, by: tuple[str, ...]) -> str:
        """A counter of k6 since the run's start, complete although k6 writes it only when it changes."""
        counter = over(self.measured(names.prometheus_counter(metric)), self._longest_run_s)
        total = aggregate("sum", call("last_over_time", counter), by=by)
        return lines(total, f"and {self.until_final()}")

    def gained(self, cumulative: str) -> str:
        """What a cumulative record grew by in the window; both are evaluated at the same moments."""
        record = self.of(cumulative)
        return lines(f"{record} - {before(record, WINDOW_S)} >= 0", f"or {record}")

    @property
    def _longest_run_s(self) -> float:
        """Whole ten minutes that hold the measured phase of every profile."""
        longest = max(profile.duration_s for profile in self.suite.profiles.values())
        return 600 * math.ceil((longest + FINAL_S) / 600)
