"""The one view model: all that a report says of a run, worded and formatted, ready to be laid out.

HTML, Markdown, JUnit and the terminal lay out this model and decide nothing themselves, so they cannot
disagree. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perf_pipeline.core.model import (
    Effect,
    EndpointSlo,
    EndpointVerdict,
    Outcome,
    Reason,
    RunRecord,
    RunSamples,
)
from perf_pipeline.report import formats as f
from perf_pipeline.report.facts import (
    Fact,
    File,
    Hint,
    condition_facts,
    head_facts,
    hints,
    quality_facts,
    repeat_command,
    run_files,
)
from perf_pipeline.report.traces import RateTrace, Trace, endpoint_trace, rate_trace
from perf_pipeline.report.words import NOT_COMPARED, OUTCOMES, SLO_STATUSES, VERDICTS, Badge
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
    achieved: str
    slo_sentence: str
    verdict_sentence: str
    error_kinds: tuple[str, ...]  # "status 500: 12"
    p50_effect: EffectView | None
    p95_effect: EffectView | None
    seen_from: str  # smallest change that could be told from noise, of p50 and of p95
    trace: Trace
    anchor: str  # id of its section in the HTML report


@dataclass(frozen=True)
class ReconciliationView:
    endpoint: str
    agrees: bool
    exact_p50: str
    prometheus_p50: str
    exact_p95: str
    prometheus_p95: str
    exact_count: str  # succeeded + failed
    prometheus_count: str
    note: str


@dataclass(frozen=True)
class RunView:
    """Everything a report shows."""

    run_id: str
    title: str
    outcome: Badge
    exit_code: int
    sentence: str
    when: str
    head: tuple[Fact, ...]
    endpoints: tuple[EndpointView, ...]
    invalid_reasons: tuple[Reason, ...]
    breaches: tuple[Reason, ...]
    more_reasons: tuple[Reason, ...]  # those that the sentence does not name
    warnings: tuple[Reason, ...]
    compared: bool
    comparison_line: str  # against what, or why not
    common: str  # what all endpoints share in this run; "" when nothing was found
    baseline_sentence: str  # whether the run entered the baseline, and why
    missing_runs: str
    tolerance_p50: float  # half width of "unchanged" on the line from 0 to 100
    tolerance_p95: float
    tolerances: str
    quality: tuple[Fact, ...]
    reconciliation: tuple[ReconciliationView, ...]
    conditions: tuple[Fact, ...]
    fingerprint: tuple[Fact, ...]
    fingerprint_key: str
    repeat: str
    k6_command: str
    hints: tuple[Hint, ...]
    files: tuple[File, ...]
    folder: str
    rate: RateTrace

    @property
    def measured(self) -> bool:
        """Anything to say of single endpoints."""
        return any(one.requests != "0" for one in self.endpoints)

    @property
    def valid(self) -> bool:
        return not self.invalid_reasons


def build_view(
    record: RunRecord,
    *,
    suite: Suite,
    samples: RunSamples | None = None,
    baseline: Sequence[RunSamples] = (),
    series: Mapping[str, Any] | None = None,
) -> RunView:
    """``samples`` and ``baseline`` (oldest first) feed the plots; an old run may have lost them."""
    del series
    comparison = record.comparison
    verdicts = comparison.judgement.endpoints
    line = _line(verdicts.values())
    profile = suite.profiles.get(record.stack.request.profile)
    request = record.stack.request
    return RunView(
        run_id=record.stack.run_id,
        title=f"{request.suite} on {request.target}, profile {request.profile}",
        outcome=OUTCOMES[record.outcome],
        exit_code=record.outcome.exit_code,
        sentence=_sentence(record),
        when=f.when(record.load.started_at),
        head=head_facts(record),
        endpoints=tuple(
            _endpoint(
                slo,
                verdicts.get(slo.endpoint),
                record=record,
                suite=suite,
                line=line,
                trace=endpoint_trace(slo.endpoint, record=record, samples=samples or {}, baseline=baseline),
                number=number,
            )
            for number, slo in enumerate(record.slo.endpoints, start=1)
        ),
        invalid_reasons=tuple(record.slo.invalid_reasons),
        breaches=tuple(record.slo.breaches),
        more_reasons=tuple(_reasons(record)[1:]),
        warnings=tuple(record.slo.warnings),
        compared=comparison.compared,
        comparison_line=_comparison_line(record),
        common=comparison.judgement.common.sentence if comparison.judgement.common else "",
        baseline_sentence=record.baseline_sentence,
        missing_runs=_missing(record),
        tolerance_p50=line.width(1.0 + suite.verdict.tolerance_p50_ratio),
        tolerance_p95=line.width(1.0 + suite.verdict.tolerance_p95_ratio),
        tolerances=(
            f"p50 within {f.percent(suite.verdict.tolerance_p50_ratio)}, "
            f"p95 within {f.percent(suite.verdict.tolerance_p95_ratio)}"
        ),
        quality=quality_facts(record),
        reconciliation=_reconciliation(record),
        conditions=condition_facts(record),
        fingerprint=tuple(
            Fact(name.replace("_", " "), str(value))
            for name, value in record.load.fingerprint.model_dump().items()
        ),
        fingerprint_key=record.load.fingerprint.key(),
        repeat=repeat_command(record),
        k6_command=" ".join(record.load.command),
        hints=hints(record),
        files=run_files(record),
        folder=record.stack.run_folder,
        rate=rate_trace(record=record, suite=suite, profile=profile, samples=samples or {}),
    )


# ------------------------------------------------------------------ sentences


def _sentence(record: RunRecord) -> str:
    """The outcome's sentence without the outcome's own word: that stands beside it everywhere.

    Where there are several reasons, the first: the others follow as a list, not as one long sentence.
    """
    reasons = _reasons(record)
    if len(reasons) > 1:
        return reasons[0].sentence
    word, _, rest = record.sentence.partition(": ")
    return rest if rest and word.replace(" ", "_").lower() in set(Outcome) else record.sentence


def _reasons(record: RunRecord) -> list[Reason]:
    """Why the outcome is what it is, the outcome's own reasons first."""
    if record.outcome not in (Outcome.INVALID, Outcome.SLO_BREACHED):
        return []
    return [*record.slo.invalid_reasons, *record.slo.breaches]


