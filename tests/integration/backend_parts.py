"""The reference backend as a real process on a free port, for the tests that talk to it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
ROOM = {
    "created_by": "teacher",
    "room_name": "Class 7b",
    "config": {"initial_cash": 10000, "num_days": 30, "tickers": ["AAPL", "MSFT"], "difficulty": "medium"},
    "game_mode": "async",
}
UPDATE = {
    "current_day": 3,
    "cash": 9000.5,
    "holdings": {"AAPL": {"shares": 5, "avgCost": 199.9}},
    "trades": [{"day": 1, "ticker": "AAPL", "action": "buy", "shares": 5, "price": 199.9}],
    "portfolio_value": 10010.0,
    "total_return_pct": 0.1,
    "total_return_usd": 10.0,
    "score": 12.5,
    "grade": "B",
    "score_breakdown": {"return": 12.5},
    "portfolio_history": [{"day": 1, "value": 10000.0}],
    "is_finished": False,
}


@dataclass
class Backend:
    process: subprocess.Popen[str]
    root: httpx.Client
    api: httpx.Client

    def room(self) -> str:
        return str(self.api.post("/multiplayer/rooms", json=ROOM).json()["room_code"])

    def join(self, code: str, name: str) -> httpx.Response:
        return self.api.post("/multiplayer/rooms/join", json={"room_code": code, "player_name": name})


def command(data_dir: Path, *options: str, port: int = 0) -> list[str]:
    return [
        sys.executable,
        "-m",
        "perf_pipeline.demo",
        "--port",
        str(port),
        "--data-dir",
        str(data_dir),
        *options,
    ]


@contextmanager
def running(data_dir: Path, *options: str) -> Iterator[Backend]:
    """A backend on a free port; it prints its address once it listens."""
    process = subprocess.Popen(command(data_dir, *options), stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with (
            httpx.Client(base_url=url, timeout=10) as root,
            httpx.Client(base_url=f"{url}/api/v1", timeout=10) as api,
        ):
            while True:
                try:
                    assert api.get("/health/").is_success
                    break
                except httpx.ConnectError:
                    time.sleep(0.02)
            watchdog.cancel()
            yield Backend(process, root, api)
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate(timeout=STOP_TIMEOUT_S)


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
