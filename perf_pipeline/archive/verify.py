"""Whether archives are still what was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from perf_pipeline.archive import journal
from perf_pipeline.archive.archives import Archive, is_named_after
from perf_pipeline.archive.errors import ArchiveError, MissingError, PlaceError
from perf_pipeline.archive.manifest import MANIFEST, MANIFEST_HASH, FileEntry, Manifest, hash_file, read
from perf_pipeline.archive.place import Place
from perf_pipeline.archive.remains import SUFFIX, read_pruned
from perf_pipeline.store.values import ArchivedRun


@dataclass(frozen=True)
class Verified:
    """``problems``: one sentence for each file that is not what was written; empty: all are."""

    folder: str  # or file, of what is kept beside the archives
    files: int
    bytes: int
    problems: list[str]


def verify_folder(place: Place, folder: str, stored: ArchivedRun | None = None) -> Verified:
    """Read every byte of an archive. ``stored``: what the store remembers of it. Raises PlaceError."""
    where = f"{place.where}/{folder}"
    try:
        content = place.read(f"{folder}/{MANIFEST}")
    except PlaceError:
        raise
    except MissingError:
        return Verified(folder, 0, 0, [f"{where}/{MANIFEST} is missing."])
    except ArchiveError as error:
        return Verified(folder, 0, 0, [str(error)])
    problems = _of_manifest(place, folder, content, stored)
    try:
        manifest = read(content, where)
    except ArchiveError:
        why = (
            "it cannot be read, and the other files of the archive were not verified"
            if problems
            else "as it was written, but not for this version: use the newer perf-pipeline that wrote it"
        )
        return Verified(folder, 0, 0, [*problems, f"{where}/{MANIFEST}: {why}."])
    if not is_named_after(folder, manifest):
        problems.append(
            f"{where}/{MANIFEST} is of run {manifest.run_id}, after which the folder is not named."
        )
    there = place.files(folder)
    for path, entry in manifest.files.items():
        problems += _of_file(place, folder, path, entry)
    known = {*manifest.files, MANIFEST, MANIFEST_HASH, place.mark}
    problems += [f"{where}/{_shown(path)} is in no manifest." for path in there if path not in known]
    return Verified(folder, len(manifest.files) + 2, _size(manifest, content), problems)


def verify_archive(place: Place, archive: Archive, stored: ArchivedRun | None = None) -> Verified:
    """See ``verify_folder``."""
    of_this = stored if stored is not None and stored.place == archive.folder else None
    return verify_folder(place, archive.folder, of_this)


def verify_all(place: Place, stored: dict[str, ArchivedRun]) -> list[Verified]:
    """Every archive of a place, earlier generations too, and those that the store knows and that are gone.

    ``stored``: see ``Store.archives``. Raises PlaceError.
    """
    there = {folder for folder, _ in place.manifests()}
    by_place = {one.place: one for one in stored.values() if one.pruned_at is None}
    return [verify_folder(place, folder, by_place.get(folder)) for folder in sorted(there | {*by_place})]


def verify_beside(place: Place) -> list[Verified]:
    """The journals, and what is left of pruned runs. Raises PlaceError."""
    found = [_beside(place, path, journal.read_one) for path in journal.paths(place)]
    return found + [_beside(place, path, read_pruned) for path in place.find(SUFFIX)]


def _beside(place: Place, path: str, reader: Callable[[Place, str], object]) -> Verified:
    problems, size = [], 0
    try:
        size = len(place.read(path))
        reader(place, path)
    except PlaceError:
        raise
    except ArchiveError as error:
        problems.append(str(error))
    return Verified(path, 1, size, problems)


def _of_manifest(place: Place, folder: str, content: bytes, stored: ArchivedRun | None) -> list[str]:
    where = f"{place.where}/{folder}"
    try:
        said = place.read(f"{folder}/{MANIFEST_HASH}")
    except PlaceError:
        raise
    except MissingError:
        return [f"{where}/{MANIFEST_HASH} is missing."]
    except ArchiveError as error:
        return [str(error)]
    problems = []
    if said != hash_file(content):
        problems.append(f"{where}/{MANIFEST} and {MANIFEST_HASH} do not agree: one of them was changed.")
    if stored is not None and sha256(content).hexdigest() != stored.manifest_sha256:
        problems.append(f"{where}/{MANIFEST} is not the one that the store remembers: it was changed.")
    return problems


def _of_file(place: Place, folder: str, path: str, entry: FileEntry) -> list[str]:
    where = f"{place.where}/{folder}/{path}"
    digest, size = sha256(), 0
    try:
        for chunk in place.chunks(f"{folder}/{path}"):
            digest.update(chunk)
            size += len(chunk)
    except PlaceError:
        raise
    except MissingError:
        return [f"{where} is missing."]
    except ArchiveError as error:
        return [str(error)]
    if size != entry.bytes:
        return [f"{where} has {size:,} bytes, {entry.bytes:,} were written."]
    if digest.hexdigest() != entry.sha256:
        return [f"{where} was changed: its bytes have another hash than those that were written."]
    return []


def _size(manifest: Manifest, content: bytes) -> int:
    return manifest.bytes + len(content) + len(hash_file(content))


def _shown(path: str) -> str:
    """A name that is no text can be printed like that, too."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
