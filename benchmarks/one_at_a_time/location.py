"""The code location of the project, whose sensors may be asked every second."""

from __future__ import annotations

from perf_pipeline.defs import confirming, deploying

confirming.LOOK_EVERY_S = deploying.LOOK_EVERY_S = 1

from perf_pipeline.definitions import defs  # noqa: E402 - the sensors are made when it is imported

__all__ = ["defs"]
