"""Archives on anything that fsspec has a URL for, above all S3.

There is no rename there. A folder is uploaded under its final name, the manifest last: **an archive without a
manifest does not exist**. A single object appears whole or not at all.

Others may keep their data there too. Before anything else a writer puts a mark into the folder, and only a
folder with such a mark and without a manifest is ever removed: by the writer's own machine when it archives
the run again, by others when nothing was written to it for a day. One machine's writers are kept apart by a
lock. Of two machines that begin the same run in the same moment the one whose mark is overwritten gives it
up: it looks before each file, and at all of them before the manifest.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from perf_pipeline.archive.errors import ArchiveError, MissingError, OccupiedError, PlaceError
from perf_pipeline.archive.locking import only_writer
from perf_pipeline.archive.manifest import MANIFEST
from perf_pipeline.archive.place import Closing, KeepGoing, Source, always, go_on
from perf_pipeline.archive.storage import Storage, said

WRITING = ".perf-pipeline-writing"  # first object of a folder that is being written, last one of its removal
GIVEN_UP = timedelta(days=1)  # after which a writer on another machine is taken for dead


class RemotePlace(Storage):
    """See ``Place``; ``locks``: folder of this machine. Raises ArchiveError for a URL that cannot be used."""

    def __init__(self, url: str, locks: Path) -> None:
        super().__init__(url)
        self.mark = WRITING
        self._lock = locks.absolute() / f".archive-{sha256(self.where.encode()).hexdigest()[:16]}.lock"
        self._writer = f"{socket.gethostname()}:{self._lock}"  # whoever has the lock is alone under that name

    def manifests(self) -> Iterator[tuple[str, bytes | ArchiveError]]:
        for folder, content in self._contents():
            if isinstance(content, bytes):
                yield folder, content
            elif not isinstance(content, FileNotFoundError):
                why = said(content)
                yield folder, ArchiveError(f"{self.where}/{folder}/{MANIFEST} cannot be read ({why}).")
            elif _counts(self.files(folder)):
                yield folder, MissingError(f"{self.where} has no {folder}/{MANIFEST}.")

    def generations(self, folder: str) -> list[str]:
        parent, _, name = folder.rpartition("/")
        known = re.compile(rf"{re.escape(name)}(\.\d+)?")
        found = self._listed(f"{self._root}/{parent}")
        named = [self._inside(path) for path, _ in found if known.fullmatch(path.rpartition("/")[2])]
        return [one for one in named if _counts(self.files(one))]

    def write_folder(
        self, folder: str, sources: Sequence[Source], closing: Closing, keep_going: KeepGoing = always
    ) -> None:
        self._make_way(folder)
        mark = f"{self._writer}\n{uuid4().hex}\n".encode()
        self.write(f"{folder}/{WRITING}", mark)
        written = {}
        for source in sources:
            go_on(folder, keep_going)
            self._check_alone(folder, mark)
            written[source.path] = self._upload(source, f"{self._root}/{folder}/{source.path}")
        *others, (manifest, content) = closing(written)
        for name, more in others:
            self.write(f"{folder}/{name}", more)
        sizes = {path: entry.bytes for path, entry in written.items()}
        sizes |= {name: len(more) for name, more in others} | {WRITING: len(mark)}
        if self.files(folder) != sizes:
            raise self._occupied(folder)
        self._check_alone(folder, mark)
        self.write(f"{folder}/{manifest}", content)
        self.remove(f"{folder}/{WRITING}")

    def remove_folder(self, folder: str) -> None:
        """Marked first: whoever is killed in the middle leaves what can be known for ours."""
        self.write(f"{folder}/{WRITING}", f"{self._writer}\n".encode())
        self.remove(f"{folder}/{MANIFEST}")
        self._remove_marked(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with ExitStack() as held:
            try:
                self._lock.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(only_writer(self._lock, self.where))
            except OSError as error:
                raise PlaceError(
                    f"{self._lock} cannot be locked ({error.strerror}), and writers must not meet: see to it."
                ) from error
            yield

    def sweep(self, before: datetime) -> None:
        """Remove marked folders without a manifest that nobody has written to since ``before``."""
        for folder, content in self._contents():
            if isinstance(content, FileNotFoundError):
                there = self._details(folder)
                whole_or_foreign = _counts(there)
                if not whole_or_foreign and all(_modified(one) < before for one in there.values()):
                    self._remove_marked(folder)

    def _make_way(self, folder: str) -> None:
        """Remove what a dead writer left of the same run. Raises PlaceError, OccupiedError."""
        there = self._details(folder)
        if MANIFEST in there:
            raise PlaceError(f"{self.where}/{folder} is there already, and an archive is written once.")
        if not there:
            return
        if WRITING not in there:
            raise ArchiveError(f"{self.where}/{folder} holds files of somebody else: move them away.")
        mine = self.read(f"{folder}/{WRITING}").decode(errors="replace").partition("\n")[0] == self._writer
        given_up = datetime.now(UTC) - GIVEN_UP
        if not mine and any(_modified(one) > given_up for one in there.values()):
            raise self._occupied(folder)
        self._remove_marked(folder)

    def _remove_marked(self, folder: str) -> None:
        """The mark last: killed in the middle, the rest is still known for ours."""
        top = f"{self._root}/{folder}"
        paths = [f"{top}/{path}" for path in self._details(folder) if path != WRITING]
        with self._translated(), suppress(FileNotFoundError):
            if paths:
                self._fs.rm(paths)
        self.remove(f"{folder}/{WRITING}")

    def _check_alone(self, folder: str, mark: bytes) -> None:
        """Raises OccupiedError when another writer has put its mark there, or is done already."""
        try:
            if self.read(f"{folder}/{WRITING}") == mark:
                return
        except MissingError:
            pass
        raise self._occupied(folder)

    def _occupied(self, folder: str) -> OccupiedError:
        return OccupiedError(
            f"another machine is writing to {self.where}/{folder}: the run is archived another time, if it "
            "is not by then."
        )


def _counts(there: Collection[str]) -> bool:
    """Whether a folder with these files is an archive, or somebody else's: not half written or removed."""
    return bool(there) and (MANIFEST in there or WRITING not in there)


def _modified(entry: dict[str, Any]) -> datetime:
    """Unknown: now, so that nothing is removed too early."""
    at = entry.get("LastModified") or entry.get("created") or entry.get("mtime")
    if not isinstance(at, datetime):
        return datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
