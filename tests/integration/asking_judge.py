"""A judge that asks for one more run whatever the machine does, for tests of what becomes of that.

Put in place of the real one by ``install()``, in a process of its own: ``python asking_judge.py ARGUMENTS``
is the command line with it, ``asking_location`` the code location.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import builders
import numpy as np

from perf_pipeline.core import judging, load_conduct
from perf_pipeline.core.judgement import Direction, Judgement, Verdict
from perf_pipeline.core.model import RunSamples

ENDPOINT = "get_game_data"
WHY = "get_game_data may have changed: another run tells"
SLOWER = 1.5  # the fault of these tests is far beyond it, noise is not


def judge(baseline: Sequence[RunSamples], candidates: Sequence[RunSamples], *_: Any, **__: Any) -> Judgement:
    """Asks of one run, and decides of two by the median of one endpoint."""
    found = builders.judgement()
    if len(candidates) == 1:
        one = builders.endpoint_verdict(ENDPOINT, Verdict.INCONCLUSIVE, leaning=Direction.SLOWER)
        more = WHY
    else:
        slower = _median(candidates) > SLOWER * _median(baseline)
        one = builders.endpoint_verdict(ENDPOINT, Verdict.REGRESSED if slower else Verdict.UNCHANGED)
        more = ""
    return found.model_copy(
        update={
            "endpoints": found.endpoints | {ENDPOINT: one},
            "candidates": len(candidates),
            "more": more,
        }
    )


def _median(runs: Sequence[RunSamples]) -> float:
    return float(np.median(np.concatenate([run[ENDPOINT].successful_ms() for run in runs])))


def install() -> None:
    judging.compare = judge  # type: ignore[attr-defined]
    load_conduct.MAX_GENERATOR_CPU = 1.0  # a busy machine is no matter of these tests
    load_conduct.MAX_UNSENT_RATIO = 1.0


if __name__ == "__main__":
    from perf_pipeline.cli.main import main

    install()
    main()
