"""Read k6's compressed CSV to p50 and p95 per endpoint, once with each library; prints JSON.

    python benchmarks/samples/readers.py LIBRARY FILE

Every reader does what the pipeline needs: skip the rows of other metrics, take endpoint and phase out of the
tags, and compute quantiles. Each gets its library's best way to keep memory bounded.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

METRICS = [
    f"{name}_latency"
    for name in (
        *("join_room", "get_state", "leaderboard", "get_news"),
        *("get_recommendations", "get_game_data", "update_player"),
    )
]
Quantiles = dict[str, tuple[int, float, float]]  # endpoint -> count, p50, p95 in ms


def polars_blocks(path: Path) -> Quantiles:
    """What the pipeline does: decompress in blocks, parse and filter each."""
    import polars as pl  # noqa: PLC0415 - each library is measured alone

    from perf_pipeline.load.raw import read_rows  # noqa: PLC0415

    rows = read_rows(path, set(METRICS)).filter(pl.col("phase") == "measure")
    return _polars_quantiles(rows.lazy())


def polars_scan(path: Path) -> Quantiles:
    """polars' own streaming scan of the compressed file."""
    import polars as pl  # noqa: PLC0415

    scan = pl.scan_csv(path, schema_overrides={"error_code": pl.String, "status": pl.String})
    tags = pl.col("extra_tags")
    return _polars_quantiles(
        scan.filter(pl.col("metric_name").is_in(METRICS))
        .with_columns(
            tags.str.extract(r"(?:^|&)endpoint=([^&]*)").alias("endpoint"),
            tags.str.extract(r"(?:^|&)phase=([^&]*)").alias("phase"),
        )
        .filter(pl.col("phase") == "measure")
    )


def _polars_quantiles(rows: object) -> Quantiles:
    import polars as pl  # noqa: PLC0415

    assert isinstance(rows, pl.LazyFrame)
    value = pl.col("metric_value")
    table = (
        rows.group_by("endpoint")
        .agg(pl.len(), value.median().alias("p50"), value.quantile(0.95, "linear").alias("p95"))
        .collect(engine="streaming")
    )
    return {name: (n, p50, p95) for name, n, p50, p95 in table.iter_rows()}


def pyarrow(path: Path) -> Quantiles:
    """pyarrow's streaming CSV reader, filtered batch by batch."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    wanted = pa.array(METRICS)
    kinds = {"metric_name": pa.string(), "metric_value": pa.float64(), "extra_tags": pa.string()}
    with pa.input_stream(str(path)) as file:
        reader = csv.open_csv(
            file,
            read_options=csv.ReadOptions(block_size=16 * 1024 * 1024),
            convert_options=csv.ConvertOptions(include_columns=list(kinds), column_types=kinds),
        )
        batches = [batch.filter(pc.is_in(batch["metric_name"], wanted)) for batch in reader]
    rows = pa.Table.from_batches(batches)
    rows = rows.filter(pc.match_substring_regex(rows["extra_tags"], r"(?:^|&)phase=measure(?:&|$)"))
    found = pc.extract_regex(rows["extra_tags"], r"(?:^|&)endpoint=(?P<endpoint>[^&]*)")
    endpoint = pc.struct_field(found, "endpoint")
    result: Quantiles = {}
    for name in pc.unique(endpoint).to_pylist():
        values = rows["metric_value"].filter(pc.equal(endpoint, name))
        p50, p95 = pc.quantile(values, [0.5, 0.95]).to_pylist()
        result[name] = (len(values), p50, p95)
    return result


def duckdb(path: Path) -> Quantiles:
    """One SQL statement over the compressed file."""
    import duckdb as db  # noqa: PLC0415

    rows = db.execute(
        r"""
        SELECT regexp_extract(extra_tags, '(^|&)endpoint=([^&]*)', 2) AS endpoint, count(*),
               quantile_cont(metric_value, 0.5), quantile_cont(metric_value, 0.95)
        FROM read_csv(?, header = true, auto_detect = false, columns = COLUMNS)
        WHERE metric_name IN (SELECT unnest(?))
          AND regexp_extract(extra_tags, '(^|&)phase=([^&]*)', 2) = 'measure'
        GROUP BY endpoint
        """.replace("COLUMNS", _duckdb_columns()),
        [str(path), METRICS],
    ).fetchall()
    return {name: (n, p50, p95) for name, n, p50, p95 in rows}


def _duckdb_columns() -> str:
    sys.path.insert(0, str(Path(__file__).parent))
    from generate import HEADER  # noqa: PLC0415

    kinds = {"timestamp": "BIGINT", "metric_value": "DOUBLE"}
    columns = [f"'{name}': '{kinds.get(name, 'VARCHAR')}'" for name in HEADER.strip().split(",")]
    return "{" + ", ".join(columns) + "}"


READERS: dict[str, Callable[[Path], Quantiles]] = {
    "polars_blocks": polars_blocks,
    "polars_scan": polars_scan,
    "pyarrow": pyarrow,
    "duckdb": duckdb,
}

if __name__ == "__main__":
    begun = time.perf_counter()
    quantiles = READERS[sys.argv[1]](Path(sys.argv[2]))
    seconds = time.perf_counter() - begun
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kB on Linux
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb, "quantiles": quantiles}))
