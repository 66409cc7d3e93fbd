"""Questions to the market: the part of the data that is only read."""

from __future__ import annotations

import sqlite3
from typing import Any

from perf_pipeline.demo.fixtures import SYMBOLS

_DAYS_BEFORE_MEAN = 28  # calendar days that hold the 20 trading days before the first one shown


def news(database: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """The newest articles first."""
    rows = database.execute("SELECT * FROM articles ORDER BY published_at DESC LIMIT ?", (limit,))
    return [dict(row) for row in rows]


def recommendations(database: sqlite3.Connection, *, days: int, page: int, page_size: int) -> dict[str, Any]:
    """One page of the recommendations of the last ``days`` days, newest first."""
    since = _first_day(database, days)
    total = database.execute("SELECT count(*) FROM recommendations WHERE date >= ?", (since,)).fetchone()[0]
    rows = database.execute(
        "SELECT * FROM recommendations WHERE date >= ? ORDER BY date DESC, ticker LIMIT ? OFFSET ?",
        (since, page_size, (page - 1) * page_size),
    )
    return {
        "total": total,
        "page": page,
        "page_size": page_size,
        "recommendations": [dict(row) for row in rows],
    }


def game_data(database: sqlite3.Connection, days: int) -> dict[str, Any]:
    """The last ``days`` days with all that a game shows of them."""
    since = _first_day(database, days)
    game_days: dict[str, dict[str, Any]] = {}
    for row in database.execute("SELECT * FROM calendar WHERE date >= ? ORDER BY date", (since,)):
        game_days[row["date"]] = {
            "day": len(game_days),
            "date": row["date"],
            "is_trading_day": bool(row["is_trading_day"]),
            "recommendations": [],
            "prices": {},
        }
    rows = database.execute(
        "SELECT recommendations.*, open, high, low, close, volume, round(mean_20d, 2) AS mean_20d FROM ("
        "  SELECT *, avg(close) OVER (PARTITION BY ticker ORDER BY date ROWS 19 PRECEDING) AS mean_20d"
        "  FROM prices WHERE date >= ?"
        ") JOIN recommendations USING (date, ticker) WHERE date >= ? ORDER BY date, ticker",
        (_first_day(database, days + _DAYS_BEFORE_MEAN), since),
    )
    for row in map(dict, rows):
        day = game_days[row["date"]]
        day["recommendations"].append(row)
        day["prices"][row["ticker"]] = row
    dates = list(game_days)
    return {
        "days": list(game_days.values()),
        "tickers": SYMBOLS,
        "start_date": dates[0],
        "end_date": dates[-1],
        "total_days": len(dates),
    }


def _first_day(database: sqlite3.Connection, days: int) -> str:
    row = database.execute(
        "SELECT min(date) FROM (SELECT date FROM calendar ORDER BY date DESC LIMIT ?)", (days,)
    ).fetchone()
    return str(row[0])
