"""Archives on anything that fsspec has a URL for, above all S3.

There is no rename there. A folder is uploaded under its final name, the manifest last: **an archive without a
manifest does not exist**. What a killed writer left is removed when the same run is archived again, or by
``sweep``. A single object appears whole or not at all. Two writers of the same run upload the same bytes.
Credentials come from where the library of the service looks for them, and never into a message.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, BinaryIO

from fsspec.core import url_to_fs

from perf_pipeline.archive.errors import ArchiveError, MissingError, PlaceError
from perf_pipeline.archive.manifest import MANIFEST, FileEntry
from perf_pipeline.archive.place import Closing, KeepGoing, Source, always, go_on
from perf_pipeline.conventions import ENV_ARCHIVE

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 20
ATTEMPTS = 2
DEPTH = 4  # suite, target, month, run
MOST_SAID = 200  # characters of a service's own message
EXTRAS = {"s3": "archive-s3", "s3a": "archive-s3"}
SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")


class RemotePlace:
    """See ``Place``. Raises ArchiveError for a URL that cannot be used."""

    def __init__(self, url: str) -> None:
        self.where = url.rstrip("/")
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

    def manifests(self) -> Iterator[tuple[str, bytes]]:
        folders = self._folders()
        with self._translated():
            found = (
                self._fs.cat([f"{path}/{MANIFEST}" for path in folders], on_error="omit") if folders else {}
            )
        for path, content in found.items():
            yield self._inside(path).removesuffix(f"/{MANIFEST}"), content

    def read(self, path: str) -> bytes:
        with self._translated(path):
            content: bytes = self._fs.cat_file(f"{self._root}/{path}")
        return content

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        with self._translated(path), self._fs.open(f"{self._root}/{path}", "rb") as file:
            yield file

    def files(self, folder: str) -> dict[str, int]:
        top = f"{self._root}/{folder}"
        with self._translated():
            try:
                found = self._fs.find(top, detail=True)
            except FileNotFoundError:
                return {}
        return {str(path).removeprefix(f"{top}/"): one["size"] for path, one in sorted(found.items())}

    def find(self, suffix: str) -> list[str]:
        return sorted(
            self._inside(path)
            for month in self._level(DEPTH - 1)
            for path, kind in self._listed(month)
            if kind == "file" and path.endswith(suffix)
        )

    def names(self, folder: str) -> list[str]:
        found = self._listed(f"{self._root}/{folder}")
        return sorted(path.rpartition("/")[2] for path, kind in found if kind == "file")

    def write_folder(
        self, folder: str, sources: Sequence[Source], closing: Closing, keep_going: KeepGoing = always
    ) -> None:
        top = f"{self._root}/{folder}"
        there = self.files(folder)
        if MANIFEST in there:
            raise PlaceError(f"{self.where}/{folder} is there already, and an archive is written once.")
        with self._translated():
            if there:
                self._fs.rm(top, recursive=True)
        written = {}
        for source in sources:
            go_on(folder, keep_going)
            written[source.path] = self._upload(source, f"{top}/{source.path}")
        for name, content in closing(written):
            self.write(f"{folder}/{name}", content)

    def write(self, path: str, content: bytes) -> None:
        with self._translated():
            self._fs.pipe_file(f"{self._root}/{path}", content)

    def remove_folder(self, folder: str) -> None:
        self.remove(f"{folder}/{MANIFEST}")
        with self._translated(), suppress(FileNotFoundError):
            self._fs.rm(f"{self._root}/{folder}", recursive=True)

    def remove(self, path: str) -> None:
        with self._translated(), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nothing to lock: nobody sees what is half written."""
        yield

    def sweep(self, before: datetime) -> None:
        """Remove folders without a manifest that nobody has written to since ``before``."""
        whole = {folder for folder, _ in self.manifests()}
        for path in self._folders():
            if self._inside(path) in whole:
                continue
            with self._translated(), suppress(FileNotFoundError):
                found = self._fs.find(path, detail=True)
                if all(_modified(one) < before for one in found.values()):
                    self._fs.rm(path, recursive=True)

    def _upload(self, source: Source, path: str) -> FileEntry:
        digest, size = sha256(), 0
        with self._translated(), self._fs.open(path, "wb") as target:
            for chunk in source.chunks():
                target.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        return FileEntry(sha256=digest.hexdigest(), bytes=size)

    def _folders(self) -> list[str]:
        return self._level(DEPTH)

    def _level(self, depth: int) -> list[str]:
        level = [self._root]
        for _ in range(depth):
            level = [path for one in level for path, kind in self._listed(one) if kind == "directory"]
        return level

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


def _modified(entry: dict[str, Any]) -> datetime:
    """Unknown: now, so that nothing is removed too early."""
    at = entry.get("LastModified") or entry.get("created") or entry.get("mtime")
    if not isinstance(at, datetime):
        return datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
