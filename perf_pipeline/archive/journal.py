"""What the store alone knows, kept beside the archives: baselines, decisions, deploys, pauses, notices.

``journal/<store>/<time>-<hash>.json.gz`` holds all of it, written anew whenever something has changed; the
newest few of each store are kept. Runs that have ended and could not be archived yet are in it, too. A store
writes and removes its own journals only: those of a lost store outlive the empty one in its place.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from perf_pipeline.archive.errors import ArchiveError, OtherStoreError, PlaceError, refuse_other_schema
from perf_pipeline.archive.place import Place
from perf_pipeline.store.automation_tables import DeployWatchRow, NoticeRow
from perf_pipeline.store.repository import Store
from perf_pipeline.store.rows import JsonRow

FOLDER = "journal"
SCHEMA = "perf-pipeline/journal"
SCHEMA_VERSION = 1
KEPT = 5  # the newest ones of a store
SUFFIX = ".json.gz"
HASH_LENGTH = 16
ROW, RECORD = "row", "record"
LAST = "last"  # the newest journal, whichever store wrote it
# Changes with every look at a target. It is kept, but that it has changed is no reason to write.
RESTLESS = DeployWatchRow.__tablename__
# An empty store gets these by itself.
NO_CONTENT = {RESTLESS, NoticeRow.__tablename__}


@dataclass(frozen=True)
class Journal:
    """``tables``: see ``Store.rows_beside_runs``. ``unarchived``: row and record of each such run."""

    path: str
    tables: Mapping[str, list[JsonRow]]
    unarchived: list[dict[str, Any]]

    @property
    def store(self) -> str:
        return _store_of(self.path)

    @property
    def has_content(self) -> bool:
        """Whether something would be lost without it."""
        return bool(self.unarchived) or any(
            rows for name, rows in self.tables.items() if name not in NO_CONTENT
        )


def write_journal(place: Place, store: Store, at: datetime) -> str | None:
    """Returns the path of the new journal; None: nothing has changed.

    Raises OtherStoreError when the archive is another store's, ArchiveError and StoreError.
    """
    tables = store.rows_beside_runs()
    # As it is, whichever version wrote it: what cannot be read here must not be lost either.
    unarchived = [
        {ROW: store.run_row(run_id), RECORD: store.raw_record(run_id)} for run_id in store.unarchived_ids()
    ]
    content = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "unarchived": unarchived, "tables": tables}
    name, mine = _hash(content), f"{FOLDER}/{store.store_id()}/"
    there = paths(place)
    before = [path for path in there if path.startswith(mine)]
    if there and not before:
        _refuse_stranger(place, store)
    if before and before[-1].removesuffix(SUFFIX).endswith(name):
        return None
    path = f"{mine}{at:%Y%m%dT%H%M%S.%f}Z-{name}{SUFFIX}"
    place.write(path, gzip.compress(_text(content), mtime=0))
    for old in before[: -(KEPT - 1)]:
        place.remove(old)
    return path


def paths(place: Place) -> list[str]:
    """All journals, the oldest first. Raises PlaceError."""
    found = [path for path in place.files(FOLDER) if path.count("/") == 1 and path.endswith(SUFFIX)]
    visible = [path for path in found if not path.rpartition("/")[2].startswith(".")]
    return [f"{FOLDER}/{path}" for path in sorted(visible, key=lambda path: path.rpartition("/")[2])]


def read_one(place: Place, path: str) -> Journal:
    """Raises ArchiveError for one that is not what was written."""
    try:
        document = json.loads(gzip.decompress(place.read(path)))
        read = document["schema"], document["schema_version"]
        refuse_other_schema(read, (SCHEMA, SCHEMA_VERSION), f"{place.where}/{path}")
        found = Journal(path, tables=dict(document["tables"]), unarchived=list(document["unarchived"]))
        if not path.removesuffix(SUFFIX).endswith(_hash(document)):
            raise ArchiveError(f"{place.where}/{path} was changed: its content has another hash.")
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zlib.error) as error:
        raise ArchiveError(f"{place.where}/{path} cannot be read: take it from a backup.") from error
    return found


def choose_journal(place: Place, of: str | None = None) -> tuple[Journal | None, list[str]]:
    """The journal to make a store from, and one sentence for each newer one that cannot be read.

    ``of``: the begin of its store's id, or ``last``; None: the only store that has something to say. Raises
    ArchiveError when there are several, and when none can be read.
    """
    newest, problems = _newest_of_each(place)
    if not newest and problems:
        raise ArchiveError(" ".join(problems))
    with_content = [one for one in newest if one.has_content] or newest
    if of in (None, LAST):
        if of is None and len(with_content) > 1:
            raise ArchiveError(f"several stores have journals at {place.where}: {_listed(with_content)}.")
        return (with_content[-1] if with_content else None), problems
    named = [one for one in newest if of and one.store.startswith(of)]
    if len(named) != 1:
        raise ArchiveError(
            f"no journal at {place.where} is of a store '{of}', or several are: {_listed(newest)}."
        )
    return named[0], [problem for problem in problems if named[0].store in problem]


def _newest_of_each(place: Place) -> tuple[list[Journal], list[str]]:
    """The newest that can be read, of each store; the newest of all last."""
    found: dict[str, Journal] = {}
    problems = []
    for path in reversed(paths(place)):
        if _store_of(path) in found:
            continue
        try:
            found[_store_of(path)] = read_one(place, path)
        except PlaceError:
            raise
        except ArchiveError as error:
            problems.append(f"{error} What it says beyond an older one is not known.")
    return list(found.values())[::-1], problems


def _refuse_stranger(place: Place, store: Store) -> None:
    """Raises OtherStoreError when the journals at the place are of others, and so are all archives."""
    mine = {one.place for one in store.archives().values()}
    if mine.isdisjoint(folder for folder, _ in place.manifests()):
        raise OtherStoreError(
            f"the archive at {place.where} is of another store than {store.where}, which knows none of its "
            "runs: if that one was lost, `perf-pipeline archive rebuild-store` makes it again; nothing of it "
            "is overwritten."
        )


def _listed(journals: Sequence[Journal]) -> str:
    each = [f"--journal {one.store[:8]} ({_time_of(one.path)})" for one in reversed(journals)]
    return f"say which, {' or '.join(each)}"


def _store_of(path: str) -> str:
    return path.split("/")[1]


def _time_of(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _hash(content: Mapping[str, Any]) -> str:
    tables = {name: rows for name, rows in content["tables"].items() if name != RESTLESS}
    return sha256(_text({**content, "tables": tables})).hexdigest()[:HASH_LENGTH]


def _text(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
