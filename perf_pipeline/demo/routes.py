"""The HTTP contract. Handlers are coroutines that ask SQLite directly, on the event loop.

With one worker a thread pool would only let threads fight over the interpreter lock, which turns the few
milliseconds of one answer into a lottery for all others; one after the other, latencies stay steady.
"""

from __future__ import annotations

import sqlite3
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from perf_pipeline.demo import game, market, models


async def _database(request: Request) -> sqlite3.Connection:
    connection: sqlite3.Connection = request.app.state.database
    return connection


Database = Annotated[sqlite3.Connection, Depends(_database)]

router = APIRouter()


@router.post("/multiplayer/rooms")
async def create_room(room: models.NewRoom, database: Database) -> models.Room:
    return models.Room.model_validate(game.create_room(database, room))


@router.post("/multiplayer/rooms/join")
async def join_room(join: models.Join, database: Database) -> models.Player:
    try:
        player = game.join_room(database, join)
    except game.NameTakenError as error:
        raise HTTPException(400, f"Player name '{join.player_name}' is already taken in this room") from error
    if player is None:
        raise _no_room(join.room_code)
    return models.Player.model_validate(player)


@router.get("/multiplayer/rooms/{room_code}/state")
async def get_state(room_code: str, database: Database) -> models.RoomState:
    state = game.room_state(database, room_code)
    if state is None:
        raise _no_room(room_code)
    return models.RoomState.model_validate(state)


@router.get("/multiplayer/rooms/{room_code}/leaderboard")
async def leaderboard(room_code: str, database: Database) -> list[models.LeaderboardEntry]:
    entries = game.leaderboard(database, room_code)
    if entries is None:
        raise _no_room(room_code)
    return [models.LeaderboardEntry.model_validate(entry) for entry in entries]


@router.put("/multiplayer/players/{player_id}")
async def update_player(player_id: str, update: models.PlayerUpdate, database: Database) -> models.Player:
    player = game.update_player(database, player_id, update)
    if player is None:
        raise HTTPException(404, f"Player '{player_id}' not found")
    return models.Player.model_validate(player)


@router.get("/news/")
async def get_news(
    database: Database, limit: Annotated[int, Query(ge=1, le=100)] = 50
) -> list[models.Article]:
    return [models.Article.model_validate(article) for article in market.news(database, limit)]


@router.get("/recommendations/")
async def get_recommendations(
    database: Database,
    days: Annotated[int, Query(ge=1, le=365)] = 7,
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=200)] = 50,
) -> models.RecommendationPage:
    found = market.recommendations(database, days=days, page=page, page_size=page_size)
    return models.RecommendationPage.model_validate(found)


@router.get("/game/data")
async def get_game_data(
    database: Database, days: Annotated[int, Query(ge=1, le=365)] = 30
) -> models.GameData:
    return models.GameData.model_validate(market.game_data(database, days))


def _no_room(room_code: str) -> HTTPException:
    return HTTPException(404, f"Room '{room_code}' not found")
