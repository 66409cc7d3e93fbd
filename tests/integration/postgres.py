"""A real PostgreSQL for tests, from the wheel ``pgserver``: no root, no Docker, no port.

    from postgres import postgres_server, postgres_url  # noqa: F401

``postgres_url`` is an empty database of its own for each test. Without PostgreSQL the test is skipped with
the reason; on CI it fails, because there everything has to be tried.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import URL, create_engine, make_url, text

RESTART_S = 60.0


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


class MortalPostgres:
    """A server of one's own in ``folder``, that can be killed with -9 and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.start()

    def start(self) -> None:
        """Unless it runs."""
        import pgserver
        from pgserver.postgres_server import PostgresServer

        deadline = time.monotonic() + RESTART_S
        while self.postmaster() is None:
            PostgresServer._instances.pop(self._folder, None)
            try:
                self.url = pgserver.get_server(self._folder, cleanup_mode=None).get_uri()
            except Exception:  # what is left of the killed server has not all gone yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def kill(self) -> None:
        """The server alone; its children follow by themselves."""
        server = self.postmaster()
        if server is not None:
            server.kill()
            server.wait(RESTART_S)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Meanwhile it takes connections and answers nothing, as a machine does whose disk has died."""
        server = self.postmaster()
        assert server is not None
        family = [server, *server.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            yield
        finally:
            for process in family:
                process.resume()

    def stop(self) -> None:
        """In order."""
        server = self.postmaster()
        if server is not None:
            server.send_signal(signal.SIGINT)  # "fast" shutdown
            psutil.wait_procs([server], RESTART_S)

    def postmaster(self) -> psutil.Process | None:
        """None: it does not run."""
        try:
            server = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
            return server if server.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None


@contextmanager
def mortal_postgres() -> Iterator[MortalPostgres]:
    """For one test; its data is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="perf-pg-"))  # as above: not pytest's own
    try:
        server = MortalPostgres(folder / "data")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        missing(f"PostgreSQL from pgserver does not start: {type(error).__name__}: {error}")
        raise
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
