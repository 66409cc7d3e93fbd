"""Why requests failed, from k6's error codes and the statuses of answers."""

from __future__ import annotations

import polars as pl

from perf_pipeline import conventions as names

_REASONS = [  # k6's error codes for requests without an answer, first match
    (1050, 1050, names.KIND_TIMEOUT),
    (1110, 1111, names.KIND_BLOCKED),
    (1100, 1109, "dns"),
    (1211, 1211, names.KIND_TIMEOUT),
    (1212, 1212, "refused"),
    (1201, 1220, "reset"),
    (1300, 1399, "tls"),
    (1000, 1000, "reset"),  # closed by the target in the middle of an answer
]


def kind() -> pl.Expr:
    """Why a request failed, in a word or two."""
    status, code = pl.col("status"), pl.col("error_code")
    unanswered = pl.lit("no answer")
    for low, high, word in reversed(_REASONS):
        unanswered = pl.when(code.is_between(low, high)).then(pl.lit(word)).otherwise(unanswered)
    return (
        pl.when(status.is_null())
        .then(pl.lit("unknown"))
        .when(status == 0)
        .then(unanswered)
        .when(status.is_between(200, 299))
        .then(pl.lit("unexpected answer"))
        .otherwise(pl.format("status {}", status))
    )


def kinds(measured: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Endpoint -> kind -> how many of the measured requests."""
    found: dict[str, dict[str, int]] = {}
    failed = measured.filter(~pl.col("ok")).group_by("endpoint", "kind").len().sort("endpoint", "kind")
    for endpoint, why, count in failed.iter_rows():
        found.setdefault(endpoint, {})[why] = count
    return found
