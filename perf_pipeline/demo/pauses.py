"""Waiting for a time that is short against the millisecond to which event loops round."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

# asyncio rounds up to a millisecond and uvloop to the nearest one: too coarse for "50 % slower" when an
# answer takes two. A sleeping thread is exact to a tenth of that and uses no CPU either.
FINE_S = 0.003
HANDOVER_S = 0.00025  # from the event loop to the thread and back, measured
THREADS = 32

_sleepers = ThreadPoolExecutor(THREADS, thread_name_prefix="pause")


async def pause(duration_s: float) -> None:
    """Let ``duration_s`` pass while the event loop serves others; exact to about 0.1 ms when idle."""
    end = time.perf_counter() + duration_s
    if duration_s > FINE_S:
        await asyncio.sleep(duration_s - FINE_S)
    left_s = end - time.perf_counter() - HANDOVER_S
    if left_s > 0:
        await asyncio.get_running_loop().run_in_executor(_sleepers, time.sleep, left_s)
