"""A file of Prometheus rules as text: one group, with the reason of each rule above it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perf_pipeline.monitoring.promql import duration

GENERATED = ("generated from k6/{suite}/suite.yaml by `perf-pipeline generate`; do not edit",)
WIDTH = 108


@dataclass(frozen=True)
class Record:
    name: str
    expr: str
    reason: str = ""  # written above it
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    name: str
    expr: str
    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    hold_s: float = 0  # how long it has to be so before the alert fires
    reason: str = ""


def rule_file(
    header: Sequence[str], suite: str, group: str, interval_s: float, rules: Sequence[Record | Alert]
) -> str:
    """Deterministic YAML; ``header``: paragraphs. Strings are quoted as JSON does, which YAML reads alike."""
    out = [line for paragraph in header for line in _comment(paragraph.format(suite=suite))]
    out += ["groups:", f"  - name: {group}", f"    interval: {duration(interval_s)}", "    rules:"]
    for rule in rules:
        if rule.reason:
            out += ["", *_comment(rule.reason, "      ")]
        out += _record(rule) if isinstance(rule, Record) else _alert(rule)
    return "\n".join(out) + "\n"


def _record(rule: Record) -> list[str]:
    return [f"      - record: {rule.name}", *_expr(rule.expr), *_mapping("labels", rule.labels)]


def _alert(rule: Alert) -> list[str]:
    return [
        f"      - alert: {rule.name}",
        *_expr(rule.expr),
        *([f"        for: {duration(rule.hold_s)}"] if rule.hold_s else []),
        *_mapping("labels", rule.labels),
        *_mapping("annotations", rule.annotations),
    ]


def _expr(text: str) -> list[str]:
    return ["        expr: |-", *textwrap.indent(text, " " * 10).splitlines()]


def _mapping(key: str, entries: Mapping[str, str]) -> list[str]:
    if not entries:
        return []
    quoted = [f"          {name}: {json.dumps(text, ensure_ascii=False)}" for name, text in entries.items()]
    return [f"        {key}:", *quoted]


def _comment(text: str, indent: str = "") -> list[str]:
    return [
        f"{indent}# {line}"
        for part in text.splitlines()
        for line in textwrap.wrap(part, WIDTH - len(indent) - 2)
    ]
