"""The questions that are asked of Prometheus about one run."""

from __future__ import annotations

from perf_pipeline.monitoring.promql import escape, selector
from perf_pipeline.prometheus.queries import RunQueries

QUERIES = RunQueries("run-1", ["get_state_latency", "join_room_latency"])

MEASURED = 'testid="run-1",phase="measure"'
LATENCY = f'{{__name__=~"k6_get_state_latency_seconds|k6_join_room_latency_seconds",{MEASURED}}}'


class TestFiguresAtTheEnd:
    def test_quantiles_sum_the_series_of_an_endpoint_first_and_are_never_a_rate(self) -> None:
        assert QUERIES.quantile_s(0.95) == f"histogram_quantile(0.95, sum by (endpoint) ({LATENCY}))"

    def test_counts_are_cumulative_counters_of_the_measured_phase(self) -> None:
        assert QUERIES.succeeded() == f"histogram_count(sum by (endpoint) ({LATENCY}))"
        assert QUERIES.failed() == f"sum by (endpoint) (k6_api_errors_total{{{MEASURED}}})"
        assert QUERIES.sent() == f"sum by (endpoint) (k6_http_reqs_total{{{MEASURED}}})"

    def test_an_endpoint_with_the_metric_of_another_is_asked_once(self) -> None:
        assert RunQueries("r", ["a", "a"]).succeeded() == RunQueries("r", ["a"]).succeeded()


class TestWhatIsLeftOfALostRecord:
    def test_is_asked_over_the_whole_run_since_its_end_shows_nothing(self) -> None:
        assert QUERIES.held(300.4) == f"sum(last_over_time(k6_http_reqs_total{{{MEASURED}}}[300s]))"
        assert QUERIES.last_recorded(300.4) == (
            'max(max_over_time(timestamp(k6_http_reqs_total{testid="run-1"})[300s:5s]))'
        )


class TestPlots:
    def test_quantiles_over_time_are_those_of_a_window(self) -> None:
        assert QUERIES.quantile_over_time_s(0.5, 10) == (
            f"histogram_quantile(0.5, sum by (endpoint) (rate({LATENCY}[10s])))"
        )


class TestSelectors:
    def test_a_value_cannot_end_its_string(self) -> None:
        assert selector("up", job='a"} or vector(1) #') == r'up{job="a\"} or vector(1) #"}'

    def test_backslashes_and_newlines_are_escaped(self) -> None:
        assert escape("a\\b\nc") == r"a\\b\nc"
