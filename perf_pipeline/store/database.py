"""One database, opened: SQLite or PostgreSQL, at the right schema, with transactions that behave alike.

Writes are few and short (some per run), so one process writes at a time on both: SQLite takes its write lock
at the begin of a transaction (a read that turns into a write would fail instead of waiting), PostgreSQL an
advisory lock. What a transaction has read is then still true when it writes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from perf_pipeline.conventions import ENV_HOME, ENV_STORE_URL
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.schema import migrate, revision_of
from perf_pipeline.store.tables import SCHEMA_REVISION
from perf_pipeline.store.url import describe, parse_url, translated

LOCK_WAIT_S = 30
OUTAGE_S = 60.0  # an open store waits so long for a server that has gone: restarted, it is back in seconds
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
POSTGRES_LOCK = 0x50657266  # any number that is ours: "Perf"


class Database:
    """Opens ``url`` and brings it to the schema of this code. Raises StoreError."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self.where = describe(self._url)
        self._engine = self._connect()
        try:
            with self._translated():
                self._prepare()
        except BaseException:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        """A transaction that sees one state of the database."""
        with self._translated(), self._connected(self._engine) as one, Session(one) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """A transaction that holds the write lock: all of it happens, or nothing."""
        with (
            self._translated(),
            self._connected(self._writer) as one,
            Session(one) as session,
            session.begin(),
        ):
            yield session

    def _connected(self, engine: Engine) -> Connection:
        """A connection, as soon as the server of a store that was open before answers again.

        What breaks inside a transaction is not tried again here: UnreachableError, nothing of it is stored.
        """
        pause, deadline = FIRST_PAUSE_S, time.monotonic() + OUTAGE_S
        while True:
            try:
                return engine.connect()
            except OperationalError:
                if engine.dialect.name != "postgresql" or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    @property
    def _writer(self) -> Engine:
        return self._engine.execution_options(perf_write=True)

    def _connect(self) -> Engine:
        if self._url.get_backend_name() == "postgresql":
            from perf_pipeline.store.waiting import (  # noqa: PLC0415 - loads psycopg2
                StoreConnection,
                listen_while_waiting,
            )

            listen_while_waiting()
            engine = create_engine(
                self._url, pool_pre_ping=True, connect_args={"connection_factory": StoreConnection}
            )
            event.listen(engine, "begin", _begin_postgres)
            return engine
        try:
            Path(self._url.database or "").parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the folder of the store at {self.where} cannot be made ({error.strerror}): "
                f"name one of yours in {ENV_HOME} or {ENV_STORE_URL}."
            ) from error
        engine = create_engine(self._url, connect_args={"timeout": LOCK_WAIT_S})
        event.listen(engine, "connect", _connect_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _prepare(self) -> None:
        with self._engine.connect() as connection:
            if revision_of(connection) == SCHEMA_REVISION:
                return
        with self._writer.connect() as connection, connection.begin():
            migrate(connection, self.where)

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self._url, lock_wait_s=LOCK_WAIT_S)


def _connect_sqlite(connection: Any, _record: object) -> None:
    # None: the driver begins no transaction by itself, _begin_sqlite does.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=NORMAL")  # with WAL: a power cut loses the last commit at most
    deadline = time.monotonic() + LOCK_WAIT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        # Kept in the file, so only the first connection ever sets it. SQLite does not wait for a lock here.
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("perf_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_S}s'"))
    if connection.get_execution_options().get("perf_write"):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": POSTGRES_LOCK})
    else:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
