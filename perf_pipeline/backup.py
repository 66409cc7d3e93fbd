"""A folder that holds all that cannot be made again: the store, Dagster's storage, run folders, archives.

The folder mirrors the home, so that restoring is copying it back. Prometheus' own data is left out: what a
run had of it lies in the run's folder.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from perf_pipeline.conventions import ARCHIVE_FOLDER
from perf_pipeline.files import write_whole
from perf_pipeline.project import Project
from perf_pipeline.store.dump import copy_sqlite, dump_store
from perf_pipeline.store.tables import SCHEMA_REVISION

NOTE = "backup.json"  # written last: without it a backup is not complete
_MIRRORED = ("dagster", "runs", ARCHIVE_FOLDER)
_SQLITE = (".db", ".sqlite")
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")  # of a database in use; a copy has none


def back_up(project: Project, folder: Path, *, now: datetime) -> dict[str, int | str]:
    """Copy into ``folder`` what is new since the last time; returns what its note says.

    The databases come first: a run that ends meanwhile has its files in the backup and no row, rather than a
    row without files. Raises StoreError and OSError; what an earlier backup held is still there then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOTE).unlink(missing_ok=True)
    store = dump_store(project.store_url, folder)
    copied = 0
    for name in _MIRRORED:
        for source in _files(project.home / name):
            copied += _copied(source, folder / source.relative_to(project.home))
    said: dict[str, int | str] = {
        "at": now.isoformat(timespec="seconds"),
        "version": version("perf-pipeline"),
        "schema": SCHEMA_REVISION,
        "store": store.name,
        "files_copied": copied,
    }
    write_whole(folder / NOTE, json.dumps(said, indent=1) + "\n")
    return said


def _files(folder: Path) -> Iterator[Path]:
    """Without what is being written at this moment (a name that begins with a dot)."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith(_BESIDE_SQLITE):
                yield Path(place) / name


def _copied(source: Path, copy: Path) -> bool:
    """False: the copy is as new, or the file has gone meanwhile."""
    try:
        now = source.stat()
        if source.suffix in _SQLITE:
            return _database_copied(source, copy, now)
        if copy.exists() and (copy.stat().st_size, copy.stat().st_mtime) == (now.st_size, now.st_mtime):
            return False
        copy.parent.mkdir(parents=True, exist_ok=True)
        unfinished = copy.with_name(f".{copy.name}")
        shutil.copy2(source, unfinished)
        unfinished.replace(copy)
    except FileNotFoundError:
        return False
    return True


def _database_copied(source: Path, copy: Path, now: os.stat_result) -> bool:
    wal = source.with_name(f"{source.name}-wal")
    changed = max(now.st_mtime, wal.stat().st_mtime if wal.exists() else 0.0)
    if copy.exists() and copy.stat().st_mtime == changed:
        return False
    copy_sqlite(source, copy)
    os.utime(copy, (changed, changed))
    return True
