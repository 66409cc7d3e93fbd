"""Waits for PostgreSQL so that Ctrl-C is heard, and a server that hangs is given up.

psycopg2 by itself waits inside its C library, without limit and deaf to signals, for a server that has
stopped (SIGSTOP, a dead disk, a frozen machine). Its wait callback is one for the whole process, so that
connections of Dagster, which are not ours, wait here, too: as long as ever, but interruptibly. An exception
raised here makes psycopg2 close the connection.
"""

from __future__ import annotations

import select
import time

from psycopg2 import OperationalError  # type: ignore[import-untyped]
from psycopg2.extensions import (  # type: ignore[import-untyped]
    POLL_OK,
    POLL_READ,
    POLL_WRITE,
    connection,
    set_wait_callback,
)

CONNECT_TIMEOUT_S = 5.0
ANSWER_S = 60.0  # longer than the server itself waits for a lock


class StoreConnection(connection):  # type: ignore[misc]
    """A connection of the store: it gives up, where others wait for ever."""

    opened = False


def listen_while_waiting() -> None:
    """From now on every connection of this process waits as described above."""
    set_wait_callback(_wait)


def _wait(one: connection) -> None:
    longest = None
    if isinstance(one, StoreConnection):
        longest = ANSWER_S if one.opened else CONNECT_TIMEOUT_S
    heard = time.monotonic()
    while (state := one.poll()) != POLL_OK:
        left = None if longest is None else max(0.0, heard + longest - time.monotonic())
        reading = [one.fileno()] if state == POLL_READ else []
        writing = [one.fileno()] if state == POLL_WRITE else []
        if not any(select.select(reading, writing, [], left)):
            raise OperationalError(f"the server has not answered for {longest:.0f} s")
        heard = time.monotonic()
    if isinstance(one, StoreConnection):
        one.opened = True
