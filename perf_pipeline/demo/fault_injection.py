"""Puts the faults between the application and its clients, without using CPU for them."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perf_pipeline.demo.endpoints import name_of
from perf_pipeline.demo.faults import Faults, is_chosen
from perf_pipeline.demo.pauses import pause

DEATH_EXIT_CODE = 1
# What k6 measures beyond the application: parsing the request, writing the answer, the loopback. Measured;
# percentages are of the latency that the client sees, so it counts.
CLIENT_SEES_MORE_S = 0.0005


class FaultInjection:
    """ASGI middleware; in place without faults too, so that with and without differ by the faults alone.

    Answers are complete when they are held back: a delay is one pause before the first byte, and its
    percentages are of the time the application took to make the answer, plus what a client sees around it.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self._faults = faults
        self._seen: Counter[str] = Counter()
        self._started = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._start_clock()
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        endpoint = name_of(scope["method"], scope["path"]) or ""
        self._seen[endpoint] += 1
        count = self._seen[endpoint]
        answer: list[Message] = []

        async def hold(message: Message) -> None:
            answer.append(message)

        started = time.perf_counter()
        if is_chosen(count, self._faults.fail.get(endpoint, 0.0)):
            failure = JSONResponse({"detail": f"Injected failure of {endpoint}"}, status_code=500)
            await failure(scope, receive, hold)
        else:
            await self.app(scope, receive, hold)
        await self._pause(endpoint, count, time.perf_counter() - started + CLIENT_SEES_MORE_S)
        for message in answer:
            await send(message)

    def _start_clock(self) -> None:
        self._started = time.monotonic()
        if self._faults.die_after_s is not None:
            # Not an orderly exit: a crash closes connections in the middle of answers.
            asyncio.get_running_loop().call_later(self._faults.die_after_s, os._exit, DEATH_EXIT_CODE)

    async def _pause(self, endpoint: str, count: int, took_s: float) -> None:
        pause_s = 0.0
        if slow := self._faults.slow.get(endpoint):
            pause_s += slow.of(took_s)
        if (tail := self._faults.tail.get(endpoint)) and is_chosen(count, tail.share):
            pause_s += tail.delay.of(took_s)
        if pause_s > 0:
            await pause(pause_s)
        if (stall := self._faults.stall) and (left_s := stall.left(time.monotonic() - self._started)) > 0:
            await asyncio.sleep(left_s)
