"""Archives in a folder of this machine: written under a hidden name, fsynced, renamed."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from perf_pipeline.archive.errors import ArchiveError, MissingError, PlaceError
from perf_pipeline.archive.locking import only_writer
from perf_pipeline.archive.manifest import MANIFEST, FileEntry
from perf_pipeline.archive.place import CHUNK, MONTH, Closing, KeepGoing, Source, always, go_on
from perf_pipeline.conventions import ENV_ARCHIVE

PARTIAL = ".partial"  # end of the name of what is being written or removed; begins with a dot
_PARTIAL = re.compile(rf"\..+\.\d+{re.escape(PARTIAL)}")  # exactly as it is named here, and nothing else
LOCK_FILE = ".lock"
READ_ONLY = 0o444
DEPTH = 3  # suite, target, month


class LocalPlace:
    """See ``Place``. Several hosts on one network folder: its locks have to work there."""

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser().absolute()
        self.where = str(self._root)
        self.mark = ""

    def manifests(self) -> Iterator[tuple[str, bytes | ArchiveError]]:
        with self._translated():
            months = self._months()
        for month in months:
            for name in _folders(month):
                if name.startswith("."):
                    continue
                folder = self._inside(month / name)
                try:
                    yield folder, self.read(f"{folder}/{MANIFEST}")
                except ArchiveError as error:
                    if (month / name).is_dir():  # else it was pruned at this moment
                        yield folder, error

    def generations(self, folder: str) -> list[str]:
        parent, _, name = folder.rpartition("/")
        known = re.compile(rf"{re.escape(name)}(\.\d+)?")
        with self._translated():
            return [f"{parent}/{one}" for one in _folders(self._root / parent) if known.fullmatch(one)]

    def read(self, path: str) -> bytes:
        return b"".join(self.chunks(path))

    def chunks(self, path: str) -> Iterator[bytes]:
        try:
            with (self._root / path).open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        except (FileNotFoundError, NotADirectoryError):
            raise MissingError(f"{self.where} has no {path}.") from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise ArchiveError(f"{self.where}/{path} cannot be read ({why}).") from error

    def files(self, folder: str) -> dict[str, int]:
        top = self._root / folder
        with self._translated():
            found = (path for path in top.rglob("*") if path.is_symlink() or not path.is_dir())
            return {path.relative_to(top).as_posix(): path.lstat().st_size for path in sorted(found)}

    def find(self, suffix: str) -> list[str]:
        found = (path for month in self._months() for path in month.glob(f"[!.]*{suffix}"))
        return sorted(self._inside(path) for path in found if path.is_file())

    def write_folder(
        self, folder: str, sources: Sequence[Source], closing: Closing, keep_going: KeepGoing = always
    ) -> None:
        target = self._root / folder
        partial = target.with_name(f".{target.name}.{os.getpid()}{PARTIAL}")
        with self._translated():
            self._make(target.parent)
            try:
                partial.mkdir()
                written = {}
                for source in sources:
                    go_on(folder, keep_going)
                    written[source.path] = _place(source, partial / source.path)
                for name, content in closing(written):
                    _place(Source(name, content=content), partial / name)
                for one in [partial, *(path for path in partial.rglob("*") if path.is_dir())]:
                    _sync(one)
                partial.rename(target)
                _sync(target.parent)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise

    def write(self, path: str, content: bytes) -> None:
        target = self._root / path
        partial = target.with_name(f".{target.name}.{os.getpid()}{PARTIAL}")
        with self._translated():
            self._make(target.parent)
            try:
                _place(Source(path, content=content), partial)
                partial.replace(target)
                _sync(target.parent)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise

    def remove_folder(self, folder: str) -> None:
        target = self._root / folder
        partial = target.with_name(f".{target.name}.{os.getpid()}{PARTIAL}")
        with self._translated(), suppress(FileNotFoundError):
            target.rename(partial)
            _sync(target.parent)
            shutil.rmtree(partial)

    def remove(self, path: str) -> None:
        with self._translated():
            (self._root / path).unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._translated(), ExitStack() as held:
            self._make(self._root)
            held.enter_context(only_writer(self._root / LOCK_FILE, self.where))
            self._remove_partial()
            lock = held.pop_all()
        with lock:  # what goes wrong meanwhile is no fault of the place
            yield

    def sweep(self, before: datetime) -> None:
        """Nothing is left to do: the lock tells more than an age would."""

    def _remove_partial(self) -> None:
        """Under the lock no writer lives, so what is half written or half removed belongs to a dead one."""
        found = (path for level in self._levels() for path in level.glob(f".*{PARTIAL}"))
        for path in [path for path in found if _PARTIAL.fullmatch(path.name)]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _make(self, folder: Path) -> None:
        """Each new folder is written down in its parent, or a power cut would lose it with all it holds."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            with suppress(FileExistsError):
                one.mkdir()
            _sync(one.parent)

    def _months(self) -> list[Path]:
        levels = ((path, path.relative_to(self._root).parts) for path in self._levels())
        return [path for path, parts in levels if len(parts) == DEPTH and MONTH.fullmatch(parts[-1])]

    def _levels(self) -> list[Path]:
        """The root and the folders of suites, targets and months."""
        found, level = [self._root], [self._root]
        for _ in range(DEPTH):
            level = [one / name for one in level for name in _folders(one) if not name.startswith(".")]
            found += level
        return found

    def _inside(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._broken(error) from error

    def _broken(self, error: OSError) -> PlaceError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "make room" if full else "see to it"
        why = error.strerror or type(error).__name__
        return PlaceError(
            f"the archive at {self.where} cannot be used ({why}): {advice}, or name another place in "
            f"{ENV_ARCHIVE}."
        )


def _folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _place(source: Source, target: Path) -> FileEntry:
    """Hashed as it is written, so that the manifest tells of these bytes whatever happens to the source."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = sha256(), 0
    with _linked(source, target) or target.open("xb") as file:
        for chunk in source.chunks():
            digest.update(chunk)
            size += len(chunk)
            if file.writable():
                file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return FileEntry(sha256=digest.hexdigest(), bytes=size)


def _linked(source: Source, target: Path) -> BinaryIO | None:
    """The file under a second name, if it could get one: not across file systems, and not everywhere.

    Read-only from now on under both: who writes to one writes to the other.
    """
    if not source.frozen or source.file is None or source.file.is_symlink():
        return None
    try:
        os.link(source.file, target)
    except OSError:
        return None  # copying it will say what is wrong, if anything is
    with suppress(OSError):  # somebody else's file
        target.chmod(READ_ONLY)
    return target.open("rb")


def _sync(folder: Path) -> None:
    """A name in a folder survives a power cut only when the folder itself has been written."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
