"""The archives of a place: list them, find one, read it, add one.

``<suite>/<target>/<YYYY-MM>/<run id>/``, and ``<run id>.2`` where a run was archived again because a
re-execution had changed its files: an archive is written once. The newest generation is the run's archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from perf_pipeline.archive.errors import ArchiveError, MissingError, SourceError
from perf_pipeline.archive.manifest import (
    MANIFEST,
    MANIFEST_HASH,
    FileEntry,
    Manifest,
    hash_file,
    manifest_of,
    one_name,
    read,
    render,
)
from perf_pipeline.archive.place import KeepGoing, Place, Source, always
from perf_pipeline.archive.run_files import RECORD_JSON, read_run_row, sources_of
from perf_pipeline.conventions import REPORT_JSON, RUN_JSON
from perf_pipeline.core.model import RunRecord
from perf_pipeline.report.json_report import ReportError, read_json
from perf_pipeline.store.values import ArchivedRun, StoredRun

LAST = "last"
CANDIDATES_SHOWN = 5
OWNER = ("host", "owner_pid", "owner_started")


@dataclass(frozen=True)
class Archive:
    """One archive of one run. ``folder``: inside the place."""

    folder: str
    manifest: Manifest
    manifest_sha256: str

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    @property
    def generation(self) -> int:
        """1, or the number that the folder's name ends with."""
        return int(self.folder.rpartition("/")[2].removeprefix(self.run_id).removeprefix(".") or 1)

    def as_stored(self) -> ArchivedRun:
        return ArchivedRun(
            run_id=self.run_id,
            place=self.folder,
            manifest_sha256=self.manifest_sha256,
            bytes=self.manifest.bytes,
            archived_at=self.manifest.archived_at,
            pruned_at=None,
            pruned_reason=None,
        )


@dataclass(frozen=True)
class Listing:
    """``archives``: oldest run first, the newest generation of each. ``problems``: what cannot be read."""

    archives: list[Archive]
    problems: list[str]
    earlier: list[Archive]  # earlier generations


def list_archives(place: Place) -> Listing:
    """All archives of a place. Raises PlaceError."""
    found, problems = [], []
    for folder, content in place.manifests():
        try:
            found.append(_archive(place, folder, content))
        except MissingError:
            problems.append(f"{place.where}/{folder} has no {MANIFEST}: it is no archive, or none any more.")
        except ArchiveError as error:
            problems.append(str(error))
    newest: dict[str, Archive] = {}
    for one in sorted(found, key=lambda each: (each.manifest.started_at, each.run_id, each.generation)):
        newest[one.run_id] = one
    counting = list(newest.values())
    return Listing(
        archives=counting,
        problems=sorted(problems),
        earlier=[one for one in found if newest[one.run_id] is not one],
    )


def find_archive(place: Place, name: str) -> Archive:
    """The archive of the run with that id, the only one that begins so, or of the newest run for ``last``.

    Raises ArchiveError, with the candidates.
    """
    listing = list_archives(place)
    there = listing.archives
    if name == LAST and there:
        return there[-1]
    found = [one for one in there if one.run_id == name] or [
        one for one in there if name and one.run_id.startswith(name)
    ]
    if not found:
        unread = f" ({listing.problems[0]})" if listing.problems else ""
        raise ArchiveError(
            f"no archive at {place.where} is of a run '{name}': see `perf-pipeline archive list`{unread}."
        )
    if len(found) > 1:
        names = ", ".join(one.run_id for one in found[:CANDIDATES_SHOWN])
        raise ArchiveError(f"'{name}' is ambiguous, it may be {names}: give more of the id.")
    return found[0]


def read_record(place: Place, archive: Archive) -> RunRecord | None:
    """What was measured; None: nothing was. Raises ArchiveError for one that cannot be read."""
    for name in (RECORD_JSON, REPORT_JSON):
        if name in archive.manifest.files:
            try:
                return read_json(read_file(place, archive, name).decode())
            except (ReportError, UnicodeDecodeError) as error:
                raise ArchiveError(
                    f"{place.where}/{archive.folder}/{name} cannot be read: {error}"
                ) from error
    return None


def read_row(place: Place, archive: Archive) -> dict[str, Any]:
    """The run's row in the store. Raises ArchiveError."""
    return read_run_row(read_file(place, archive, RUN_JSON), f"{place.where}/{archive.folder}")


