"""The evidence as a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.monitoring.questions import QUESTIONS, Situation

VERSIONS = ("2.42", "3.5")
PROMISED_S = {"HighErrorRate": 120 + 90, "EndpointSLOViolation": 300 + 90, "BenchmarkSLOBreached": 60}

HEAD = """# Do the handbook's queries give the right answer?

Made by `python -m benchmarks.monitoring.handbook`: the multiplayer scenario of k6 against the reference
backend with faults, one iteration of seven requests per second, the committed rules every 30 s. Each
situation has a Prometheus 2.42 and a 3.5 of its own; k6 writes once and a tee passes it on: both hold the
same run.
{right} of {all} answers are the expected ones.
"""
ALERTS = """## Alerts seen firing at /api/v1/alerts

Counted from k6's start; BenchmarkSLOBreached from the end of `perf-pipeline run --prometheus URL` (exit 4).
Promised: what it holds for, and 90 s for the first ten requests and the evaluations of rule and alert.

| alert | Prometheus | fired after | promised | it says |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Answer:
    question: str  # its title
    situation: str
    version: str
    expected: str
    got: str
    right: bool


@dataclass(frozen=True)
class Fired:
    alert: str
    version: str
    after_s: float
    says: str

    @property
    def in_time(self) -> bool:
        return self.after_s <= PROMISED_S[self.alert]


@dataclass
class Evidence:
    """Of one situation; ``failed``: sentences about what could not be shown."""

    answers: list[Answer] = field(default_factory=list)
    alerts: list[Fired] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def convinces(self) -> bool:
        right = all(answer.right for answer in self.answers) and all(fired.in_time for fired in self.alerts)
        return right and not self.failed


def page(found: Sequence[Evidence]) -> str:
    answers = [answer for each in found for answer in each.answers]
    parts = [HEAD.format(right=sum(answer.right for answer in answers), all=len(answers))]
    parts += [f"**Not shown:** {problem}\n" for each in found for problem in each.failed]
    parts.append(ALERTS + "".join(_row(fired) for each in found for fired in each.alerts))
    for question in QUESTIONS:
        asked = [answer for answer in answers if answer.question == question.title]
        parts.append(f"## {question.title}\n\n    {question.query}\n\n{_table(asked)}\n")
    return "\n".join(parts)


def _row(fired: Fired) -> str:
    promised = f"{PROMISED_S[fired.alert]} s" if fired.in_time else f"**{PROMISED_S[fired.alert]} s**"
    return f"| {fired.alert} | {fired.version} | {fired.after_s:.0f} s | {promised} | {fired.says} |\n"


def _table(answers: Sequence[Answer]) -> str:
    rows = ["| situation | expected | 2.42 | 3.5 | |", "| --- | --- | --- | --- | --- |"]
    for situation in Situation:
        both = {answer.version: answer for answer in answers if answer.situation == situation}
        if both:
            expected = next(iter(both.values())).expected
            got = " | ".join(both[version].got if version in both else "-" for version in VERSIONS)
            right = all(answer.right for answer in both.values())
            rows.append(f"| {situation} | {expected} | {got} | {'right' if right else '**WRONG**'} |")
    return "\n".join(rows)
