"""Looks at a store without touching it: is it there, and would this code open it?"""

from __future__ import annotations

import math
import os
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.schema import refuse_newer, revision_of
from perf_pipeline.store.tables import SCHEMA_REVISION
from perf_pipeline.store.url import describe, parse_url, translated


def look_at_store(url: str, *, timeout_s: float) -> str:
    """Where the store is and what its first use would do to it; migrates, creates and locks nothing.

    ``timeout_s``: to connect to PostgreSQL (whole seconds, at least 2), or to wait for SQLite's lock.
    Raises StoreError when a run could not use it.
    """
    parsed = parse_url(url)
    where = describe(parsed)
    if parsed.get_backend_name() == "sqlite":
        file = Path(where)
        if not file.exists():
            return f"{where}: not here yet, the first run makes it"
        if not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
            raise StoreError(f"the store at {where} cannot be written: name one of yours.")
    revision = _revision(parsed, timeout_s)
    if revision is None:
        return f"{where}: empty, the first use makes the tables"
    if revision != SCHEMA_REVISION:
        refuse_newer(revision, where)
        return f"{where}: schema {revision}, the next use brings it to {SCHEMA_REVISION}"
    return where


def _revision(url: URL, timeout_s: float) -> str | None:
    if url.get_backend_name() == "sqlite":
        # "ro" could not take the files of the write-ahead log away again; "rw" creates no database either.
        existing = url.set(database=f"file:{quote(str(url.database))}", query={"mode": "rw", "uri": "true"})
        engine = create_engine(existing, connect_args={"timeout": timeout_s})
    else:
        engine = create_engine(url, connect_args={"connect_timeout": math.ceil(timeout_s)})
    try:
        with translated(url, lock_wait_s=timeout_s), engine.connect() as connection:
            return revision_of(connection)
    finally:
        engine.dispose()
