"""Prometheus' figures against the exact ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from builders import endpoint_samples
from hypothesis import given
from hypothesis import strategies as st

from perf_pipeline.core.model import PrometheusFigures, Reconciliation, Samples
from perf_pipeline.core.reconcile import (
    BUCKET_FACTOR,
    counts_agree,
    missing_record,
    quantile_range,
    reconcile,
)

ENDED = datetime(2026, 11, 20, 2, 35, 0, tzinfo=UTC)
GOOD = endpoint_samples(n=400, median_ms=20.0, failed=10)


def histogram_quantile(q: float, values: np.ndarray) -> float:
    """As Prometheus 2.42 does it: buckets bounded by powers of 2^(1/8), linear within a bucket."""
    bucket = np.ceil(np.log2(values / 1000.0) * 8)  # (2^((i-1)/8), 2^(i/8)] is bucket i, of seconds
    rank, before = q * len(values), 0
    for index in np.unique(bucket):
        inside = int((bucket == index).sum())
        if before + inside >= rank:
            low, high = 2 ** ((index - 1) / 8), 2 ** (index / 8)
            return float(low + (high - low) * (rank - before) / inside) * 1000.0
        before += inside
    raise AssertionError("rank beyond the last bucket")


def figures(samples: Samples = GOOD, **overrides: Any) -> PrometheusFigures:
    """What Prometheus holds when k6 wrote these samples."""
    successful = samples.successful_ms()
    good: dict[str, Any] = {
        "p50_ms": histogram_quantile(0.5, successful) if len(successful) else None,
        "p95_ms": histogram_quantile(0.95, successful) if len(successful) else None,
        "succeeded": len(successful),
        "failed": len(samples.ok) - len(successful),
        "sent": len(samples.ok),
    }
    return PrometheusFigures(**(good | overrides))


def row(samples: Samples = GOOD, **overrides: Any) -> Reconciliation:
    (one,) = reconcile(["page"], {"page": samples}, {"page": figures(samples, **overrides)})
    return one


class TestAgreement:
    def test_a_faithful_record_agrees_and_its_note_shows_the_difference(self) -> None:
        one = row()

        assert one.agrees
        assert one.exact_p50_ms == pytest.approx(np.quantile(GOOD.successful_ms(), 0.5))
        assert one.note.startswith("p50 ")
        assert one.note.endswith("within the histogram's resolution of 9.1 %")

    @given(st.lists(st.floats(0.05, 20_000.0), min_size=1, max_size=60), st.sampled_from([0.5, 0.95]))
    def test_no_latencies_exist_whose_histogram_falls_out_of_the_range(
        self, latencies: list[float], q: float
    ) -> None:
        values = np.array(latencies)
        low, high = quantile_range(values, q)
        assert low * (1 - 1e-9) <= histogram_quantile(q, values) <= high * (1 + 1e-9)

    def test_with_many_requests_the_range_is_hardly_wider_than_a_bucket_to_each_side(self) -> None:
        values = np.exp(np.linspace(0.0, 3.0, 20_000))
        low, high = quantile_range(values, 0.95)
        assert high / low == pytest.approx(BUCKET_FACTOR**2, rel=0.001)

    def test_an_endpoint_whose_requests_all_failed_has_no_quantiles_on_either_side(self) -> None:
        one = row(endpoint_samples(n=30, failed=30))

        assert one.agrees
        assert one.exact_p95_ms is None
        assert one.note == ""

    def test_an_endpoint_that_was_never_called_agrees_with_no_series(self) -> None:
        (one,) = reconcile(["page"], {}, {})
        assert one.agrees
        assert one.prometheus_succeeded is None


class TestDisagreement:
    def test_one_lost_success_is_named(self) -> None:
        one = row(succeeded=389)
        assert not one.agrees
        assert "Prometheus counted 389 of 390 successful requests" in one.note

    def test_one_lost_failure_is_named(self) -> None:
        assert "Prometheus counted 9 of 10 failed requests" in row(failed=9).note

    def test_a_quantile_outside_its_bucket_is_named_with_what_was_possible(self) -> None:
        one = row(p95_ms=60.0)
        assert not one.agrees
        assert "p95 60.0 ms, possible were 27." in one.note

    def test_a_quantile_that_prometheus_does_not_have_disagrees(self) -> None:
        assert not row(p50_ms=None).agrees

    def test_counts_are_compared_apart_from_quantiles(self) -> None:
        assert counts_agree([row(), row(p95_ms=60.0)])
        assert not counts_agree([row(), row(failed=9)])


class TestTheSentenceAboutAMissingRecord:
    def test_a_record_that_broke_off_says_how_much_and_from_when_on(self) -> None:
        reason = missing_record(
            held=1204, exact=3850, last_recorded=ENDED - timedelta(seconds=230), ended_at=ENDED
        )
        assert reason.name == "samples_lost"
        assert reason.sentence == "Prometheus holds 1,204 of 3,850 requests (69 % lost from 02:31:10 on)"

    def test_a_record_with_a_gap_says_how_much(self) -> None:
        reason = missing_record(held=3800, exact=3850, last_recorded=ENDED, ended_at=ENDED)
        assert reason.sentence == "Prometheus holds 3,800 of 3,850 requests (1.3 % lost)"

    def test_a_record_that_never_began_says_so(self) -> None:
        reason = missing_record(held=0, exact=3850, last_recorded=None, ended_at=ENDED)
        assert reason.sentence == "Prometheus holds 0 of 3,850 requests (100 % lost)"

    def test_more_than_was_sent_is_no_loss(self) -> None:
        reason = missing_record(held=4000, exact=3850, last_recorded=ENDED, ended_at=ENDED)
        assert reason.name == "counts_differ"
