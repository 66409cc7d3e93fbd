"""The code location of the project, with a deploy sensor that looks as often as the daemon asks it."""

from __future__ import annotations

from perf_pipeline.defs import deploying

deploying.LOOK_EVERY_S = 1

from perf_pipeline.definitions import defs  # noqa: E402 - built with what is set above

__all__ = ["defs"]
