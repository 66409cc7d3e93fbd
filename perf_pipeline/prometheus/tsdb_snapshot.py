"""A run's own Prometheus as files: the blocks of a snapshot that hold the time of the run.

Prometheus makes a snapshot of everything it holds, 30 days of it: blocks on disk as hard links, which cost
nothing, and what is still in memory as a new block. Of these only the blocks that overlap the run are kept.
The newest block may hold other runs of the same hours; a query with the run's id tells them apart.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from pydantic import Field, TypeAdapter, ValidationError

from perf_pipeline.conventions import TSDB_FOLDER, TSDB_INFO
from perf_pipeline.core.frozen import Frozen
from perf_pipeline.files import write_whole
from perf_pipeline.prometheus.queries import RunQueries

# Half a second with forty runs in memory (benchmarks/run_folder); a run that is cancelled must not hang.
TIMEOUT = httpx.Timeout(15.0, connect=1.0)
SNAPSHOTS = "snapshots"  # in Prometheus' data folder, where it puts them

_NEW = f".{TSDB_FOLDER}-new"


class TsdbSnapshotError(Exception):
    """There is no snapshot; the text is a clause that says why."""


class Block(Frozen):
    """A stretch of time in Prometheus' database; both ends in Unix milliseconds, the second excluded."""

    ulid: str
    min_unix_ms: int
    max_unix_ms: int
    series: int
    samples: int
    size_bytes: int


class TsdbInfo(Frozen):
    """``tsdb.json``: what the blocks are, and what to ask them, for readers that know nothing else."""

    run_id: str
    suite: str
    started_at: datetime
    ended_at: datetime  # the moment to ask for
    p50_s: str  # PromQL; the answers carry the label endpoint, in seconds
    p95_s: str
    prometheus_version: str  # that wrote the blocks
    enable_feature: str = "native-histograms"  # what one that reads them needs to be started with
    blocks: list[Block]
    took_s: float

    @property
    def size_bytes(self) -> int:
        return sum(block.size_bytes for block in self.blocks)


@dataclass(frozen=True)
class Wanted:
    """The run that a snapshot is for."""

    run_id: str
    suite: str
    metrics: Sequence[str]  # the k6 Trends of its endpoints
    started_at: datetime
    ended_at: datetime
    prometheus_version: str


class _Stats(Frozen, extra="ignore"):
    numSamples: int = 0  # noqa: N815 - as Prometheus writes it; absent where it counts none
    numSeries: int = 0  # noqa: N815


class _Meta(Frozen, extra="ignore"):
    ulid: str
    minTime: int  # noqa: N815
    maxTime: int  # noqa: N815
    stats: _Stats = _Stats()


class _Answer(Frozen, extra="ignore"):
    status: str = ""
    data: dict[str, str] = Field(default_factory=dict)
    error: str = ""


_META = TypeAdapter(_Meta)
_ANSWER = TypeAdapter(_Answer)


def take_tsdb_snapshot(url: str, *, data: Path, run_folder: Path, wanted: Wanted) -> TsdbInfo:
    """Keep the run's blocks as ``tsdb/`` in its folder, and what they are as ``tsdb.json`` beside it.

    ``url`` and ``data``: of the run's own Prometheus, whose ``snapshots`` folder is nobody else's: what a
    process that was killed left there is removed. One that the run folder had before is replaced. Raises
    TsdbSnapshotError or OSError; nothing but the earlier one is there then.
    """
    started = time.monotonic()
    shutil.rmtree(data / SNAPSHOTS, ignore_errors=True)
    try:
        snapshot = data / SNAPSHOTS / _ask(url)
        blocks = _overlapping(snapshot, wanted)
        if not blocks:
            raise TsdbSnapshotError("Prometheus holds nothing of the time of this run")
        _move(snapshot, blocks, run_folder)
    finally:
        shutil.rmtree(data / SNAPSHOTS, ignore_errors=True)
    queries = RunQueries(wanted.run_id, wanted.metrics)
    info = TsdbInfo(
        run_id=wanted.run_id,
        suite=wanted.suite,
        started_at=wanted.started_at,
        ended_at=wanted.ended_at,
        p50_s=queries.quantile_s(0.5),
        p95_s=queries.quantile_s(0.95),
        prometheus_version=wanted.prometheus_version,
        blocks=blocks,
        took_s=round(time.monotonic() - started, 3),
    )
    write_whole(run_folder / TSDB_INFO, info.model_dump_json(indent=1) + "\n")
    return info


def _ask(url: str) -> str:
    """Name of a new snapshot's folder."""
    try:
        # trust_env off: a proxy of the environment has no business between us and Prometheus.
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            said = client.post(f"{url.rstrip('/')}/api/v1/admin/tsdb/snapshot")
        answer = _ANSWER.validate_json(said.content)
    except httpx.TimeoutException:
        raise TsdbSnapshotError(f"Prometheus at {url} made no snapshot in time") from None
    except httpx.HTTPError as error:
        raise TsdbSnapshotError(
            f"Prometheus at {url} did not answer ({str(error) or type(error).__name__})"
        ) from None
    except ValidationError:
        raise TsdbSnapshotError(f"{url} does not answer as Prometheus does") from None
    name = answer.data.get("name", "")
    if answer.status != "success" or not name or Path(name).name != name:
        raise TsdbSnapshotError(f"Prometheus at {url} made no snapshot ({answer.error or 'it names none'})")
    return name


def _overlapping(snapshot: Path, wanted: Wanted) -> list[Block]:
    """Oldest first."""
    start_ms, end_ms = wanted.started_at.timestamp() * 1000, wanted.ended_at.timestamp() * 1000
    found = []
    for file in sorted(snapshot.glob("*/meta.json")):
        try:
            meta = _META.validate_json(file.read_bytes())
        except ValidationError:
            raise TsdbSnapshotError(f"block {file.parent.name} of the snapshot cannot be read") from None
        if meta.minTime <= end_ms and meta.maxTime > start_ms:
            found.append(
                Block(
                    ulid=meta.ulid,
                    min_unix_ms=meta.minTime,
                    max_unix_ms=meta.maxTime,
                    series=meta.stats.numSeries,
                    samples=meta.stats.numSamples,
                    size_bytes=_size(file.parent),
                )
            )
    return sorted(found, key=lambda block: block.min_unix_ms)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _move(snapshot: Path, blocks: Sequence[Block], run_folder: Path) -> None:
    """The folder is there as a whole or not at all."""
    new, place = run_folder / _NEW, run_folder / TSDB_FOLDER
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir(parents=True)
        for block in blocks:
            shutil.move(snapshot / block.ulid, new / block.ulid)  # a copy where it is another file system
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def read_tsdb_info(run_folder: Path) -> TsdbInfo:
    """Raises FileNotFoundError when the folder has no snapshot, ValueError when what it says is damaged."""
    return TsdbInfo.model_validate(json.loads((run_folder / TSDB_INFO).read_text(encoding="utf-8")))
