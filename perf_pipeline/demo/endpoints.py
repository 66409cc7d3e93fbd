"""The requests of the HTTP contract by name, so that a fault can say which of them it is about."""

from __future__ import annotations

import re
from typing import NamedTuple

API = "/api/v1"


class Endpoint(NamedTuple):
    """One kind of request; ``path`` matches the whole path, as the contract writes it."""

    name: str
    method: str
    path: re.Pattern[str]


def _endpoint(name: str, method: str, path: str) -> Endpoint:
    return Endpoint(name, method, re.compile(re.sub(r"\{\w+\}", "[^/]+", API + path)))


MEASURED = (
    _endpoint("join_room", "POST", "/multiplayer/rooms/join"),
    _endpoint("get_state", "GET", "/multiplayer/rooms/{room_code}/state"),
    _endpoint("leaderboard", "GET", "/multiplayer/rooms/{room_code}/leaderboard"),
    _endpoint("get_news", "GET", "/news/"),
    _endpoint("get_recommendations", "GET", "/recommendations/"),
    _endpoint("get_game_data", "GET", "/game/data"),
    _endpoint("update_player", "PUT", "/multiplayer/players/{player_id}"),
)
# Never measured, but a test of the pipeline may want a backend that is never healthy.
UNMEASURED = (
    _endpoint("create_room", "POST", "/multiplayer/rooms"),
    _endpoint("health", "GET", "/health/"),
)
MEASURED_NAMES = tuple(endpoint.name for endpoint in MEASURED)
NAMES = (*MEASURED_NAMES, *(endpoint.name for endpoint in UNMEASURED))


def name_of(method: str, path: str) -> str | None:
    """The contract's name of a request; None for anything else (redirects, ``/metrics``, unknown paths)."""
    for endpoint in (*MEASURED, *UNMEASURED):
        if endpoint.method == method and endpoint.path.fullmatch(path):
            return endpoint.name
    return None
