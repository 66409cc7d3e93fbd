"""What the store says when it cannot do what was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Done = TypeVar("Done")


class StoreError(Exception):
    """The text is one sentence: what, where, what to do. It never holds a password."""


class BusyError(StoreError):
    """Another benchmark is in the way: on this generator, or against this target. It will end."""


class SupersededError(BusyError):
    """Another benchmark of the same series came first: this one is not needed, and waiting does not help."""


class UnreachableError(StoreError):
    """The database's server went away, or did not come back in time. Nothing was stored; try again later."""


def surely(act: Callable[[], Done]) -> Done:
    """Once more when the database went away in the middle of it. For what changes nothing when done twice."""
    try:
        return act()
    except UnreachableError:
        return act()
