"""How long to leave something alone that has failed."""

from __future__ import annotations

from datetime import timedelta

FIRST = timedelta(minutes=1)
LONGEST = timedelta(hours=1)


def pause_after(failures: int) -> timedelta:
    """1, 2, 4 ... minutes after the first, second, third failure in a row; an hour at most."""
    doublings = min(max(failures, 1) - 1, 16)
    return min(FIRST * (1 << doublings), LONGEST)
