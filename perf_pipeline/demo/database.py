"""The two SQLite files of the reference backend, and the one connection that serves both.

``market-*.sqlite`` holds the fixtures of one volume and version: built once, then only read.
``game.sqlite`` holds rooms and players and is made anew at every start, so that all starts are equal.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from perf_pipeline.demo import fixtures

CHECKPOINT_EVERY_S = 2.0
GAME_FILE = "game.sqlite"
LOCK_FILE = "in-use"

_MARKET_SCHEMA = """
CREATE TABLE calendar (date TEXT PRIMARY KEY, is_trading_day INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE prices (
    date TEXT NOT NULL, ticker TEXT NOT NULL, open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL,
    close REAL NOT NULL, volume INTEGER NOT NULL, PRIMARY KEY (date, ticker)
) WITHOUT ROWID;
CREATE TABLE recommendations (
    id INTEGER PRIMARY KEY, date TEXT NOT NULL, ticker TEXT NOT NULL, action TEXT NOT NULL,
    confidence REAL NOT NULL, score REAL NOT NULL, target_price REAL NOT NULL,
    technical_signal TEXT NOT NULL, sentiment_signal TEXT NOT NULL, rationale TEXT NOT NULL
);
CREATE INDEX recommendations_by_date ON recommendations (date, ticker);
CREATE TABLE articles (
    id INTEGER PRIMARY KEY, ticker TEXT NOT NULL, headline TEXT NOT NULL, content TEXT NOT NULL,
    source TEXT NOT NULL, published_at TEXT NOT NULL, url TEXT NOT NULL
);
CREATE INDEX articles_by_time ON articles (published_at);
"""

_GAME_SCHEMA = """
CREATE TABLE game.rooms (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, room_code TEXT NOT NULL UNIQUE, created_by TEXT NOT NULL,
    room_name TEXT NOT NULL, config TEXT NOT NULL, game_mode TEXT NOT NULL, status TEXT NOT NULL
);
CREATE TABLE game.players (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, room INTEGER NOT NULL, player_name TEXT NOT NULL,
    player_email TEXT, current_day INTEGER NOT NULL, cash REAL NOT NULL, holdings TEXT NOT NULL,
    trades TEXT NOT NULL, portfolio_value REAL NOT NULL, total_return_pct REAL NOT NULL,
    total_return_usd REAL NOT NULL, score REAL NOT NULL, grade TEXT NOT NULL, score_breakdown TEXT NOT NULL,
    portfolio_history TEXT NOT NULL, is_finished INTEGER NOT NULL, UNIQUE (room, player_name)
);
CREATE INDEX game.players_by_score ON players (room, score DESC);
"""


class DataFolderInUseError(Exception):
    """Another reference backend runs on the same folder; its rooms would be wiped."""


@contextmanager
def claim(data_dir: Path) -> Iterator[None]:
    """Keep the folder to ourselves; the system lets go of it however the process ends.

    Raises DataFolderInUseError with one sentence, OSError when the folder cannot be made or written.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderInUseError(
                f"The data folder {data_dir} is in use by another reference backend: give another --data-dir."
            ) from error
        yield


def market_file(data_dir: Path, days: int) -> Path:
    """Version and volume are in the name: a file that exists is the right one, and complete."""
    return data_dir / f"market-v{fixtures.FIXTURE_VERSION}-{fixtures.data_volume(days)}.sqlite"


def build_market(data_dir: Path, days: int) -> Path:
    """Build the fixtures unless they are there already."""
    path = market_file(data_dir, days)
    if path.exists():
        return path
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    market = list(fixtures.prices(days))
    with closing(sqlite3.connect(unfinished)) as connection, connection:
        connection.executescript(_MARKET_SCHEMA)
        connection.executemany(
            "INSERT INTO calendar VALUES (?, ?)",
            ((day.isoformat(), fixtures.is_trading_day(day)) for day in fixtures.calendar(days)),
        )
        connection.executemany("INSERT INTO prices VALUES (?, ?, ?, ?, ?, ?, ?)", market)
        connection.executemany(
            "INSERT INTO recommendations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            fixtures.recommendations(market),
        )
        connection.executemany("INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?)", fixtures.articles())
        connection.execute("ANALYZE")
    os.replace(unfinished, path)  # noqa: PTH105 - atomic, and says so
    return path


def open_database(data_dir: Path, days: int) -> sqlite3.Connection:
    """A connection on both files, with a game nobody has joined yet. Build the market first."""
    game = data_dir / GAME_FILE
    for suffix in ("", "-wal", "-shm"):
        game.with_name(game.name + suffix).unlink(missing_ok=True)
    connection = sqlite3.connect(market_file(data_dir, days), isolation_level=None, cached_statements=64)
    connection.row_factory = sqlite3.Row
    connection.execute("ATTACH DATABASE ? AS game", (str(game),))
    connection.execute("PRAGMA game.journal_mode = WAL")
    connection.execute("PRAGMA game.synchronous = NORMAL")
    # SQLite would sync to disk inside every 300th update or so, a slow request that nobody asked for.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.executescript(_GAME_SCHEMA)
    return connection


async def checkpoint_forever(data_dir: Path) -> None:
    """Move the write-ahead log into the file from a thread, where no request waits for the disk."""
    with closing(sqlite3.connect(data_dir / GAME_FILE, check_same_thread=False)) as connection:
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY_S)
            await asyncio.to_thread(lambda: connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())
