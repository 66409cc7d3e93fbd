"""The code location of the project, with the judge that asks for one more run."""

from __future__ import annotations

import asking_judge

from perf_pipeline.definitions import defs

__all__ = ["defs"]

asking_judge.install()
