"""A real PostgreSQL for tests, from the wheel ``pgserver``: no root, no Docker, no port.

    from postgres import postgres_server, postgres_url  # noqa: F401

``postgres_url`` is an empty database of its own for each test. Without PostgreSQL the test is skipped with
the reason; on CI it fails, because there everything has to be tried.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, create_engine, make_url, text


def missing(reason: str) -> None:
    """A real part is not there: fail on CI, skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """URL of a running server; it is stopped and its data removed at the end."""
    # Not pytest's own folder: as root the server runs as another user, who may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="perf-pg-"))
    try:
        import pgserver

        server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        missing(f"PostgreSQL from pgserver does not start: {type(error).__name__}: {error}")
        raise
    try:
        yield make_url(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """URL of a new, empty database."""
    name = f"perf_{uuid4().hex[:12]}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield postgres_server.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()
