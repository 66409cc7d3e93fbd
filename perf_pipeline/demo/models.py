"""Bodies of the HTTP contract: what a client sends and what it gets."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class RoomConfig(BaseModel):
    initial_cash: float = Field(gt=0)
    num_days: int = Field(ge=1, le=90)
    tickers: list[str] = Field(min_length=1)
    difficulty: str = "medium"


class NewRoom(BaseModel):
    created_by: str = Field(min_length=1, max_length=100)
    room_name: str = Field(min_length=1, max_length=100)
    config: RoomConfig
    game_mode: str = "async"


class Room(BaseModel):
    id: str
    room_code: str
    room_name: str
    created_by: str
    config: RoomConfig
    game_mode: str
    status: str


class RoomState(BaseModel):
    room_code: str
    room_name: str
    status: str
    game_mode: str
    total_players: int
    finished_players: int
    furthest_day: int


class Join(BaseModel):
    room_code: str = Field(min_length=6, max_length=6)
    player_name: str = Field(min_length=1, max_length=100)
    player_email: str | None = None


class Holding(BaseModel):
    shares: int
    avgCost: float  # noqa: N815 - the contract's spelling


class Trade(BaseModel):
    day: int
    ticker: str
    action: str
    shares: int
    price: float


class DayValue(BaseModel):
    day: int
    value: float


class PlayerUpdate(BaseModel):
    current_day: int = Field(ge=0)
    cash: float
    holdings: dict[str, Holding]
    trades: list[Trade]
    portfolio_value: float
    total_return_pct: float
    total_return_usd: float
    score: float
    grade: str
    score_breakdown: dict[str, Any]
    portfolio_history: list[DayValue]
    is_finished: bool


class Player(PlayerUpdate):
    id: str
    room_code: str
    player_name: str
    player_email: str | None


class LeaderboardEntry(BaseModel):
    rank: int
    player_id: str
    player_name: str
    score: float
    grade: str
    portfolio_value: float
    total_return_pct: float
    current_day: int
    is_finished: bool


class Article(BaseModel):
    id: int
    ticker: str
    headline: str
    content: str
    source: str
    published_at: str
    url: str


class Recommendation(BaseModel):
    id: int
    date: str
    ticker: str
    action: str
    confidence: float
    score: float
    target_price: float
    technical_signal: str
    sentiment_signal: str
    rationale: str


class RecommendationPage(BaseModel):
    total: int
    page: int
    page_size: int
    recommendations: list[Recommendation]


class Price(BaseModel):
    open: float
    high: float
    low: float
    close: float
    volume: int
    mean_20d: float


class GameDay(BaseModel):
    day: int
    date: str
    is_trading_day: bool
    recommendations: list[Recommendation]
    prices: dict[str, Price]


class GameData(BaseModel):
    days: list[GameDay]
    tickers: list[str]
    start_date: str
    end_date: str
    total_days: int


class Health(BaseModel):
    status: str
    service: str
    version: str
    environment: str


class Version(BaseModel):
    revision: str
    data_volume: str
    fixture_version: int
    service: str
