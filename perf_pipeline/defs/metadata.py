"""What Dagster's UI shows beside a materialisation. Numbers are charted over time, so their names are stable.

The charts come in the order of their names, two in a row: p50 and p95 of one endpoint beside each other.

Values in, metadata out; only the Markdown report is read from its file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster import MetadataValue

from perf_pipeline.core.deploys import deploy_words
from perf_pipeline.core.judgement import Comparison, Verdict
from perf_pipeline.core.model import LoadResult, PrometheusSnapshot, RunReport, SloReport, StackState
from perf_pipeline.report import formats, markdown
from perf_pipeline.report.view import reconciliation_views
from perf_pipeline.report.words import NOT_COMPARED, SLO_STATUSES, VERDICTS

Metadata = dict[str, Any]  # what Dagster takes as metadata: texts, numbers, MetadataValue


def of_stack(state: StackState) -> Metadata:
    return _present(
        {
            "run_id": state.run_id,
            "target": f"{state.request.target} ({state.base_url})",
            "profile": state.request.profile,
            "revision": state.revision,
            "deploy": _deploy(state),
            "note": state.request.note or None,
            "stack": state.stack,
            "prometheus": f"{state.prometheus_version} at {state.prometheus_url}",
            "clock_skew_s": state.clock_skew_s,
            "setup_s": state.setup_s,
            "run_folder": MetadataValue.path(state.run_folder),
        }
    )


def _deploy(state: StackState) -> str | None:
    one = state.request.deploy
    return deploy_words(one.number, one.revision, one.previous_revision, one.source) if one else None


def of_load(load: LoadResult) -> Metadata:
    seconds = max((load.measure_ended_unix_ms - load.measure_started_unix_ms) / 1000.0, 0.0)
    requests = sum(count.sent for count in load.counts.values())
    return _present(
        {
            "requests": requests,
            "rate_per_s": requests / seconds if seconds else None,
            "failed": sum(count.failed for count in load.counts.values()),
            "dropped_iterations": load.dropped_iterations,
            "cpu_host_mean_ratio": load.cpu.host_mean_ratio if load.cpu else None,
            "cpu_host_max_ratio": load.cpu.host_max_ratio if load.cpu else None,
            "cpu_k6_mean_ratio": load.cpu.k6_mean_ratio if load.cpu else None,
            "exit": f"{load.exit_code}: {load.exit_meaning}",
            "k6": load.k6_version,
            "fingerprint": load.fingerprint.key(),
            "command": MetadataValue.md(f"```\n{' '.join(load.command)}\n```"),
        }
    )


def of_snapshot(snapshot: PrometheusSnapshot) -> Metadata:
    table = markdown.reconciliation_table(reconciliation_views(snapshot))
    return _present(
        {
            "complete": snapshot.complete,
            "problem": snapshot.problem.sentence if snapshot.problem else None,
            "query_s": snapshot.query_s,
            "reconciliation": MetadataValue.md(table),
        }
    )


def of_slo(report: SloReport) -> Metadata:
    """Charted: ``latency/<endpoint>/p50_ms`` and ``…/p95_ms``, ``requests_failed_ratio/<endpoint>``."""
    charted: Metadata = {}
    for one in report.endpoints:
        charted[f"latency/{one.endpoint}/p50_ms"] = one.p50_ms
        charted[f"latency/{one.endpoint}/p95_ms"] = one.p95_ms
    failed = {f"requests_failed_ratio/{one.endpoint}": one.error_ratio for one in report.endpoints}
    head = "endpoint | SLO | >p50 ms | >p95 ms | >limit | >errors | >requests"
    rows = [
        (
            one.endpoint,
            SLO_STATUSES[one.status].word,
            formats.ms(one.p50_ms),
            formats.ms(one.p95_ms),
            formats.ms(one.p95_objective_ms),
            formats.percent(one.error_ratio),
            formats.count(one.requests),
        )
        for one in report.endpoints
    ]
    reasons = [*report.invalid_reasons, *report.breaches, *report.warnings]
    return _present(
        {
            "valid": report.valid,
            "objectives": MetadataValue.md(markdown.table(head, rows)),
            "found": MetadataValue.md("\n".join(f"- {one.sentence}" for one in reasons)) if reasons else None,
            **charted,
            **failed,
        }
    )


def of_comparison(comparison: Comparison) -> Metadata:
    """Charted: ``change/<endpoint>/p50_percent`` and ``…/p95_percent``, endpoints by verdict."""
    head = "endpoint | verdict | >p50 | >interval | >p95 | >interval | why"
    rows = []
    for one in comparison.judgement.endpoints.values():
        badge = VERDICTS[one.verdict] if comparison.compared else NOT_COMPARED
        effects = [
            text
            for effect in (one.p50, one.p95)
            for text in (
                formats.change(effect.ratio if effect else None),
                formats.interval(effect.low if effect else None, effect.high if effect else None),
            )
        ]
        rows.append((one.endpoint, f"{badge.sign} {badge.word}", *effects, one.sentence))
    baseline = comparison.baseline
    common = comparison.judgement.common
    charted: Metadata = {}
    for one in comparison.judgement.endpoints.values():
        charted[f"change/{one.endpoint}/p50_percent"] = _percent(one.p50.ratio if one.p50 else None)
        charted[f"change/{one.endpoint}/p95_percent"] = _percent(one.p95.ratio if one.p95 else None)
    if comparison.compared:
        found = [one.verdict for one in comparison.judgement.endpoints.values()]
        charted |= {f"endpoints_{verdict.value}": found.count(verdict) for verdict in Verdict}
    return _present(
        {
            "compared": comparison.compared,
            "why_not": comparison.why_not or None,
            "runs_in_baseline": len(baseline.compared_run_ids) if baseline else 0,
            "baseline": f"{baseline.mode}: {', '.join(baseline.compared_run_ids)}" if baseline else None,
            "verdicts": MetadataValue.md(markdown.table(head, rows)) if rows else None,
            **charted,
            "common_change/p50_percent": _percent(common.p50_ratio if common else None),
            "common_change/p95_percent": _percent(common.p95_ratio if common else None),
        }
    )


def of_report(report: RunReport, *, dashboard: str | None) -> Metadata:
    """The Markdown report is shown in the UI itself: a page from http may not link to files.

    ``dashboard``: address of the run in Grafana, where there is one.
    """
    return _present(
        {
            "outcome": report.outcome.value,
            "exit_code": report.outcome.exit_code,  # charted: 0 is passed
            "sentence": report.sentence,
            "run_id": report.run_id,
            "baseline": report.baseline_sentence,
            "report": MetadataValue.md(Path(report.markdown).read_text()),
            "html": MetadataValue.path(report.html),
            "json": MetadataValue.path(report.json_file),
            "grafana": MetadataValue.url(dashboard) if dashboard else None,
        }
    )


def _percent(ratio: float | None) -> float | None:
    """A factor as a change in per cent."""
    return (ratio - 1.0) * 100.0 if ratio is not None else None


def _present(metadata: Metadata) -> Metadata:
    return {
        name: _short(value) if isinstance(value, float) else value
        for name, value in metadata.items()
        if value is not None
    }


def _short(value: float) -> float:
    """To four digits: more is noise, and the table is read by people."""
    return float(f"{value:.4g}")
