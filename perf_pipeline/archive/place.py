"""Where archives are kept: a folder of this machine, or anything that fsspec has a URL for.

All paths are relative to the place, with slashes. Three things hold at every place: a folder that counts (one
with a manifest) is complete, a folder that counts is never written to again, a file is there whole or not at
all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from perf_pipeline.archive.errors import ArchiveError, SourceError, StoppedError
from perf_pipeline.archive.manifest import FileEntry
from perf_pipeline.conventions import ENV_ARCHIVE

Closing = Callable[[dict[str, FileEntry]], Sequence[tuple[str, bytes]]]
"""Files that were written -> name and content of those that close the folder, the manifest last."""
KeepGoing = Callable[[], bool]
"""Asked before each file; False: give it up."""


CHUNK = 1 << 20


def always() -> bool:
    """Whatever happens."""
    return True


def go_on(folder: str, keep_going: KeepGoing) -> None:
    """Raises StoppedError when it is to be given up."""
    if not keep_going():
        raise StoppedError(f"archiving to {folder} was given up for now.")


@dataclass(frozen=True)
class Source:
    """One file to archive: from a file of the run's folder, or from memory."""

    path: str  # inside the archive
    file: Path | None = None
    content: bytes = b""
    frozen: bool = False  # nobody writes to it again: a local archive may share it instead of copying it

    def chunks(self) -> Iterator[bytes]:
        """Its content, piece by piece. Raises SourceError."""
        if self.file is None:
            yield self.content
            return
        try:
            with self.file.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        except OSError as error:
            raise SourceError(
                f"{self.file} cannot be read ({error.strerror or error}), and without it the archive would "
                "not be whole: see to it, the run is archived then."
            ) from error


class Place(Protocol):
    """All methods raise PlaceError when the place does not work."""

    where: str  # for people: no password in it

    def manifests(self) -> Iterator[tuple[str, bytes]]:
        """Folder and manifest of every archive, in no order."""

    def read(self, path: str) -> bytes:
        """Raises MissingError."""

    def opened(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file to read from. Raises MissingError."""

    def files(self, folder: str) -> dict[str, int]:
        """Path inside the folder -> bytes, of all files, at any depth; empty: there is no such folder."""

    def find(self, suffix: str) -> list[str]:
        """Paths of the files beside the archives' folders, in the months, whose names end so."""

    def names(self, folder: str) -> list[str]:
        """Names of the files in one folder, sorted; empty: there is no such folder."""

    def write_folder(
        self, folder: str, sources: Sequence[Source], closing: Closing, keep_going: KeepGoing = always
    ) -> None:
        """Raises StoppedError, and SourceError for what cannot be read; the folder is not there then."""

    def write(self, path: str, content: bytes) -> None:
        """Write one file beside the archives, whole or not at all."""

    def remove_folder(self, folder: str) -> None:
        """It counts no longer from the first moment on."""

    def remove(self, path: str) -> None:
        """A file that is not there is no error."""

    def locked(self) -> AbstractContextManager[None]:
        """One writer at a time, where the place can see to that; what a killed one left is removed then."""

    def sweep(self, before: datetime) -> None:
        """Remove what killed writers left before that time, where ``locked`` cannot know."""


def open_place(url: str) -> Place:
    """The place of a URL or a path. Raises ArchiveError for what cannot be one."""
    from perf_pipeline.archive.local import LocalPlace  # noqa: PLC0415 - they import this module

    parts = urlsplit(url)
    if "@" in parts.netloc or parts.username or parts.password:
        raise ArchiveError(
            f"{ENV_ARCHIVE} has a user or a password in it: take it out, credentials come from the "
            "environment (for s3:// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile)."
        )
    if "://" not in url:
        return LocalPlace(Path(url))
    if parts.scheme in ("file", "local"):
        return LocalPlace(Path(url.split("://", 1)[1]))

    from perf_pipeline.archive.remote import RemotePlace  # noqa: PLC0415 - fsspec is slow to import

    return RemotePlace(url)
