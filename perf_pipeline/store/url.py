"""The URL of a store, and what its database says, as sentences that hold no password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError, StatementError

from perf_pipeline.conventions import ENV_STORE_URL
from perf_pipeline.store.columns import NaiveDatetimeError
from perf_pipeline.store.errors import StoreError, UnreachableError

_ADVICE = "use sqlite:////path/to/store.sqlite or postgresql://user:password@host/database."


def parse_url(text: str) -> URL:
    """The URL with the driver that we use. Raises StoreError."""
    try:
        # The short form of the scheme is common in environments; SQLAlchemy does not know it.
        parsed = make_url("postgresql" + text[8:] if text.startswith("postgres:") else text)
    except (ArgumentError, ValueError):
        raise StoreError(f"the URL of the store cannot be read: {_ADVICE}") from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg2")
    if backend != "sqlite":
        raise StoreError(f"the store cannot be a {backend} database: {_ADVICE}")
    if parsed.database in (None, "", ":memory:"):
        raise StoreError(f"the store has to be a file, or it would be forgotten with the process: {_ADVICE}")
    return parsed.set(drivername="sqlite")


def describe(url: URL) -> str:
    """Where the store is, without user and password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = url.host or url.query.get("host") or "localhost"
    return f"postgresql://{host if isinstance(host, str) else host[0]}:{url.port or 5432}/{url.database}"


@contextmanager
def translated(url: URL, *, lock_wait_s: float) -> Iterator[None]:
    """Errors of the database as StoreError; never chained, their texts may hold the password."""
    try:
        yield
    except SQLAlchemyError as error:
        kind = UnreachableError if _gone(url, error) else StoreError
        raise kind(_sentence(url, error, lock_wait_s)) from None


def _gone(url: URL, error: SQLAlchemyError) -> bool:
    """The server has gone, before a connection was made or while one was used."""
    if url.get_backend_name() != "postgresql" or not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or (isinstance(error, OperationalError) and error.statement is None)


def _sentence(url: URL, error: SQLAlchemyError, lock_wait_s: float) -> str:
    cause = error.orig if isinstance(error, StatementError) else None
    if isinstance(cause, NaiveDatetimeError):
        return str(cause)
    said = " ".join(str(cause or error).split())
    for secret in _secrets(url):
        said = said.replace(secret, "***")
    if any(words in said for words in ("database is locked", "lock timeout")):
        return (
            f"the store at {describe(url)} was held by another process for over {lock_wait_s} s: "
            "end that process, or try again."
        )
    return (
        f"the store at {describe(url)} cannot be used ({said[:300]}): check that it is there, that you may "
        f"write to it, and {ENV_STORE_URL}."
    )


def _secrets(url: URL) -> list[str]:
    found = [str(url.password or ""), *(str(value) for key, value in url.query.items() if "pass" in key)]
    return [secret for secret in found if secret]
