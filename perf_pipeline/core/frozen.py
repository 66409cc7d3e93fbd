"""The base of the values that steps hand to each other."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of every value between steps: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
