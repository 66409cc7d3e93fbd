"""Our judge behind the interface of a scorer of regression judges.

    python <scorer> --judge benchmarks.verdict_judge:judge

The scorer knows no floor in milliseconds, so there is none here: what matters is 3 %. Its candidate runs are
no neighbours in time and share no noise (`near`); in the pipeline they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from perf_pipeline.core.judgement import Effect, Verdict
from perf_pipeline.core.model import Samples
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings

SETTINGS = VerdictSettings(floor_ms=0.0)


def judge(
    baseline: Sequence[Mapping[str, Any]], candidates: Sequence[Mapping[str, Any]], control: str | None
) -> dict[str, Any]:
    """Endpoint -> verdict and figures of p50 and p95; ``*``: what all share; ``more``: asks for a run."""
    judgement = compare(
        [_run(run) for run in baseline],
        [_run(run) for run in candidates],
        SETTINGS,
        control=control,
        near=0.0,
    )
    answer: dict[str, Any] = {
        name: {"verdict": one.verdict.value, "p50": _figures(one.p50), "p95": _figures(one.p95)}
        for name, one in judgement.endpoints.items()
    }
    if judgement.common is not None:
        common, ratio = judgement.common, judgement.common.p50_ratio
        said = (common.verdict or Verdict.INCONCLUSIVE).value
        answer["*"] = {
            "verdict": said,
            "p50": (ratio, math.nan, math.nan),
            "p95": (common.p95_ratio, math.nan, math.nan),
        }
    return answer | {"more": bool(judgement.more)}


def _run(run: Mapping[str, Any]) -> dict[str, Samples]:
    return {name: Samples(t_ms=one.t_ms, duration_ms=one.duration_ms, ok=one.ok) for name, one in run.items()}


def _figures(effect: Effect | None) -> tuple[float, float, float]:
    return (math.nan,) * 3 if effect is None else (effect.ratio, effect.low, effect.high)
