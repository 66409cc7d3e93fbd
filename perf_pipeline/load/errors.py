"""What goes wrong before anything is measured."""

from __future__ import annotations


class LoadError(Exception):
    """Nothing was measured. The text is one sentence: what, where, what to do."""


class CapExceededError(LoadError):
    """The plan would send more, or elsewhere, than the target allows; nothing was started."""
