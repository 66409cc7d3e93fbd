"""Archives on anything that fsspec has a URL for, above all S3.

There is no rename there. A folder is uploaded under its final name, the manifest last: **an archive without a
manifest does not exist**. A single object appears whole or not at all.

Others may keep their data there too. Before anything else a writer puts a mark into the folder, and only a
folder with such a mark and without a manifest is ever removed: by the writer's own machine when it archives
the run again, by others when nothing was written to it for a day. One machine's writers are kept apart by a
lock. Of two machines that begin the same run in the same moment the one whose mark is overwritten gives it
up: it looks before each file, and at all of them before the manifest. Credentials come from where the library
of the service looks for them, and never into a message.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from fsspec.core import url_to_fs

from perf_pipeline.archive.errors import ArchiveError, MissingError, OccupiedError, PlaceError
from perf_pipeline.archive.locking import only_writer
from perf_pipeline.archive.manifest import MANIFEST, FileEntry
from perf_pipeline.archive.place import CHUNK, MONTH, Closing, KeepGoing, Source, always, go_on
from perf_pipeline.conventions import ENV_ARCHIVE

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 20
ATTEMPTS = 2
DEPTH = 3  # suite, target, month
WRITING = ".perf-pipeline-writing"  # first object of a folder that is being written, last one of its removal
GIVEN_UP = timedelta(days=1)  # after which a writer on another machine is taken for dead
MOST_SAID = 200  # characters of a service's own message
EXTRAS = {"s3": "archive-s3", "s3a": "archive-s3"}
SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")


class RemotePlace:
    """See ``Place``; ``locks``: folder of this machine. Raises ArchiveError for a URL that cannot be used."""

    def __init__(self, url: str, locks: Path) -> None:
        self.where = url.rstrip("/")
        self.mark = WRITING
        self._lock = locks.absolute() / f".archive-{sha256(self.where.encode()).hexdigest()[:16]}.lock"
        self._writer = f"{socket.gethostname()}:{self._lock}"  # whoever has the lock is alone under that name
        protocol = url.split("://", 1)[0]
        if "::" in url:
            raise ArchiveError(
                f"{ENV_ARCHIVE} chains several storages ({url}): name the one that keeps archives."
            )
        try:
            self._fs, root = url_to_fs(self.where, **_options(protocol))
        except ImportError:
            extra = EXTRAS.get(protocol)
            advice = (
                f"pip install 'perf-pipeline[{extra}]'"
                if extra
                else f"install fsspec's library for {protocol}"
            )
            raise ArchiveError(
                f"archives at {self.where} need a library that is not installed: {advice}."
            ) from None
        except ValueError:
            raise ArchiveError(
                f"{ENV_ARCHIVE} names {self.where}, which is no storage that is known here: use a folder or s3://."
            ) from None
        self._root = root.rstrip("/")

    def manifests(self) -> Iterator[tuple[str, bytes | ArchiveError]]:
        for folder, content in self._contents():
            if isinstance(content, bytes):
                yield folder, content
            elif not isinstance(content, FileNotFoundError):
                said = _said(content)
                yield folder, ArchiveError(f"{self.where}/{folder}/{MANIFEST} cannot be read ({said}).")
            elif _counts(self.files(folder)):
                yield folder, MissingError(f"{self.where} has no {folder}/{MANIFEST}.")

    def generations(self, folder: str) -> list[str]:
        parent, _, name = folder.rpartition("/")
        known = re.compile(rf"{re.escape(name)}(\.\d+)?")
        found = self._listed(f"{self._root}/{parent}")
        named = [self._inside(path) for path, _ in found if known.fullmatch(path.rpartition("/")[2])]
        return [one for one in named if _counts(self.files(one))]

    def read(self, path: str) -> bytes:
        with self._translated(path):
            content: bytes = self._fs.cat_file(f"{self._root}/{path}")
        return content

    def chunks(self, path: str) -> Iterator[bytes]:
        with self._translated(path), self._fs.open(f"{self._root}/{path}", "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def files(self, folder: str) -> dict[str, int]:
        return {path: one["size"] for path, one in self._details(folder).items()}

    def find(self, suffix: str) -> list[str]:
        return sorted(
            self._inside(path)
            for month in self._months()
            for path, kind in self._listed(month)
            if kind == "file" and path.endswith(suffix)
        )

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

    def write(self, path: str, content: bytes) -> None:
        with self._translated():
            self._fs.pipe_file(f"{self._root}/{path}", content)

    def remove_folder(self, folder: str) -> None:
        """Marked first: whoever is killed in the middle leaves what can be known for ours."""
        self.write(f"{folder}/{WRITING}", f"{self._writer}\n".encode())
        self.remove(f"{folder}/{MANIFEST}")
        self._remove_marked(folder)

    def remove(self, path: str) -> None:
        with self._translated(), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")

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

    def _upload(self, source: Source, path: str) -> FileEntry:
        digest, size = sha256(), 0
        with self._translated(), self._fs.open(path, "wb") as target:
            for chunk in source.chunks():
                target.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        return FileEntry(sha256=digest.hexdigest(), bytes=size)

    def _contents(self) -> list[tuple[str, bytes | Exception]]:
        """Folder of a run -> its manifest, or why there is none."""
        paths = [f"{path}/{MANIFEST}" for month in self._months() for path in self._folders(month)]
        with self._translated():
            found = self._fs.cat(paths, on_error="return") if paths else {}
        return [(self._inside(path).removesuffix(f"/{MANIFEST}"), content) for path, content in found.items()]

    def _months(self) -> list[str]:
        level = [self._root]
        for _ in range(DEPTH):
            level = [path for one in level for path in self._folders(one)]
        return [path for path in level if MONTH.fullmatch(path.rpartition("/")[2])]

    def _folders(self, path: str) -> list[str]:
        return [one for one, kind in self._listed(path) if kind == "directory"]

    def _details(self, folder: str) -> dict[str, dict[str, Any]]:
        """Path inside the folder -> what the service says of the object."""
        top = f"{self._root}/{folder}"
        with self._translated():
            try:
                found = self._fs.find(top, detail=True)
            except FileNotFoundError:
                return {}
        return {str(path).removeprefix(f"{top}/"): one for path, one in sorted(found.items())}

    def _listed(self, path: str) -> list[tuple[str, str]]:
        """Path and kind of what is in a folder; nothing where there is none."""
        with self._translated():
            try:
                found = self._fs.ls(path, detail=True)
            except FileNotFoundError:
                return []
        return [(str(one["name"]).rstrip("/"), str(one["type"])) for one in found if one["name"] != path]

    def _inside(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")

    @contextmanager
    def _translated(self, path: str = "") -> Iterator[None]:
        """Services raise what they like; it is said in one line that holds no credentials."""
        try:
            yield
        except ArchiveError:
            raise
        except FileNotFoundError:
            if path:
                raise MissingError(f"{self.where} has no {path}.") from None
            raise PlaceError(
                f"{self.where} is not there: make the bucket, or name another in {ENV_ARCHIVE}."
            ) from None
        except Exception as error:
            raise PlaceError(
                f"the archive at {self.where} cannot be used ({_said(error)}): see to it, or name another "
                f"place in {ENV_ARCHIVE}."
            ) from None


def _options(protocol: str) -> dict[str, Any]:
    """Bounded waiting, and no memory of what was listed: others write there, too."""
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if protocol in EXTRAS:
        options["config_kwargs"] = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": READ_TIMEOUT_S,
            "retries": {"max_attempts": ATTEMPTS, "mode": "standard"},
        }
    return options


def _said(error: Exception) -> str:
    said = " ".join(str(error).split())[:MOST_SAID]
    for name in SECRETS:
        secret = os.environ.get(name)
        if secret:
            said = said.replace(secret, "***")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _counts(there: Collection[str]) -> bool:
    """Whether a folder with these files is an archive, or somebody else's: not half written or removed."""
    return bool(there) and (MANIFEST in there or WRITING not in there)


def _modified(entry: dict[str, Any]) -> datetime:
    """Unknown: now, so that nothing is removed too early."""
    at = entry.get("LastModified") or entry.get("created") or entry.get("mtime")
    if not isinstance(at, datetime):
        return datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