def read_file(place: Place, archive: Archive, path: str) -> bytes:
    """Raises ArchiveError for a file that is not what was archived, and MissingError."""
    content = place.read(f"{archive.folder}/{path}")
    entry = archive.manifest.files.get(path)
    if entry is None or sha256(content).hexdigest() != entry.sha256:
        raise damaged(archive, f"{path} is not what was archived")
    return content


def damaged(archive: Archive, why: str) -> ArchiveError:
    return ArchiveError(
        f"the archive of run {archive.run_id} is damaged: {why}; take it from a backup "
        f"(`perf-pipeline archive verify {archive.run_id[:8]}` says all that is wrong)."
    )


def add_archive(
    place: Place,
    run: StoredRun,
    *,
    row: dict[str, Any],
    record: RunRecord | None,
    run_folder: Path,
    at: datetime,
    keep_going: KeepGoing = always,
) -> Archive:
    """Archive an ended run; call it under ``place.locked()``.

    Where its archive holds the same files already, that one is returned; where a re-execution has changed
    them, the next generation is written. Raises ArchiveError; nothing is there then that was not before.
    """
    try:
        one_name(run.run_id)
    except ValueError as error:
        raise SourceError(f"{error}, and no archive can be named after it.") from None
    before, folder = _generations(place, run)
    sources = sources_of(run_folder, row, record)
    if before and _is_archived(place, before[-1], row, sources):
        return before[-1]
    written: list[bytes] = []

    def closing(files: dict[str, FileEntry]) -> Sequence[tuple[str, bytes]]:
        written.append(render(manifest_of(run, record, files, at)))
        return [(MANIFEST_HASH, hash_file(written[0])), (MANIFEST, written[0])]

    place.write_folder(folder, sources, closing, keep_going)
    return _archive(place, folder, written[0])


def run_folder_of(archive: Archive) -> str:
    """The folder of the run's first archive, to which later generations add their number."""
    return archive.folder if archive.generation == 1 else archive.folder.rpartition(".")[0]


def _archive(place: Place, folder: str, content: bytes | ArchiveError) -> Archive:
    if isinstance(content, ArchiveError):
        raise content
    manifest = read(content, f"{place.where}/{folder}")
    if not is_named_after(folder, manifest):
        raise ArchiveError(
            f"{place.where}/{folder} holds the manifest of run {manifest.run_id}: put it back "
            "under that name."
        )
    return Archive(folder, manifest, sha256(content).hexdigest())


def is_named_after(folder: str, manifest: Manifest) -> bool:
    """Whether an archive's folder is named after the run in its manifest."""
    rest = folder.rpartition("/")[2].removeprefix(manifest.run_id)
    return rest == "" or (rest[0] == "." and rest[1:].isdecimal())


def _folder(run: StoredRun) -> str:
    month = run.started_at.astimezone(UTC).strftime("%Y-%m")
    return "/".join([quote(run.suite, safe=""), quote(run.target, safe=""), month, run.run_id])


def _generations(place: Place, run: StoredRun) -> tuple[list[Archive], str]:
    """The archives of a run that can be read, oldest first, and the folder for the next one."""
    first, found = _folder(run), []
    folders = sorted(place.generations(first), key=lambda one: _number(one, first))
    for folder in folders:
        with suppress(ArchiveError):  # a damaged one: its number is taken all the same
            found.append(_archive(place, folder, place.read(f"{folder}/{MANIFEST}")))
    return found, f"{first}.{_number(folders[-1], first) + 1}" if folders else first


def _number(folder: str, first: str) -> int:
    return int(folder.removeprefix(f"{first}.")) if folder != first else 1


def _is_archived(place: Place, archive: Archive, row: dict[str, Any], sources: Sequence[Source]) -> bool:
    """Whether it holds these files and this run; which process owned that last does not matter."""
    files = {source.path: _entry(source) for source in sources}
    if {**archive.manifest.files, RUN_JSON: None} != {**files, RUN_JSON: None}:
        return False
    try:
        before = read_row(place, archive)
    except ArchiveError:  # damaged: another one is better than none
        return False
    return {**before, **dict.fromkeys(OWNER)} == {**row, **dict.fromkeys(OWNER)}


def _entry(source: Source) -> FileEntry:
    digest, size = sha256(), 0
    for chunk in source.chunks():
        digest.update(chunk)
        size += len(chunk)
    return FileEntry(sha256=digest.hexdigest(), bytes=size)
