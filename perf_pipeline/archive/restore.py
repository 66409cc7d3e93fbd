"""An archive as a folder again, or as one file that can be sent."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from perf_pipeline.archive.archives import Archive, damaged
from perf_pipeline.archive.errors import ArchiveError, MissingError
from perf_pipeline.archive.manifest import MANIFEST, MANIFEST_HASH, hash_file
from perf_pipeline.archive.place import Place

MODE = 0o644


def restore(place: Place, archive: Archive, folder: Path) -> Path:
    """Make ``folder``, which must not be there or be empty, with the files of an archive; returns it.

    Every byte is verified; the folder is there as a whole or not at all. Raises ArchiveError.
    """
    with built(folder) as unfinished:
        fill(place, archive, unfinished)
    return folder


@contextmanager
def built(folder: Path, *, anew: bool = False) -> Iterator[Path]:
    """A folder beside ``folder`` that becomes it when all has gone well.

    ``anew``: it takes the place of one that is there, which else must not be, or be empty. Raises
    ArchiveError.
    """
    if not anew and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArchiveError(
            f"{folder} is there already and is not overwritten: name a new folder, or move it away."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            unfinished = Path(scratch) / folder.name
            unfinished.mkdir()
            yield unfinished
            if folder.exists():
                folder.rename(Path(scratch) / "before")
            unfinished.rename(folder)
    except OSError as error:
        raise ArchiveError(
            f"{folder} cannot be written ({error.strerror or error}): name another folder."
        ) from error


def fill(place: Place, archive: Archive, folder: Path) -> None:
    """Write the files of an archive into an empty folder. Raises ArchiveError and OSError."""
    for path in archive.manifest.files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            copy_file(place, archive, path, file)


def export_name(archive: Archive) -> str:
    """The same archive is always the same file, byte for byte: see ``export``."""
    manifest = archive.manifest
    return f"{manifest.suite}-{manifest.target}-{manifest.started_at:%Y%m%dT%H%M%SZ}-{archive.run_id}.tar"


def export(place: Place, archive: Archive, folder: Path) -> Path:
    """Write an archive, manifest included, as one file into ``folder``; returns it. Raises ArchiveError."""
    target = folder / export_name(archive)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{target.name}.", delete=False) as file:
            partial = Path(file.name)
            try:
                _write_tar(place, archive, file)
                file.flush()
                os.fsync(file.fileno())
                partial.chmod(MODE)
                partial.replace(target)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ArchiveError(
            f"{target} cannot be written ({error.strerror or error}): name another folder."
        ) from error
    return target


def _write_tar(place: Place, archive: Archive, file: IO[bytes]) -> None:
    top = f"{archive.run_id}/"
    manifest = place.read(f"{archive.folder}/{MANIFEST}")
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in ((MANIFEST, manifest), (MANIFEST_HASH, hash_file(manifest))):
            tar.addfile(_member(archive, top + name, len(content)), io.BytesIO(content))
        for path, entry in archive.manifest.files.items():
            with tempfile.TemporaryFile() as verified:
                copy_file(place, archive, path, verified)
                verified.seek(0)
                tar.addfile(_member(archive, top + path, entry.bytes), verified)


def _member(archive: Archive, name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, MODE
    member.mtime = int((archive.manifest.ended_at or archive.manifest.started_at).timestamp())
    return member


def copy_file(place: Place, archive: Archive, path: str, target: IO[bytes]) -> None:
    """Raises ArchiveError for bytes that are not those that were archived."""
    digest = sha256()
    try:
        for chunk in place.chunks(f"{archive.folder}/{path}"):
            digest.update(chunk)
            target.write(chunk)
    except MissingError as error:
        raise damaged(archive, str(error).rstrip(".")) from None
    if digest.hexdigest() != archive.manifest.files[path].sha256:
        raise damaged(archive, f"{path} is not what was archived")
