"""One endpoint as reports show it: its objectives, its change against the baseline, worded. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from perf_pipeline.core.judgement import Effect, EndpointVerdict
from perf_pipeline.core.model import EndpointSlo, RunRecord
from perf_pipeline.report import formats as f
from perf_pipeline.report.traces import Trace
from perf_pipeline.report.words import NOT_COMPARED, SLO_STATUSES, VERDICTS, Badge
from perf_pipeline.suite import Suite


@dataclass(frozen=True)
class EffectView:
    """One quantile against the baseline; ``low``, ``middle``, ``high`` are places on a line from 0 to 100."""

    change: str  # +48 %
    interval: str  # +41..+56 %
    baseline: str  # 121 ms
    now: str  # 179 ms
    difference: str  # +58 ms
    noise: str  # 4.0 %
    detectable: str  # 10 %
    detectable_next: str  # 9.1 %, with one more baseline run; empty when not known
    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class EndpointView:
    name: str
    method: str
    path: str
    status: Badge
    verdict: Badge
    requests: str
    failed: str
    errors: str  # share
    error_objective: str
    p50: str  # in ms, like the two below
    p95: str
    objective: str
    p50_objective: str  # "–" when none is promised
    headroom: str
    used: float | None  # p95 as a share of its objective, from 0 to 1 and beyond
    prometheus_p95: str
    prometheus_difference: str
    slo_sentence: str
    verdict_sentence: str  # the figures, and the advice if there is any
    advice: str
    error_kinds: tuple[str, ...]  # "status 500: 12"
    p50_effect: EffectView | None
    p95_effect: EffectView | None
    seen_from: str  # smallest change that could be told from noise, of p50 and of p95
    trace: Trace
    anchor: str  # id of its section in the HTML report


@dataclass(frozen=True)
class Line:
    """A symmetric logarithmic line of change, the same for all endpoints; 50 is "no change"."""

    reach: float  # log factor at its ends

    def place(self, factor: float) -> float:
        """Where a factor lies, from 0 to 100."""
        if not factor > 0:
            return 0.0
        return round(float(np.clip(50.0 + 50.0 * np.log(factor) / self.reach, 0.0, 100.0)), 2)

    def width(self, factor: float) -> float:
        """How far a factor above one reaches to one side of "no change", at most 50."""
        return round(min(50.0, 50.0 * float(np.log(factor)) / self.reach), 2)


def line_for(verdicts: Iterable[EndpointVerdict]) -> Line:
    """Long enough for every interval, within a factor of 1.3 to 4: beyond that an arrow's end says enough."""
    ends = [
        abs(float(np.log(value)))
        for verdict in verdicts
        for effect in (verdict.p50, verdict.p95)
        if effect is not None
        for value in (effect.low, effect.high)
        if value > 0
    ]
    return Line(reach=float(np.clip(1.05 * max(ends, default=0.0), np.log(1.3), np.log(4.0))))


def _effect(effect: Effect | None, line: Line) -> EffectView | None:
    if effect is None:
        return None
    return EffectView(
        change=f.change(effect.ratio),
        interval=f.interval(effect.low, effect.high),
        baseline=f.with_unit(effect.baseline_ms),
        now=f.with_unit(effect.candidate_ms),
        difference=f.signed_ms(effect.difference_ms),
        noise=f.percent(effect.noise_ratio),
        detectable=f.percent(effect.detectable_ratio),
        detectable_next=f.percent(effect.detectable_next_ratio) if effect.detectable_next_ratio else "",
        low=line.place(effect.low),
        middle=line.place(effect.ratio),
        high=line.place(effect.high),
    )


def _verdict_sentence(verdict: EndpointVerdict) -> str:
    return "; ".join(part for part in (verdict.sentence, verdict.advice) if part)


def endpoint_view(
    slo: EndpointSlo,
    verdict: EndpointVerdict | None,
    *,
    record: RunRecord,
    suite: Suite,
    line: Line,
    trace: Trace,
    number: int,
) -> EndpointView:
    known = suite.endpoints.get(slo.endpoint)
    kinds = record.load.errors_by_kind.get(slo.endpoint, {})
    compared = record.comparison.compared and verdict is not None
    return EndpointView(
        name=slo.endpoint,
        method=known.method if known else "",
        path=known.path if known else "",
        status=SLO_STATUSES[slo.status],
        verdict=VERDICTS[verdict.verdict] if compared and verdict else NOT_COMPARED,
        requests=f.count(slo.requests),
        failed=f.count(slo.failed),
        errors=f.percent(slo.error_ratio),
        error_objective=f.percent(slo.error_objective_ratio),
        p50=f.ms(slo.p50_ms),
        p95=f.ms(slo.p95_ms),
        objective=f.promised_ms(slo.p95_objective_ms),
        p50_objective=f.promised_ms(slo.p50_objective_ms),
        headroom=f.percent(slo.headroom_ratio),
        used=None if slo.p95_ms is None else slo.p95_ms / slo.p95_objective_ms,
        prometheus_p95=f.ms(slo.prometheus_p95_ms),
        prometheus_difference=(
            f.change(slo.prometheus_p95_ms / slo.p95_ms) if slo.prometheus_p95_ms and slo.p95_ms else ""
        ),
        slo_sentence=slo.sentence,
        verdict_sentence=_verdict_sentence(verdict) if compared and verdict else "",
        advice=verdict.advice if compared and verdict else "",
        error_kinds=tuple(f"{kind}: {f.count(number)}" for kind, number in sorted(kinds.items(), key=_most)),
        p50_effect=_effect(verdict.p50, line) if compared and verdict else None,
        p95_effect=_effect(verdict.p95, line) if compared and verdict else None,
        seen_from=_seen_from(verdict) if compared and verdict else "",
        trace=trace,
        anchor=f"endpoint-{number}",
    )


def _seen_from(verdict: EndpointVerdict) -> str:
    effects = (verdict.p50, verdict.p95)
    if effects == (None, None):
        return ""
    return " / ".join(f.percent(effect.detectable_ratio) if effect else f.NONE for effect in effects)


def _most(kind: tuple[str, int]) -> tuple[int, str]:
    return (-kind[1], kind[0])
