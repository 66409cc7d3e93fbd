"""Markdown for chat, tickets and Dagster's metadata. Each table can be used alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from perf_pipeline.core.model import Reason
from perf_pipeline.report.endpoint_view import EffectView, EndpointView
from perf_pipeline.report.facts import Fact
from perf_pipeline.report.formats import NONE
from perf_pipeline.report.view import ReconciliationView, RunView


def render_markdown(view: RunView) -> str:
    """The run in one screen: outcome, reasons, tables, how to repeat it."""
    blocks = [
        f"## {view.outcome.sign} {_text(view.outcome.word)}: {_text(view.sentence)}",
        "\n".join(f"- {fact.label}: {_text(fact.value)}" for fact in view.head),
        _reasons("Further reasons", view.more_reasons),
        "### Objectives",
        slo_table(view.endpoints),
        "### Against the baseline",
        _text(view.comparison_line),
        "\n".join(f"- {_text(line)}" for line in view.series),
        comparison_table(view.endpoints) if view.compared else "",
        _text(view.common) if view.compared else "",
        _text(view.control) if view.compared else "",
        "\n".join(["**History**", "", *(f"- {_text(line)}" for line in view.history.findings)])
        if view.history.findings
        else "",
        _reasons("Warnings", view.warnings),
        f"Repeat: `{view.repeat}`",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def render_comparison(view: RunView) -> str:
    """Before and after, endpoint by endpoint: what was compared, by how much it differs, what that means."""
    compared = view.compared
    facts = [*view.head, Fact("compared with", ", ".join(view.baseline_runs))] if compared else view.head
    blocks = [
        f"# Before and after: {_text(view.title)}",
        f"{view.outcome.sign} **{_text(view.outcome.word)}**: {_text(view.sentence)}",
        "\n".join(f"- {fact.label}: {_text(fact.value)}" for fact in facts),
        "\n".join(f"- {_text(line)}" for line in view.series),
        before_after_table(view.endpoints) if compared else f"Not compared: {_text(view.comparison_line)}",
        f"Unchanged means {_text(view.tolerances)}." if compared else "",
        "\n".join(
            f"- {_text(one.name)}: {_text(one.verdict_sentence)}"
            for one in view.endpoints
            if one.verdict_sentence
        ),
        _text(view.common) if compared else "",
        _text(view.control) if compared else "",
        _text(view.missing_runs),
        f"Baseline: {_text(view.baseline_sentence)}" if view.baseline_sentence else "",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def slo_table(endpoints: Sequence[EndpointView]) -> str:
    """Each endpoint against its objectives; latency in ms."""
    return table(
        "endpoint | SLO | >p50 | >p95 | >objective | >headroom | >errors | >requests",
        (
            (
                one.name,
                f"{one.status.sign} {one.status.word}",
                one.p50,
                one.p95,
                one.objective,
                one.headroom,
                one.errors,
                one.requests,
            )
            for one in endpoints
        ),
    )


def comparison_table(endpoints: Sequence[EndpointView]) -> str:
    """Each endpoint against its baseline: change and interval, and the smallest change that could be seen."""
    return table(
        "endpoint | verdict | >p50 | >p95 | >seen from (p50 / p95)",
        (
            (
                one.name,
                f"{one.verdict.sign} {one.verdict.word}",
                _effect(one.p50_effect),
                _effect(one.p95_effect),
                one.seen_from or NONE,
            )
            for one in endpoints
        ),
    )


def before_after_table(endpoints: Sequence[EndpointView]) -> str:
    """Each endpoint as the baseline had it and as the run has it, with the change and its 95 % interval."""
    return table(
        "endpoint | verdict | >p50 before | >p50 after | >change | >p95 before | >p95 after | >change",
        (
            (
                one.name,
                f"{one.verdict.sign} {one.verdict.word}",
                *_both(one.p50_effect),
                *_both(one.p95_effect),
            )
            for one in endpoints
        ),
    )


def reconciliation_table(rows: Sequence[ReconciliationView]) -> str:
    """The exact figures beside those of Prometheus; latency in ms."""
    return table(
        "endpoint | agree | >p50 | >Prometheus | >p95 | >Prometheus | >requests | >Prometheus | >success"
        " | >Prometheus | note",
        (
            (
                row.endpoint,
                "yes" if row.agrees else "no",
                row.exact_p50,
                row.prometheus_p50,
                row.exact_p95,
                row.prometheus_p95,
                row.exact_count,
                row.prometheus_count,
                row.exact_success,
                row.prometheus_success,
                row.note,
            )
            for row in rows
        ),
    )


def _effect(effect: EffectView | None) -> str:
    return f"{effect.change} ({effect.interval})" if effect else NONE


def _both(effect: EffectView | None) -> tuple[str, str, str]:
    return (effect.baseline, effect.now, _effect(effect)) if effect else (NONE, NONE, NONE)


def _reasons(title: str, reasons: Sequence[Reason]) -> str:
    if not reasons:
        return ""
    return "\n".join(
        [f"**{title}**", "", *(f"- {_text(one.sentence)} ({_text(one.name)})" for one in reasons)]
    )


def table(header: str, rows: Iterable[Sequence[str]]) -> str:
    """``header``: names of columns with `` | `` between them; ``>name``: aligned to the right."""
    columns = header.split(" | ")
    lines = [
        f"| {' | '.join(column.removeprefix('>') for column in columns)} |",
        f"| {' | '.join('---:' if column.startswith('>') else '---' for column in columns)} |",
    ]
    lines += [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _text(value: str) -> str:
    """What Markdown or HTML within it would take for markup is shown as it is; a line stays a line."""
    value = value.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*\[\]|])", r"\\\1", " ".join(value.split()))
