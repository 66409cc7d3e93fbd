"""A PostgreSQL that hangs is given up, and whoever waits for it can be interrupted."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psycopg2
import pytest
from postgres import MortalPostgres, mortal_postgres
from store_parts import begun

from perf_pipeline.signals import insisting
from perf_pipeline.store import database, waiting
from perf_pipeline.store.errors import StoreError, UnreachableError
from perf_pipeline.store.repository import Store

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[MortalPostgres]:
    with mortal_postgres() as one:
        yield one


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ANSWER_S", 0.5)
    monkeypatch.setattr(waiting, "CONNECT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(database, "OUTAGE_S", 0.5)


def within_patience(act: Callable[[], object]) -> None:
    """What waits without limit is interrupted from outside, and the test fails."""
    over = threading.Event()

    def give_up() -> None:
        if not over.wait(PATIENCE_S):
            os.kill(os.getpid(), signal.SIGABRT)  # SIGINT is what may not be heard

    watcher = threading.Thread(target=give_up, daemon=True)
    watcher.start()
    try:
        act()
    finally:
        over.set()
        watcher.join()


class TestAServerThatHangs:
    @pytest.mark.usefixtures("impatient")
    def test_is_given_up_by_a_store_that_is_open(self, server: MortalPostgres) -> None:
        with Store(server.url) as store:
            begun(store, "given-up")
            with server.suspended(), pytest.raises(UnreachableError, match="cannot be used"):
                within_patience(store.list_runs)
            assert "given-up" in [run.run_id for run in store.list_runs()], "it is back, and so is the store"

    @pytest.mark.usefixtures("impatient")
    def test_is_given_up_by_one_that_is_to_be_opened(self, server: MortalPostgres) -> None:
        with server.suspended(), pytest.raises(StoreError, match="has not answered for"):
            within_patience(lambda: Store(server.url))

    def test_lets_itself_be_interrupted(self, server: MortalPostgres) -> None:
        with insisting(), Store(server.url) as store:
            begun(store, "interrupted")
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            before = time.monotonic()
            with server.suspended(), pytest.raises(KeyboardInterrupt):
                within_patience(store.list_runs)
            assert time.monotonic() - before < waiting.ANSWER_S, "the interrupt ended it, not the patience"
            assert "interrupted" in [run.run_id for run in store.list_runs()]


@pytest.mark.usefixtures("impatient")
def test_connections_that_are_not_ours_wait_as_long_as_ever(server: MortalPostgres) -> None:
    """Such as those of Dagster, which may keep its storage in PostgreSQL, too."""
    with Store(server.url), psycopg2.connect(server.url) as one, one.cursor() as cursor:
        cursor.execute("select pg_sleep(1.5), 7")
        assert cursor.fetchone()[1] == 7
    one.close()
