"""What a person reads in the terminal: fits 100 columns, says the same without colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from perf_pipeline.core.model import Reason
from perf_pipeline.core.wording import listing
from perf_pipeline.report.endpoint_view import EffectView, EndpointView
from perf_pipeline.report.terminal_lists import print_baselines, print_compare, print_runs
from perf_pipeline.report.terminal_parts import (
    STYLES,
    Hanging,
    Unbroken,
    aside,
    bullet,
    columns,
    headline,
    mark,
    print_parts,
    section,
    terminal,
    word,
)
from perf_pipeline.report.view import RunView
from perf_pipeline.report.words import BAD, GOOD, WARN

__all__ = ["print_baselines", "print_compare", "print_run", "print_runs"]

ROOMY = 92  # below so many columns the least important one is left out
LABEL = 10


def print_run(view: RunView, *, report: str | None = None, console: Console | None = None) -> None:
    """The end of ``run`` and the whole of ``show``. ``report``: where the HTML report lies, if it does."""
    out = console or terminal()
    print_parts(_run(view, report, roomy=out.width >= ROOMY), out)


def _run(view: RunView, report: str | None, *, roomy: bool) -> Iterable[RenderableType]:
    outcome = Text(view.outcome.word.upper(), STYLES[view.outcome.tone])
    yield Hanging(outcome, view.sentence, indent=len(outcome) + 2)
    for reason in view.more_reasons:
        yield _reason(reason, view.outcome.tone)
    revision = next(fact.value for fact in view.head if fact.label == "revision")
    yield Text(f"{view.title}, revision {revision}, {view.when}")
    if view.deploy:
        yield Text(f"after {view.deploy}")
    yield Text()
    yield from section(
        "Objectives", "latency of successful requests, in ms", objectives_table(view.endpoints)
    )
    yield Text()
    if view.compared:
        table = comparison_table(view.endpoints, roomy=roomy)
        yield from section("Against the baseline", view.comparison_line, table)
        yield from aside([*view.series, view.common, view.control, view.missing_runs])
        yield from _verdict_sentences(view.endpoints)
    else:
        yield headline("Against the baseline", view.comparison_line)
        yield from aside(view.series)
    if view.warnings:
        yield Text()
        yield Text("Warnings", "bold")
    for reason in view.warnings:
        yield _reason(reason, WARN)
    yield Text()
    yield from _ending(view, report)


def objectives_table(endpoints: Sequence[EndpointView]) -> Table:
    table = columns("", "endpoint", ">requests", ">errors", ">p50", ">p95", ">objective", ">headroom", "SLO")
    for one in endpoints:
        table.add_row(
            mark(one.status),
            Text(one.name),
            one.requests,
            one.errors,
            one.p50,
            one.p95,
            one.objective,
            one.headroom,
            word(one.status),
        )
    return table


def comparison_table(endpoints: Sequence[EndpointView], *, roomy: bool = True) -> Table:
    """Changes with their intervals; "seen from": the smallest change that could be told from noise."""
    last = ["seen from"] if roomy else []
    table = columns("", "endpoint", ">p50", ">interval", ">p95", ">interval", "verdict", *last)
    for one in endpoints:
        style = STYLES[one.verdict.tone] if one.verdict.tone in (BAD, GOOD) else ""
        table.add_row(
            mark(one.verdict),
            Text(one.name),
            *_effect(one.p50_effect, style),
            *_effect(one.p95_effect, style),
            word(one.verdict),
            *([one.seen_from] if roomy else []),
        )
    return table


def _effect(effect: EffectView | None, style: str) -> tuple[Text, str]:
    return (Text(effect.change, style), effect.interval) if effect else (Text("–"), "")


def _verdict_sentences(endpoints: Sequence[EndpointView]) -> Iterable[RenderableType]:
    """What the table does not say. Advice that several endpoints share is said once."""
    advised: dict[str, list[EndpointView]] = {}
    for one in endpoints:
        if one.advice:
            advised.setdefault(one.advice, []).append(one)
        elif one.verdict.tone in (BAD, WARN) and one.verdict_sentence:
            yield bullet(one.verdict.mark, one.verdict.tone, f"{one.name}: {one.verdict_sentence}")
    for advice, ones in advised.items():
        everyone = len(ones) == len(endpoints) > 1
        who = f"all {len(ones)} endpoints" if everyone else listing([one.name for one in ones], limit=4)
        yield bullet(ones[0].verdict.mark, ones[0].verdict.tone, f"{who}: {advice}")


def _reason(reason: Reason, tone: str) -> RenderableType:
    return bullet("!" if tone == BAD else "?", tone, f"{reason.sentence} [{reason.name}]")


def _ending(view: RunView, report: str | None) -> Iterable[RenderableType]:
    if view.baseline_sentence:
        yield Hanging("baseline", view.baseline_sentence, indent=LABEL)
    for number, line in enumerate(view.history.findings):
        yield Hanging("" if number else "history", line, indent=LABEL)
    if report:
        yield Unbroken(f"{'report':{LABEL}}{report}")
    for number, hint in enumerate(view.hints):
        yield Hanging("" if number else "next", hint.sentence, indent=LABEL)
        if hint.command:
            yield Unbroken.assemble(" " * LABEL, (hint.command, "bold"))
