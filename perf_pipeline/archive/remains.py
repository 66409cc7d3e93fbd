"""What stays of a pruned run, some 5 kB: histories and a store that is built again remain complete."""

from __future__ import annotations

import gzip
import json
import zlib

from pydantic import ValidationError

from perf_pipeline.archive.errors import ArchiveError, refuse_other_schema
from perf_pipeline.archive.place import Place
from perf_pipeline.core.model import RunRecord
from perf_pipeline.store.repository import Store
from perf_pipeline.store.rows import RunRows
from perf_pipeline.store.values import ArchivedRun

SUFFIX = ".pruned.json.gz"
SCHEMA = "perf-pipeline/pruned-run"
SCHEMA_VERSION = 1


def what_stays(store: Store, pruned: ArchivedRun) -> bytes:
    """The run as the store has it, whichever version wrote it. Raises StoreError."""
    document = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "run": store.run_row(pruned.run_id),
        "record": store.raw_record(pruned.run_id),
        "archive": pruned.model_dump(mode="json"),
    }
    return gzip.compress(json.dumps(document, ensure_ascii=False).encode(), mtime=0)


def read_pruned(place: Place, path: str) -> RunRows:
    """Raises ArchiveError."""
    try:
        document = json.loads(gzip.decompress(place.read(path)))
        read = document["schema"], document["schema_version"]
        refuse_other_schema(read, (SCHEMA, SCHEMA_VERSION), f"{place.where}/{path}")
        record = document["record"]
        return RunRows(
            run=dict(document["run"]),
            record=RunRecord.model_validate(record) if record else None,
            archive=ArchivedRun.model_validate(document["archive"]),
        )
    except (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error, ValidationError) as error:
        raise ArchiveError(f"{place.where}/{path} cannot be read: take it from a backup.") from error
