"""Our judge behind the interface of a scorer of regression judges.

    python <scorer> --judge benchmarks.verdict_judge:judge

The control is left out (the judge does not use one yet), and of several candidate runs the last is judged.
The scorer knows no floor in milliseconds, so there is none here: what matters is 3 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from perf_pipeline.core.model import Effect, Samples
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings

SETTINGS = VerdictSettings(floor_ms=0.0)


def judge(
    baseline: Sequence[Mapping[str, Any]], candidates: Sequence[Mapping[str, Any]], control: str | None
) -> dict[str, dict[str, Any]]:
    """Endpoint -> verdict and (ratio, low, high) of p50 and p95."""
    judgement = compare(
        [_run(run) for run in baseline], [_run(run) for run in candidates], SETTINGS, control=control
    )
    return {
        name: {"verdict": one.verdict.value, "p50": _figures(one.p50), "p95": _figures(one.p95)}
        for name, one in judgement.endpoints.items()
    }


def _run(run: Mapping[str, Any]) -> dict[str, Samples]:
    return {name: Samples(t_ms=one.t_ms, duration_ms=one.duration_ms, ok=one.ok) for name, one in run.items()}


def _figures(effect: Effect | None) -> tuple[float, float, float]:
    return (math.nan,) * 3 if effect is None else (effect.ratio, effect.low, effect.high)
