"""Removes archives that no policy keeps, and the run folders that they were made from.

What stays of a pruned run is the store's part of it, some 10 kB: histories and a store that is built again
remain complete.
"""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from perf_pipeline.archive.archives import Archive, Listing, list_archives, run_folder_of
from perf_pipeline.archive.errors import ArchiveError
from perf_pipeline.archive.place import Place
from perf_pipeline.archive.sweeping import ELSEWHERE_GIVEN_UP, run_folder
from perf_pipeline.core.model import RunRecord
from perf_pipeline.core.retention import Candidate, Expired, expired
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store
from perf_pipeline.store.rows import RunRows
from perf_pipeline.store.values import ArchivedRun
from perf_pipeline.suite import ArchivePolicy

SUFFIX = ".pruned.json.gz"
SCHEMA = "perf-pipeline/pruned-run"
SCHEMA_VERSION = 1


@dataclass
class Pruned:
    """``kept``: one sentence for each kind of archive that is kept beyond what the policies ask for."""

    runs: list[Expired] = field(default_factory=list)
    bytes: int = 0  # of the archives that went
    left: int = 0  # archives that stay
    kept: list[str] = field(default_factory=list)


def prune(
    place: Place,
    store: Store,
    project: Project,
    policies: Mapping[str, ArchivePolicy],
    now: datetime,
    *,
    dry_run: bool = False,
) -> Pruned:
    """``policies``: by suite. With ``dry_run`` nothing is removed. Raises ArchiveError and StoreError.

    Killed in the middle it goes on the next time: the store knows first that a run is pruned.
    """
    if dry_run:
        return _plan(list_archives(place), store, policies, now)[0]
    with place.locked():
        place.sweep(now - ELSEWHERE_GIVEN_UP)
        listing = list_archives(place)
        result, going = _plan(listing, store, policies, now)
        removed = []
        for one in result.runs:
            pruned = store.mark_pruned(one.run_id, reason=one.why, at=now)
            if pruned is not None:  # a person may have accepted it meanwhile
                _remove(place, store, project, going[one.run_id], pruned, listing)
                removed.append(one)
        result.left += len(result.runs) - len(removed)
        result.runs = removed
        result.bytes = sum(going[one.run_id].manifest.bytes for one in removed)
    return result


def read_pruned(place: Place, path: str) -> RunRows:
    """What is left of a pruned run. Raises ArchiveError."""
    try:
        document = json.loads(gzip.decompress(place.read(path)))
        if document["schema"] != SCHEMA or document["schema_version"] != SCHEMA_VERSION:
            raise ArchiveError(
                f"{place.where}/{path} is {document['schema']} version {document['schema_version']}, this "
                f"program reads {SCHEMA} version {SCHEMA_VERSION}: use the perf-pipeline that wrote it."
            )
        record = document["record"]
        return RunRows(
            run=document["run"],
            record=RunRecord.model_validate(record) if record else None,
            archive=ArchivedRun.model_validate(document["archive"]),
        )
    except (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error, ValidationError) as error:
        raise ArchiveError(f"{place.where}/{path} cannot be read: take it from a backup.") from error


def _plan(
    listing: Listing, store: Store, policies: Mapping[str, ArchivePolicy], now: datetime
) -> tuple[Pruned, dict[str, Archive]]:
    """What is to go and what is said of the rest; the archives by run."""
    stored, protected = store.archives(), store.protected_runs()
    by_run = {one.run_id: one for one in listing.archives}
    # Without its row the store cannot tell whether a run is in a baseline.
    known = [one for one in listing.archives if one.run_id in stored]
    begun = [
        Expired(one.run_id, known_as.pruned_reason or "")
        for one in known
        if (known_as := stored[one.run_id]).pruned_at is not None
    ]
    candidates = [_candidate(one) for one in known if stored[one.run_id].pruned_at is None]
    going = [*begun, *expired(candidates, policies, protected=protected, now=now)]
    would = expired(candidates, policies, protected=(), now=now)
    result = Pruned(
        runs=going,
        bytes=sum(by_run[one.run_id].manifest.bytes for one in going),
        left=len(listing.archives) - len(going),
        kept=_kept(listing, len(known), sum(one.run_id in protected for one in would), policies),
    )
    return result, by_run


def _kept(listing: Listing, known: int, protected: int, policies: Mapping[str, ArchivePolicy]) -> list[str]:
    said = []
    if protected:
        said.append(
            f"{protected} would go by age or number, but are in a baseline or were judged with such a run"
        )
    unknown = len(listing.archives) - known
    if unknown:
        said.append(
            f"{unknown} are not known to this store, which cannot tell whether they are in a baseline: "
            "`perf-pipeline archive rebuild-store` makes one that can"
        )
    strange = sorted({one.manifest.suite for one in listing.archives} - {*policies})
    if strange:
        said.append(f"those of {', '.join(strange)}, which no suite file says how long to keep")
    return [*said, *listing.problems]


def _candidate(archive: Archive) -> Candidate:
    manifest = archive.manifest
    return Candidate(manifest.run_id, manifest.suite, manifest.target, manifest.started_at)


def _remove(  # noqa: PLR0917 - of one caller
    place: Place, store: Store, project: Project, archive: Archive, pruned: ArchivedRun, listing: Listing
) -> None:
    run = store.find_run(archive.run_id)
    place.write(run_folder_of(archive) + SUFFIX, _what_stays(store, pruned, run.measured))
    shutil.rmtree(run_folder(project, run), ignore_errors=True)  # first: an archive that stays is seen again
    for one in [*listing.earlier, archive]:
        if one.run_id == run.run_id:
            place.remove_folder(one.folder)


def _what_stays(store: Store, pruned: ArchivedRun, measured: bool) -> bytes:
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "run": store.run_row(pruned.run_id),
        "record": store.record(pruned.run_id).model_dump(mode="json") if measured else None,
        "archive": pruned.model_dump(mode="json"),
    }
    return gzip.compress(json.dumps(document, ensure_ascii=False).encode(), mtime=0)
