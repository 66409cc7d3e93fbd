"""The one view model: all that a report says of a run, worded and formatted, ready to be laid out.

HTML, Markdown, JUnit and the terminal lay out this model and decide nothing themselves, so they cannot
disagree. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perf_pipeline.core.control import without_control
from perf_pipeline.core.history_model import Past
from perf_pipeline.core.model import (
    Outcome,
    PrometheusSnapshot,
    Reason,
    RunRecord,
    RunSamples,
)
from perf_pipeline.core.wording import listing
from perf_pipeline.report import formats as f
from perf_pipeline.report.endpoint_view import EndpointView, endpoint_view, line_for
from perf_pipeline.report.facts import (
    Fact,
    File,
    Hint,
    baseline_line,
    condition_facts,
    control_line,
    deploy_line,
    head_facts,
    hints,
    quality_facts,
    repeat_command,
    run_files,
)
from perf_pipeline.report.history_view import NO_HISTORY, HistoryView, history_view
from perf_pipeline.report.series import series_lines
from perf_pipeline.report.traces import RateTrace, endpoint_trace, rate_trace
from perf_pipeline.report.words import OUTCOMES, Badge
from perf_pipeline.suite import Suite


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
    exact_success: str  # share of the requests
    prometheus_success: str
    note: str


@dataclass(frozen=True)
class RunView:
    """Everything a report shows."""

    run_id: str
    title: str
    outcome: Badge
    sentence: str
    when: str
    deploy: str  # that it followed; "" for none
    head: tuple[Fact, ...]
    endpoints: tuple[EndpointView, ...]
    invalid_reasons: tuple[Reason, ...]
    breaches: tuple[Reason, ...]
    more_reasons: tuple[Reason, ...]  # those that the sentence does not name
    warnings: tuple[Reason, ...]
    compared: bool
    comparison_line: str  # against what, or why not
    baseline_runs: tuple[str, ...]  # ids of those that took part in the comparison, oldest first
    series: tuple[str, ...]  # which runs were judged together, and what happens next
    common: str  # what all endpoints share in this run; "" when nothing was found
    control: str  # the control beside the baseline's; "" without one
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
    history: HistoryView = NO_HISTORY

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
    past: Past | None = None,
) -> RunView:
    """``samples``, ``baseline`` (oldest first) and ``series`` feed the plots; an old run may have lost them.

    ``series``: what the run's Prometheus series file holds. ``past``: the runs before it, and itself.
    """
    samples = without_control(samples or {})
    comparison = record.comparison
    verdicts = comparison.judgement.endpoints
    line = line_for(verdicts.values())
    profile = suite.profiles.get(record.stack.request.profile)
    request = record.stack.request
    return RunView(
        run_id=record.stack.run_id,
        title=f"{request.suite} on {request.target}, profile {request.profile}",
        outcome=OUTCOMES[record.outcome],
        sentence=_sentence(record),
        when=f.when(record.load.started_at),
        deploy=deploy_line(record),
        head=head_facts(record),
        endpoints=tuple(
            endpoint_view(
                slo,
                verdicts.get(slo.endpoint),
                record=record,
                suite=suite,
                line=line,
                trace=endpoint_trace(slo.endpoint, record=record, samples=samples, baseline=baseline),
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
        baseline_runs=tuple(comparison.baseline.compared_run_ids)
        if comparison.compared and comparison.baseline
        else (),
        series=series_lines(record),
        common=comparison.judgement.common.sentence if comparison.judgement.common else "",
        control=control_line(record),
        baseline_sentence=record.baseline_sentence,
        missing_runs=_missing(record),
        tolerance_p50=line.width(1.0 + suite.verdict.tolerance_p50_ratio),
        tolerance_p95=line.width(1.0 + suite.verdict.tolerance_p95_ratio),
        tolerances=(
            f"p50 within {f.percent(suite.verdict.tolerance_p50_ratio)}, "
            f"p95 within {f.percent(suite.verdict.tolerance_p95_ratio)}"
        ),
        quality=quality_facts(record),
        reconciliation=reconciliation_views(record.snapshot),
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
        history=history_view(past),
        rate=rate_trace(record=record, suite=suite, profile=profile, samples=samples, series=series or {}),
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
    return baseline_line(record) or record.comparison.why_not or "not compared with a baseline."


def _missing(record: RunRecord) -> str:
    runs = record.comparison.baseline
    if runs is None or not runs.missing_run_ids:
        return ""
    number = len(runs.missing_run_ids)
    who = "run belongs" if number == 1 else "runs belong"
    return (
        f"{number} more {who} to the baseline but the raw samples are gone: "
        f"{listing(runs.missing_run_ids, limit=4)}."
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def reconciliation_views(snapshot: PrometheusSnapshot) -> tuple[ReconciliationView, ...]:
    """One row per endpoint: the exact figures and those of Prometheus."""
    recorded = {name: one.success_ratio for name, one in snapshot.figures.items()}
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
            exact_success=f.success(_ratio(row.exact_succeeded, row.exact_succeeded + row.exact_failed)),
            prometheus_success=f.success(recorded.get(row.endpoint)),
            note=row.note,
        )
        for row in snapshot.reconciliation
    )