def _comparison_line(record: RunRecord) -> str:
    comparison = record.comparison
    if not comparison.compared or comparison.baseline is None:
        return comparison.why_not or "not compared with a baseline."
    runs = comparison.baseline
    revisions = list(dict.fromkeys(runs.revisions))
    word = "revision" if len(revisions) == 1 else "revisions"
    pinned = "pinned " if runs.mode == "pinned" else ""
    text = f.plural(len(runs.run_ids), f"{pinned}baseline run")
    return f"{text} of {word} {f.names(revisions)}" if revisions else text


def _missing(record: RunRecord) -> str:
    runs = record.comparison.baseline
    if runs is None or not runs.missing_run_ids:
        return ""
    number = len(runs.missing_run_ids)
    who = "run belongs" if number == 1 else "runs belong"
    return (
        f"{number} more {who} to the baseline but the raw samples are gone: {f.names(runs.missing_run_ids)}."
    )


# ------------------------------------------------------------------ endpoints


@dataclass(frozen=True)
class _Line:
    """A symmetric logarithmic line of change, the same for all endpoints; 50 is "no change"."""

    reach: float  # log factor at its ends

    def place(self, factor: float) -> float:
        if not factor > 0:
            return 0.0
        return round(float(np.clip(50.0 + 50.0 * np.log(factor) / self.reach, 0.0, 100.0)), 2)

    def width(self, factor: float) -> float:
        return round(min(50.0, 50.0 * float(np.log(factor)) / self.reach), 2)


def _line(verdicts: Any) -> _Line:
    """Long enough for every interval, within a factor of 1.3 to 4: beyond that an arrow's end says enough."""
    ends = [
        abs(float(np.log(value)))
        for verdict in verdicts
        for effect in (verdict.p50, verdict.p95)
        if effect is not None
        for value in (effect.low, effect.high)
        if value > 0
    ]
    return _Line(reach=float(np.clip(1.05 * max(ends, default=0.0), np.log(1.3), np.log(4.0))))


def _effect(effect: Effect | None, line: _Line) -> EffectView | None:
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
        low=line.place(effect.low),
        middle=line.place(effect.ratio),
        high=line.place(effect.high),
    )


def _endpoint(
    slo: EndpointSlo,
    verdict: EndpointVerdict | None,
    *,
    record: RunRecord,
    suite: Suite,
    line: _Line,
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
        objective=f.ms(slo.p95_objective_ms),
        p50_objective=f.ms(slo.p50_objective_ms),
        headroom=f.percent(slo.headroom_ratio),
        used=None if slo.p95_ms is None else slo.p95_ms / slo.p95_objective_ms,
        prometheus_p95=f.ms(slo.prometheus_p95_ms),
        prometheus_difference=(
            f.change(slo.prometheus_p95_ms / slo.p95_ms) if slo.prometheus_p95_ms and slo.p95_ms else ""
        ),
        achieved=f.per_second(slo.achieved_per_s),
        slo_sentence=slo.sentence,
        verdict_sentence=verdict.sentence if compared and verdict else "",
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


def _reconciliation(record: RunRecord) -> tuple[ReconciliationView, ...]:
    return tuple(
        ReconciliationView(
            endpoint=row.endpoint,
            agrees=row.agrees,
            exact_p50=f.ms(row.exact_p50_ms),
            prometheus_p50=f.ms(row.prometheus_p50_ms),
            exact_p95=f.ms(row.exact_p95_ms),
            prometheus_p95=f.ms(row.prometheus_p95_ms),
            exact_count=f"{f.count(row.exact_succeeded)} + {f.count(row.exact_failed)}",
            prometheus_count=f"{f.count(row.prometheus_succeeded)} + {f.count(row.prometheus_failed)}",
            note=row.note,
        )
        for row in record.snapshot.reconciliation
    )
