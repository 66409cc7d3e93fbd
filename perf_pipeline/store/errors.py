"""What the store says when it cannot do what was asked."""

from __future__ import annotations


class StoreError(Exception):
    """The text is one sentence: what, where, what to do. It never holds a password."""


class BusyError(StoreError):
    """Another benchmark is running on the same generator or against the same target."""
