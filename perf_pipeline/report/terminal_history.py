"""The history of a suite in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from perf_pipeline.core.history_model import ChangePoint, EndpointHistory, Past, SuiteHistory
from perf_pipeline.core.history_words import (
    SHORT_ID,
    drift_sentence,
    reset_advice,
    shared_sentence,
    sparkline,
)
from perf_pipeline.core.wording import count
from perf_pipeline.report import formats as f
from perf_pipeline.report.terminal_parts import Unbroken, aside, bullet, columns, headline, print_parts
from perf_pipeline.report.words import BAD, GOOD, WARN

NO_CHANGE = "no change of level"


def print_history(
    past: Past,
    *,
    as_called: Callable[[str], str] = lambda command: command,
    console: Console | None = None,
) -> None:
    """``as_called``: makes a command one that can be copied and run here."""
    print_parts(_history(past, as_called), console)


def _history(past: Past, as_called: Callable[[str], str]) -> Iterable[RenderableType]:
    history = past.history
    if history is None:
        return
    shown = history.endpoints
    yield headline(
        f"{past.suite} on {past.target}, profile {past.profile}",
        f"{count(history.runs, 'valid run')} from {history.since:%Y-%m-%d} to {history.until:%Y-%m-%d}",
    )
    yield from aside([f"fingerprint {history.fingerprint_key}", _others(past)])
    yield Text()
    yield headline("Level now", "latency in ms since the last change, what all endpoints share removed")
    yield _levels(shown)
    yield Text()
    yield from _changes(history, shown)
    yield from _drifts(shown)
    advice = reset_advice(past)
    if advice:
        sentence, command = advice
        yield bullet("!", WARN, sentence)
        yield Unbroken(f"   {as_called(command)}")
    yield Text()
    yield headline("Error budget", "of the verdicts in the last quarter")
    yield from aside([past.budget.sentence])


def _others(past: Past) -> str:
    if not past.other_runs:
        return ""
    return (
        f"{count(past.other_runs, 'run')} under other fingerprints "
        f"({', '.join(past.other_fingerprints[:4])}) are histories of their own: --fingerprint shows one"
    )


def _levels(shown: Sequence[EndpointHistory]) -> RenderableType:
    table = columns("", "endpoint", ">p50", ">p95", "p50 of the newest runs")
    for one in shown:
        levels = [_level(one, quantile) for quantile in ("p50", "p95")]
        spark = sparkline([point.ms for point in one.points.get("p50", [])])
        table.add_row("", Text(one.endpoint), *(f.ms(level) for level in levels), Text(spark))
    return table


def _level(one: EndpointHistory, quantile: str) -> float | None:
    changes = [change for change in one.changes if change.quantile == quantile]
    if changes:
        return changes[-1].after_ms
    values = sorted(point.ms for point in one.points.get(quantile, []))
    return values[len(values) // 2] if values else None


def _changes(history: SuiteHistory, shown: Sequence[EndpointHistory]) -> Iterable[RenderableType]:
    found = [(one.endpoint, change) for one in shown for change in one.changes]
    shared = history.shared.changes if history.shared else []
    if not found:
        yield headline("Changes", f"{NO_CHANGE} beyond doubt")
    else:
        yield headline("Changes", "oldest first; each with its 95 % interval")
        yield _table(sorted(found, key=lambda pair: (pair[1].started_at, pair[0], pair[1].quantile)))
    for one in shared:
        yield bullet("?", WARN, shared_sentence(one))
    yield Text()


def _table(found: Sequence[tuple[str, ChangePoint]]) -> RenderableType:
    table = columns(
        "", "since (UTC)", "run", "revision", "endpoint", "", ">change", ">interval", ">before", ">after"
    )
    for endpoint, one in found:
        table.add_row(
            Text("+" if one.ratio > 1 else "-", "bold red" if one.ratio > 1 else "green"),
            f"{one.started_at:%Y-%m-%d}",
            one.run_id[:SHORT_ID],
            Text(one.revision or "unknown"),
            Text(endpoint),
            one.quantile,
            f.change(one.ratio),
            f.interval(one.low, one.high),
            f.ms(one.before_ms),
            f.ms(one.after_ms),
        )
    return table


def _drifts(shown: Sequence[EndpointHistory]) -> Iterable[RenderableType]:
    found = [(one.endpoint, drift) for one in shown for drift in one.drifts]
    if not found:
        yield headline("Drift", "too few runs to tell")
        return
    told = [(name, drift) for name, drift in found if drift.stands]
    yield headline("Drift", "beyond doubt" if told else "none beyond doubt")
    for name, drift in told:
        slower = drift.ratio > 1
        yield bullet("+" if slower else "-", BAD if slower else GOOD, f"{name}: {drift_sentence(drift)}")
