"""Files on anything that fsspec has a URL for, above all S3: listed, read, written and removed one by one.

Credentials come from where the library of the service looks for them, and never into a message.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

from fsspec.core import url_to_fs

from perf_pipeline.archive.errors import ArchiveError, MissingError, PlaceError
from perf_pipeline.archive.manifest import MANIFEST, FileEntry
from perf_pipeline.archive.place import CHUNK, MONTH, Source
from perf_pipeline.conventions import ENV_ARCHIVE

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 20
ATTEMPTS = 2
DEPTH = 3  # suite, target, month
MOST_SAID = 200  # characters of a service's own message
EXTRAS = {"s3": "archive-s3", "s3a": "archive-s3"}
SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")


class Storage:
    """The part of ``RemotePlace`` that knows single files. Raises ArchiveError for an unusable URL."""

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

    def write(self, path: str, content: bytes) -> None:
        with self._translated():
            self._fs.pipe_file(f"{self._root}/{path}", content)

    def remove(self, path: str) -> None:
        with self._translated(), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")

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
                f"the archive at {self.where} cannot be used ({said(error)}): see to it, or name another "
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


def said(error: Exception) -> str:
    """What a service says, in one line and without secrets."""
    text = " ".join(str(error).split())[:MOST_SAID]
    for name in SECRETS:
        secret = os.environ.get(name)
        if secret:
            text = text.replace(secret, "***")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
