"""Rooms and players: the part of the data that clients write."""

from __future__ import annotations

import json
import sqlite3
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from perf_pipeline.demo.models import Join, NewRoom, PlayerUpdate

FIRST_DAY = 0
FIRST_GRADE = "C"

_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that a player could mistake for another
_CODE_LENGTH = 6
_JSON_COLUMNS = ("holdings", "trades", "score_breakdown", "portfolio_history")


class NameTakenError(Exception):
    """A player name is unique within its room."""


def create_room(database: sqlite3.Connection, room: NewRoom) -> dict[str, Any]:
    """The new room as its row; ids and codes count up, so that equal starts give equal ones."""
    number = database.execute("SELECT coalesce(max(number), 0) + 1 FROM rooms").fetchone()[0]
    database.execute(
        "INSERT INTO rooms VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting')",
        (
            number,
            _id("room", number),
            _room_code(number),
            room.created_by,
            room.room_name,
            room.config.model_dump_json(),
            room.game_mode,
        ),
    )
    row = database.execute("SELECT * FROM rooms WHERE number = ?", (number,)).fetchone()
    return dict(row) | {"config": json.loads(row["config"])}


def join_room(database: sqlite3.Connection, join: Join) -> dict[str, Any] | None:
    """The new player; None when there is no such room. Raises NameTakenError."""
    room = database.execute(
        "SELECT number, config FROM rooms WHERE room_code = ?", (join.room_code,)
    ).fetchone()
    if room is None:
        return None
    cash = json.loads(room["config"])["initial_cash"]
    number = database.execute("SELECT coalesce(max(number), 0) + 1 FROM players").fetchone()[0]
    player_id = _id("player", number)
    try:
        database.execute(
            "INSERT INTO players VALUES (?, ?, ?, ?, ?, ?, ?, '{}', '[]', ?, 0, 0, 0, ?, '{}', '[]', 0)",
            (
                number,
                player_id,
                room["number"],
                join.player_name,
                join.player_email,
                FIRST_DAY,
                cash,
                cash,
                FIRST_GRADE,
            ),
        )
    except sqlite3.IntegrityError as error:
        raise NameTakenError from error
    return player(database, player_id)


def player(database: sqlite3.Connection, player_id: str) -> dict[str, Any] | None:
    row = database.execute(
        "SELECT players.*, rooms.room_code FROM players JOIN rooms ON rooms.number = players.room"
        " WHERE players.id = ?",
        (player_id,),
    ).fetchone()
    if row is None:
        return None
    return dict(row) | {column: json.loads(row[column]) for column in _JSON_COLUMNS}


def update_player(
    database: sqlite3.Connection, player_id: str, update: PlayerUpdate
) -> dict[str, Any] | None:
    """The player afterwards; None when there is no such player."""
    values = update.model_dump()
    values |= {column: json.dumps(values[column]) for column in _JSON_COLUMNS}
    database.execute(
        "UPDATE players SET current_day = :current_day, cash = :cash, holdings = :holdings, trades = :trades,"
        " portfolio_value = :portfolio_value, total_return_pct = :total_return_pct,"
        " total_return_usd = :total_return_usd, score = :score, grade = :grade,"
        " score_breakdown = :score_breakdown, portfolio_history = :portfolio_history,"
        " is_finished = :is_finished WHERE id = :id",
        values | {"id": player_id},
    )
    return player(database, player_id)


def room_state(database: sqlite3.Connection, room_code: str) -> dict[str, Any] | None:
    row = database.execute(
        "SELECT room_code, room_name, status, game_mode, count(players.number) AS total_players,"
        " coalesce(sum(is_finished), 0) AS finished_players, coalesce(max(current_day), 0) AS furthest_day"
        " FROM rooms LEFT JOIN players ON players.room = rooms.number"
        " WHERE room_code = ? GROUP BY rooms.number",
        (room_code,),
    ).fetchone()
    return None if row is None else dict(row)


def leaderboard(database: sqlite3.Connection, room_code: str) -> list[dict[str, Any]] | None:
    """All players of the room, best first; None when there is no such room."""
    room = database.execute("SELECT number FROM rooms WHERE room_code = ?", (room_code,)).fetchone()
    if room is None:
        return None
    rows = database.execute(
        "SELECT id AS player_id, player_name, score, grade, portfolio_value, total_return_pct, current_day,"
        " is_finished FROM players WHERE room = ? ORDER BY score DESC, number",
        (room["number"],),
    )
    return [dict(row) | {"rank": rank} for rank, row in enumerate(rows, start=1)]


def _id(kind: str, number: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"reference-backend/{kind}/{number}"))


def _room_code(number: int) -> str:
    # An odd multiplier permutes all codes: no two rooms share one, and neighbours do not look alike.
    scattered = number * 0x2545F491 % len(_CODE_LETTERS) ** _CODE_LENGTH
    letters = []
    for _ in range(_CODE_LENGTH):
        scattered, letter = divmod(scattered, len(_CODE_LETTERS))
        letters.append(_CODE_LETTERS[letter])
    return "".join(letters)
