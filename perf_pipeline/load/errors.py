"""What goes wrong with a load: before anything is sent, or with what it left behind."""

from __future__ import annotations


class LoadError(Exception):
    """Nothing was measured. The text is one sentence: what, where, what to do."""


class UnreadableError(Exception):
    """Load was sent, but what came of it cannot be read. The text is one sentence, as above."""


class CapExceededError(LoadError):
    """The plan would send more, or elsewhere, than the target allows; nothing was started."""
