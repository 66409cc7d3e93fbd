"""What the store alone knows, kept beside the archives: baselines, decisions, deploys, pauses, notices.

``journal/<time>-<hash>.json.gz`` holds all of it, written anew whenever something has changed; the newest few
are kept. Runs that have ended and could not be archived yet are in it, too.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from perf_pipeline.archive.errors import ArchiveError
from perf_pipeline.archive.place import Place
from perf_pipeline.store.automation_tables import DeployWatchRow
from perf_pipeline.store.repository import Store
from perf_pipeline.store.rows import JsonRow

FOLDER = "journal"
SCHEMA = "perf-pipeline/journal"
SCHEMA_VERSION = 1
KEPT = 5  # the newest ones
SUFFIX = ".json.gz"
HASH_LENGTH = 16
ROW, RECORD = "row", "record"
# Changes with every look at a target. It is kept, but that it has changed is no reason to write.
RESTLESS = DeployWatchRow.__tablename__


@dataclass(frozen=True)
class Journal:
    """``tables``: see ``Store.rows_beside_runs``. ``unarchived``: row and record of each such run."""

    tables: Mapping[str, list[JsonRow]]
    unarchived: list[dict[str, Any]]


def write_journal(place: Place, store: Store, at: datetime) -> str | None:
    """Returns the path of the new journal; None: nothing has changed. Raises ArchiveError and StoreError."""
    tables = store.rows_beside_runs()
    unarchived = [_unarchived(store, run.run_id, run.measured) for run in store.to_archive()]
    content = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "unarchived": unarchived, "tables": tables}
    lasting = {**content, "tables": {name: rows for name, rows in tables.items() if name != RESTLESS}}
    name = sha256(_text(lasting)).hexdigest()[:HASH_LENGTH]
    before = _names(place)
    if before and before[-1].removesuffix(SUFFIX).endswith(name):
        return None
    path = f"{FOLDER}/{at:%Y%m%dT%H%M%S.%f}Z-{name}{SUFFIX}"
    place.write(path, gzip.compress(_text(content), mtime=0))
    for old in before[: -(KEPT - 1)]:
        place.remove(f"{FOLDER}/{old}")
    return path


def read_journal(place: Place) -> Journal | None:
    """The newest that can be read; None: there is none. Raises ArchiveError when none can be read."""
    problems = []
    for name in reversed(_names(place)):
        try:
            return _journal(json.loads(gzip.decompress(place.read(f"{FOLDER}/{name}"))))
        except (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error) as error:
            problems.append(f"{place.where}/{FOLDER}/{name} cannot be read ({error})")
    if problems:
        raise ArchiveError("; ".join(problems) + ": take one from a backup.")
    return None


def _journal(document: dict[str, Any]) -> Journal:
    if document["schema"] != SCHEMA or document["schema_version"] != SCHEMA_VERSION:
        raise ArchiveError(
            f"the journal is {document['schema']} version {document['schema_version']}, this program reads "
            f"{SCHEMA} version {SCHEMA_VERSION}: use the perf-pipeline that wrote it."
        )
    return Journal(tables=dict(document["tables"]), unarchived=list(document["unarchived"]))


def _unarchived(store: Store, run_id: str, measured: bool) -> dict[str, Any]:
    record = store.record(run_id).model_dump(mode="json") if measured else None
    return {ROW: store.run_row(run_id), RECORD: record}


def _names(place: Place) -> list[str]:
    return [name for name in place.names(FOLDER) if name.endswith(SUFFIX)]


def _text(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
