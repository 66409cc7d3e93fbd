"""PromQL of one run, as text. Pure.

The figures of a run are its cumulative counters and histograms at its end: a plain instant selector,
evaluated at the moment when k6 had exited. ``increase()`` and ``rate()`` miss the first write and guess;
they would be some per cent off. The series of one endpoint (statuses, scenarios) are summed before a quantile
is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perf_pipeline import conventions as names
from perf_pipeline.monitoring.promql import selector

WINDOW_S = 10  # of quantiles over time: ten of k6's writes


@dataclass(frozen=True)
class RunQueries:
    """Every question about the measured phase of one run; answers carry the label ``endpoint``."""

    run_id: str
    metrics: Sequence[str]  # the k6 Trends of the suite's endpoints

    # ---- at the end of the run

    def quantile_s(self, q: float) -> str:
        """Latency of successful requests, in seconds."""
        return f"histogram_quantile({q}, {self._per_endpoint(self._latency())})"

    def succeeded(self) -> str:
        """Successful requests."""
        return f"histogram_count({self._per_endpoint(self._latency())})"

    def failed(self) -> str:
        """Requests without the expected answer."""
        return self._per_endpoint(self._counter(names.METRIC_ERRORS))

    def sent(self) -> str:
        """All requests."""
        return self._per_endpoint(self._counter(names.METRIC_HTTP_REQS))

    # ---- when samples are missing at its end

    def held(self, span_s: float) -> str:
        """Requests of the whole run that were recorded in the last ``span_s``, however early that ended."""
        counter = self._counter(names.METRIC_HTTP_REQS)
        return f"sum(last_over_time({counter}[{_duration(span_s)}]))"

    def last_recorded(self, span_s: float) -> str:
        """Unix seconds of the last sample of the run (measured or not) in the last ``span_s``."""
        any_phase = selector(names.prometheus_counter(names.METRIC_HTTP_REQS), testid=self.run_id)
        return f"max(max_over_time(timestamp({any_phase})[{_duration(span_s)}:5s]))"

    # ---- over time, for plots

    def quantile_over_time_s(self, q: float, window_s: int = WINDOW_S) -> str:
        """Latency of successful requests within a sliding window, in seconds."""
        return f"histogram_quantile({q}, {self._per_endpoint(f'rate({self._latency()}[{window_s}s])')})"

    def users_over_time(self) -> str:
        return f"max({selector(f'k6_{names.METRIC_VUS}', testid=self.run_id)})"

    def _latency(self) -> str:
        trends = "|".join(names.prometheus_trend(metric) for metric in sorted(set(self.metrics)))
        return selector("", _matches={"__name__": trends}, testid=self.run_id, phase=names.PHASE_MEASURE)

    def _counter(self, metric: str) -> str:
        name = names.prometheus_counter(metric)
        return selector(name, testid=self.run_id, phase=names.PHASE_MEASURE)

    def _per_endpoint(self, expression: str) -> str:
        return f"sum by ({names.TAG_ENDPOINT}) ({expression})"


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))}s"
