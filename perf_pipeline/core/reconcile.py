"""Do Prometheus' figures of a run agree with the exact ones from k6's raw samples? Pure.

Counts must be equal. A quantile must lie in the same bucket of the histogram as the request it stands for:

1. k6 keeps a Trend as a native histogram with a bucket factor of at most 1.1 (``NativeHistogramBucketFactor``
   in its ``prometheusrw/remotewrite/trend.go``), which is schema 3: bounds at powers of 2^(1/8), 9.05 %
   apart, and never coarser, because k6 sets no limit on the number of buckets.
2. ``histogram_quantile(q, h)`` over n requests finds the bucket that holds the ceil(q n)-th fastest request x
   and answers with a value inside it. So the answer lies between x / 2^(1/8) and x * 2^(1/8).
3. q n carries a rounding error, so the next request on either side is allowed, too. With few requests that is
   what makes the range wide: the p95 of 20 requests lies between the 18th and the 20th.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from perf_pipeline.core.model import (
    NO_FIGURES,
    NO_SAMPLES,
    PrometheusFigures,
    Reason,
    Reconciliation,
    Samples,
)
from perf_pipeline.core.wording import percent

BUCKET_FACTOR = 2.0 ** (1 / 8)
LATE_S = 3.0  # k6 writes every second, and once more at its end


def reconcile(
    endpoints: Iterable[str],
    exact: Mapping[str, Samples],
    recorded: Mapping[str, PrometheusFigures],
) -> list[Reconciliation]:
    """One row per endpoint, in the order of ``endpoints``; both mappings hold the measured phase only."""
    return [_row(name, exact.get(name, NO_SAMPLES), recorded.get(name, NO_FIGURES)) for name in endpoints]


def counts_agree(rows: Iterable[Reconciliation]) -> bool:
    """Whether Prometheus counted what the raw samples hold; no series means zero."""
    return all(
        (row.prometheus_succeeded or 0, row.prometheus_failed or 0) == (row.exact_succeeded, row.exact_failed)
        for row in rows
    )


def quantile_range(successful_ms: npt.NDArray[np.float64], q: float) -> tuple[float, float]:
    """Lowest and highest answer in ms that the histogram can give for these requests (n > 0)."""
    ordered = np.sort(successful_ms)
    rank = math.ceil(q * len(ordered))  # 1-based
    below = ordered[max(rank - 2, 0)]
    above = ordered[min(rank, len(ordered) - 1)]
    return float(below) / BUCKET_FACTOR, float(above) * BUCKET_FACTOR


def missing_record(*, held: int, exact: int, last_recorded: datetime | None, ended_at: datetime) -> Reason:
    """Why a record with other counts than the raw samples is incomplete.

    ``held`` and ``exact``: requests of the measured phase in Prometheus and in the raw samples;
    ``last_recorded``: time of the run's last sample there, None when there is none.
    """
    if held > exact:
        return Reason(
            name="counts_differ",
            sentence=f"Prometheus holds {held:,} requests of this run, the raw samples {exact:,}: "
            "was its id used before, or was the raw file cut off?",
        )
    if held == exact:
        return Reason(
            name="counts_differ",
            sentence=f"Prometheus holds all {exact:,} requests, "
            "but not the same successes and failures per endpoint as the raw samples",
        )
    when = ""
    if last_recorded is not None and (ended_at - last_recorded).total_seconds() > LATE_S:
        when = f" from {last_recorded.astimezone(UTC):%H:%M:%S} on"
    return Reason(
        name="samples_lost",
        sentence=f"Prometheus holds {held:,} of {exact:,} requests "
        f"({percent((exact - held) / exact)} lost{when})",
    )


def _row(endpoint: str, exact: Samples, recorded: PrometheusFigures) -> Reconciliation:
    successful = exact.successful_ms()
    succeeded, failed = len(successful), len(exact.ok) - len(successful)
    notes, agrees = [], True
    for what, mine, theirs in (
        ("successful", succeeded, recorded.succeeded),
        ("failed", failed, recorded.failed),
    ):
        if mine != (theirs or 0):
            agrees = False
            notes.append(f"Prometheus counted {theirs or 0:,} of {mine:,} {what} requests")
    figures: dict[str, float | None] = {}
    for what, q, theirs_ms in (("p50", 0.5, recorded.p50_ms), ("p95", 0.95, recorded.p95_ms)):
        mine_ms = float(np.quantile(successful, q)) if succeeded else None
        figures[what] = mine_ms
        if mine_ms is None or theirs_ms is None:
            agrees = agrees and mine_ms is theirs_ms
            continue
        low, high = quantile_range(successful, q)
        if low <= theirs_ms <= high:
            notes.append(f"{what} {100.0 * (theirs_ms / mine_ms - 1.0) if mine_ms else 0.0:+.1f} %")
        else:
            agrees = False
            notes.append(f"{what} {theirs_ms:.1f} ms, possible were {low:.1f} to {high:.1f} ms")
    if agrees and notes:
        notes[-1] += f": within the histogram's resolution of {percent(BUCKET_FACTOR - 1)}"
    return Reconciliation(
        endpoint=endpoint,
        exact_p50_ms=figures["p50"],
        exact_p95_ms=figures["p95"],
        prometheus_p50_ms=recorded.p50_ms,
        prometheus_p95_ms=recorded.p95_ms,
        exact_succeeded=succeeded,
        prometheus_succeeded=recorded.succeeded,
        exact_failed=failed,
        prometheus_failed=recorded.failed,
        agrees=agrees,
        note="; ".join(notes),
    )
