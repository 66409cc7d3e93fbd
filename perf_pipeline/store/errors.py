"""What the store says when it cannot do what was asked."""

from __future__ import annotations


class StoreError(Exception):
    """The text is one sentence: what, where, what to do. It never holds a password."""


class BusyError(StoreError):
    """Another benchmark is in the way: on this generator, against this target, or of the same series."""
