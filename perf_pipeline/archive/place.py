"""Where archives are kept: a folder of this machine, or anything that fsspec has a URL for.

All paths are relative to the place, with slashes. Three things hold at every place: a folder that counts (one
with a manifest) is complete, a folder that counts is never written to again, a file is there whole or not at
all.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from perf_pipeline.archive.errors import ArchiveError, SourceError, StoppedError
from perf_pipeline.archive.manifest import FileEntry
from perf_pipeline.conventions import ENV_ARCHIVE
from perf_pipeline.project import Project

Closing = Callable[[dict[str, FileEntry]], Sequence[tuple[str, bytes]]]
"""Files that were written -> name and content of those that close the folder, the manifest last."""
KeepGoing = Callable[[], bool]
"""Asked before each file; False: give it up."""


CHUNK = 1 << 20
MONTH = re.compile(r"\d{4}-\d{2}")  # name of the folders, at the third level, that hold archives


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
    mark: str  # name of a file that a writer may have left in a folder, and that is no part of the archive

    def manifests(self) -> Iterator[tuple[str, bytes | ArchiveError]]:
        """Every folder of a run and its manifest, or why that cannot be read, in no order.

        What is being written or removed at this moment is left out.
        """

    def generations(self, folder: str) -> list[str]:
        """Those of ``folder``, ``folder.2``, ``folder.3`` ... that are there and not being written."""

    def read(self, path: str) -> bytes:
        """Raises MissingError, and ArchiveError for one file that cannot be read."""

    def chunks(self, path: str) -> Iterator[bytes]:
        """A file, piece by piece. Raises as ``read`` does."""

    def files(self, folder: str) -> dict[str, int]:
        """Path inside the folder -> bytes, of all files, at any depth; empty: there is no such folder."""

    def find(self, suffix: str) -> list[str]:
        """Paths of the files beside the archives' folders, in the months, whose names end so."""

    def write_folder(
        self, folder: str, sources: Sequence[Source], closing: Closing, keep_going: KeepGoing = always
    ) -> None:
        """Call it under ``locked``. The folder is there as a whole, or does not count.

        Raises StoppedError, SourceError for what cannot be read, OccupiedError when another host writes it.
        """

    def write(self, path: str, content: bytes) -> None:
        """Write one file beside the archives, whole or not at all."""

    def remove_folder(self, folder: str) -> None:
        """It counts no longer from the first moment on."""

    def remove(self, path: str) -> None:
        """A file that is not there is no error."""

    def locked(self) -> AbstractContextManager[None]:
        """One writer of this host at a time. Raises OccupiedError when another one takes long."""

    def sweep(self, before: datetime) -> None:
        """Remove what writers that were killed have left before that time, and nothing else."""


def place_of(project: Project) -> Place:
    """Where the project's archives are. Raises ArchiveError for what cannot be a place."""
    return open_place(project.archive_url, project.home)


def open_place(url: str, locks: Path | None = None) -> Place:
    """The place of a URL or a path. Raises ArchiveError for what cannot be one.

    ``locks``: folder for the lock that keeps this machine's writers to a URL apart.
    """
    from perf_pipeline.archive.local import LocalPlace  # noqa: PLC0415 - they import this module

    parts = urlsplit(url)
    if "://" in url and (parts.query or parts.fragment):
        raise ArchiveError(
            f"{ENV_ARCHIVE} has a query or a fragment in its URL, and whatever is in it, such as a "
            "signature, would be in messages: take it out, credentials come from the environment."
        )
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

    return RemotePlace(url, locks or Path(tempfile.gettempdir()))
