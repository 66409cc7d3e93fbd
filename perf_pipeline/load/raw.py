"""k6's compressed CSV, read as far as it goes with bounded memory.

A run of an hour has millions of lines, of which a third matter. The file is decompressed and parsed block
by block by polars (see benchmarks/samples). A k6 that was killed leaves a truncated file: what was written
counts.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import polars as pl

from perf_pipeline.conventions import TAG_ENDPOINT, TAG_PHASE
from perf_pipeline.load.errors import UnreadableError

BLOCK_BYTES = 16 * 1024 * 1024
READ_BYTES = 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "metric_name": pl.String,
    "timestamp": pl.Float64,
    "metric_value": pl.Float64,
    "error_code": pl.Int32,
    "scenario": pl.String,
    "status": pl.Int32,
    "extra_tags": pl.String,
}


def read_rows(path: Path, metrics: set[str]) -> pl.DataFrame:
    """Rows of the given metrics, in the order of the file. Raises UnreadableError when the file is not k6's.

    Columns: metric_name, timestamp (Unix ms), metric_value, error_code, scenario, status, endpoint, phase.
    """
    blocks = _blocks(path)
    try:
        header, first = _header(path, next(blocks, b""))
        tables = [_parse(first, header, metrics)]
        with ThreadPoolExecutor(max_workers=1) as parser:  # one block is parsed while the next is inflated
            pending: Future[pl.DataFrame] | None = None
            for block in blocks:
                if pending:
                    tables.append(pending.result())
                pending = parser.submit(_parse, block, header, metrics)
            if pending:
                tables.append(pending.result())
    except (OSError, zlib.error, pl.exceptions.PolarsError) as error:
        raise UnreadableError(f"the raw samples in {path} cannot be read: {error}.") from error
    return pl.concat(tables)


def _header(path: Path, block: bytes) -> tuple[list[str], bytes]:
    """Column names, and the rest of the first block. A file that k6 had not begun to write has no rows."""
    if not block:
        return list(_SCHEMA), b""
    first, rest = block.split(b"\n", 1)
    header = first.decode(errors="replace").strip().split(",")
    missing = _SCHEMA.keys() - set(header)
    if missing:
        raise UnreadableError(f"{path} is not a CSV of k6: it has no column {sorted(missing)[0]}.")
    return header, rest


def _parse(block: bytes, header: list[str], metrics: set[str]) -> pl.DataFrame:
    if block:
        table = pl.read_csv(
            io.BytesIO(block),
            has_header=False,
            new_columns=header,
            columns=[header.index(name) for name in _SCHEMA],
            schema_overrides={name: _SCHEMA.get(name, pl.String) for name in header},
        )
    else:
        table = pl.DataFrame(schema=_SCHEMA)
    wanted = table.select(list(_SCHEMA)).filter(pl.col("metric_name").is_in(list(metrics)))
    words = ("metric_name", "scenario", "endpoint", "phase")  # few distinct: 4 bytes a row instead of a text
    return _with_tags(wanted).with_columns(pl.col(*words).cast(pl.Categorical))


def _with_tags(rows: pl.DataFrame) -> pl.DataFrame:
    """Take endpoint and phase out of ``extra_tags``: few texts are distinct, each is taken apart once."""
    texts = rows.select(pl.col("extra_tags").unique()).with_columns(
        pl.col("extra_tags").str.extract(rf"(?:^|&){TAG_ENDPOINT}=([^&]*)").alias("endpoint"),
        pl.col("extra_tags").str.extract(rf"(?:^|&){TAG_PHASE}=([^&]*)").alias("phase"),
    )
    return rows.join(texts, on="extra_tags", how="left", maintain_order="left", nulls_equal=True).drop(
        "extra_tags"
    )


def _blocks(path: Path) -> Iterator[bytes]:
    """Decompressed blocks that end with a whole line; a last line that was cut off is left out."""
    rest = b""
    pieces: list[bytes] = []
    size = 0
    for piece in _decompressed(path):
        pieces.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            block = b"".join([rest, *pieces])
            cut = block.rfind(b"\n") + 1
            rest, pieces, size = block[cut:], [], 0
            if cut:
                yield block[:cut]
    block = b"".join([rest, *pieces])
    cut = block.rfind(b"\n") + 1
    if cut:
        yield block[:cut]


def _decompressed(path: Path) -> Iterator[bytes]:
    """Everything that a gzip file gives until its end or the place where it was cut off."""
    inflate = zlib.decompressobj(_GZIP)
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            while data:
                piece = inflate.decompress(data)
                if piece:
                    yield piece
                data = inflate.unused_data
                if inflate.eof and data:
                    inflate = zlib.decompressobj(_GZIP)
