"""Archives in a folder of this machine: written under a hidden name, fsynced, renamed."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from perf_pipeline.archive.errors import MissingError, PlaceError
from perf_pipeline.archive.manifest import MANIFEST, FileEntry
from perf_pipeline.archive.place import Closing, KeepGoing, Source, always, go_on
from perf_pipeline.conventions import ENV_ARCHIVE

PARTIAL = ".partial"  # end of the name of what is being written or removed; begins with a dot
LOCK_FILE = ".lock"
LOCK_WAIT_S = 30.0
LOCK_LOOK_S = 0.05
DEPTH = 3  # suite, target, month


class LocalPlace:
    """See ``Place``. Several hosts on one network folder: its locks have to work there."""

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser().absolute()
        self.where = str(self._root)

    def manifests(self) -> Iterator[tuple[str, bytes]]:
        for month in self._months():
            for name in _folders(month):
                if not name.startswith("."):
                    with suppress(FileNotFoundError, NotADirectoryError):  # being pruned at this moment
                        yield self._inside(month / name), (month / name / MANIFEST).read_bytes()

    def read(self, path: str) -> bytes:
        with self.opened(path) as file:
            return file.read()

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        try:
            file = (self._root / path).open("rb")
        except (FileNotFoundError, NotADirectoryError):
            raise MissingError(f"{self.where} has no {path}.") from None
        except OSError as error:
            raise self._broken(error) from error
        with file:
            yield file

    def files(self, folder: str) -> dict[str, int]:
        top = self._root / folder
        found = (path for path in top.rglob("*") if path.is_symlink() or not path.is_dir())
        return {path.relative_to(top).as_posix(): path.lstat().st_size for path in sorted(found)}

    def find(self, suffix: str) -> list[str]:
        found = (path for month in self._months() for path in month.glob(f"[!.]*{suffix}"))
        return sorted(self._inside(path) for path in found if path.is_file())

    def names(self, folder: str) -> list[str]:
        top = self._root / folder
        if not top.is_dir():
            return []
        return sorted(one.name for one in top.iterdir() if one.is_file() and not one.name.startswith("."))

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
        with self._translated():
            self._make(self._root)
            lock = (self._root / LOCK_FILE).open("a")
        with lock:  # closing it, or dying, gives the lock up
            deadline = time.monotonic() + LOCK_WAIT_S
            while not _taken(lock.fileno()):
                if time.monotonic() > deadline:
                    raise PlaceError(
                        f"another process has been writing to the archive at {self.where} for more than "
                        f"{LOCK_WAIT_S:.0f} s: try again when it is done."
                    )
                time.sleep(LOCK_LOOK_S)
            self._remove_partial()
            yield

    def sweep(self, before: datetime) -> None:
        """Nothing is left to do: the lock tells more than an age would."""

    def _remove_partial(self) -> None:
        """Under the lock no writer lives, so what is half written or half removed belongs to a dead one."""
        with self._translated():
            for path in [path for level in self._levels() for path in level.glob(f".*{PARTIAL}")]:
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
        return [path for path in self._levels() if len(path.relative_to(self._root).parts) == DEPTH]

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


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
    """The file under a second name, if it could get one: not across file systems, and not everywhere."""
    if not source.frozen or source.file is None or source.file.is_symlink():
        return None
    try:
        os.link(source.file, target)
    except OSError:
        return None  # copying it will say what is wrong, if anything is
    return target.open("rb")


def _sync(folder: Path) -> None:
    """A name in a folder survives a power cut only when the folder itself has been written."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
