"""The way of live progress from the load step to whoever started the run in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from perf_pipeline.load.progress import Progress

LOG_EVERY_S = 5.0

Listener = Callable[[Progress], None]

_listeners: list[Listener] = []
_waiting: list[Callable[[str], None]] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Every progress of a load that runs in this process goes to ``listener`` meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def hearing(of_waiting: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile ``of_waiting`` gets a sentence whenever a run of this process has to wait for another one."""
    _waiting.append(of_waiting)
    try:
        yield
    finally:
        _waiting.remove(of_waiting)


def waiting_reporter(log: Callable[[str], None]) -> Callable[[str], None]:
    """A callback for a run that has to wait: tells all who hear of it, and writes it with ``log``."""

    def report(sentence: str) -> None:
        log(sentence)
        for one in _waiting:
            one(sentence)

    return report


def reporter(log: Callable[[str], None], *more: Listener) -> Listener:
    """A callback for ``run_load``: tells all listeners, and now and then writes a line with ``log``."""
    last = float("-inf")

    def report(progress: Progress) -> None:
        nonlocal last
        for listener in (*_listeners, *more):
            listener(progress)
        now = time.monotonic()
        if now - last >= LOG_EVERY_S:
            last = now
            with suppress(Exception):  # Dagster's storage is away at this moment: the load matters more
                log(sentence(progress))

    return report


def sentence(progress: Progress) -> str:
    """Such as ``measure: 15 of 110 s, 525 requests (35.0 per s), 2 failed``."""
    parts = [f"{progress.phase}: {progress.elapsed_s:.0f} of {progress.planned_s:.0f} s"]
    if progress.requests is not None:
        rate = f" ({progress.rate_per_s:.1f} per s)" if progress.rate_per_s is not None else ""
        parts.append(f"{progress.requests} requests{rate}")
    if progress.failed is not None:
        parts.append(f"{progress.failed} failed")
    return ", ".join(parts)
