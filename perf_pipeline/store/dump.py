"""Copies of databases that may be in use: SQLite by its own backup, PostgreSQL by pg_dump."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.url import describe, parse_url

PG_DUMP = "pg_dump"
PG_DUMP_S = 3600.0  # a store of a thousand runs takes seconds
BUSY_S = 30.0  # how long SQLite waits for a writer
SQLITE_FILE, POSTGRES_FILE = "store.sqlite", "store.dump"


def dump_store(store_url: str, folder: Path) -> Path:
    """The store as one file in ``folder``, as it was at one moment. Raises StoreError."""
    url = parse_url(store_url)
    if url.get_backend_name() == "sqlite":
        source = Path(url.database or "")
        if not source.exists():
            raise StoreError(f"there is no store at {source} yet: nothing to back up.")
        return copy_sqlite(source, folder / SQLITE_FILE)
    return _pg_dump(url, folder / POSTGRES_FILE)


def copy_sqlite(source: Path, copy: Path) -> Path:
    """A whole copy while others write; it appears under its name when it is complete. Raises StoreError."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix=f".{copy.name}.") as folder:
        unfinished = Path(folder) / copy.name
        try:
            with (
                closing(
                    sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
                ) as one,
                closing(sqlite3.connect(unfinished)) as other,
            ):
                one.backup(other)
        except sqlite3.Error as error:
            raise StoreError(f"{source} cannot be copied to {copy.parent}: {error}.") from error
        unfinished.replace(copy)
    return copy


def _pg_dump(url: URL, copy: Path) -> Path:
    """The whole database, Dagster's tables too where they share it."""
    program = shutil.which(PG_DUMP)
    if program is None:
        raise StoreError(
            f"{PG_DUMP} is not on PATH: install the PostgreSQL client of the server's version (on Debian, "
            f"postgresql-client), to back up {describe(url)}."
        )
    place = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    secret = {"PGPASSWORD": url.password} if url.password else {}
    unfinished = copy.with_name(f".{copy.name}")
    argv = [program, "--format=custom", f"--file={unfinished}", f"--dbname={place}"]
    try:
        subprocess.run(
            argv, check=True, capture_output=True, text=True, timeout=PG_DUMP_S, env=os.environ | secret
        )
    except subprocess.CalledProcessError as error:
        unfinished.unlink(missing_ok=True)
        raise StoreError(f"{describe(url)} cannot be backed up: {' '.join(error.stderr.split())}") from None
    except subprocess.TimeoutExpired:
        unfinished.unlink(missing_ok=True)
        raise StoreError(f"{describe(url)} was not backed up within {PG_DUMP_S / 60:.0f} minutes.") from None
    unfinished.replace(copy)
    return copy
