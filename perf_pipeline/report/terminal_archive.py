"""Archives as a person reads them: the list, and a run that was judged again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.text import Text

from perf_pipeline.core.model import Outcome
from perf_pipeline.core.wording import count, listing
from perf_pipeline.report.terminal_lists import ID
from perf_pipeline.report.terminal_parts import columns, mark, print_parts, word
from perf_pipeline.report.words import NEUTRAL, OUTCOMES, Badge

if TYPE_CHECKING:
    from perf_pipeline.archive.manifest import Manifest
    from perf_pipeline.archive.rejudge import Rejudged

UNITS = ("B", "kB", "MB", "GB", "TB")


def print_archives(
    archives: Sequence[Manifest], *, more: int, bytes_of_all: int, console: Console | None = None
) -> None:
    """One line per archive, in the order given; ``more``: how many are not shown."""
    table = columns("", "run", "started (UTC)", "suite", "target", "profile", "outcome", ">files", ">size")
    for one in archives:
        badge = _badge(one.outcome)
        table.add_row(
            mark(badge),
            one.run_id[:ID],
            one.started_at.strftime("%Y-%m-%d %H:%M"),
            Text(one.suite),
            Text(one.target),
            Text(one.profile),
            word(badge),
            str(len(one.files)),
            size(one.bytes),
        )
    number = count(len(archives) + more, "archive")
    hidden = f", {more} of them not shown (--limit 0 shows all)" if more else ""
    parts: list[RenderableType] = [table, Text(f"{number}, {size(bytes_of_all)}{hidden}")]
    print_parts(parts, console)


def print_rejudged(found: Rejudged, *, console: Console | None = None) -> None:
    """Per endpoint what was said then and what is said now; ``!`` where they differ."""
    table = columns("", "endpoint", "verdict then", "now", "objectives then", "now")
    for one in found.endpoints:
        then, now = (_said(verdict) for verdict in (one.verdict_then, one.verdict_now))
        flag = Text("" if one.same else "!", "bold red")
        table.add_row(flag, Text(one.endpoint), then, now, _said(one.slo_then), _said(one.slo_now))
    equal = "to the last digit" if found.identical else "though figures differ"
    said = f"the same, {equal}" if found.same else "NOT the same"
    against = f" against {count(len(found.baseline), 'run')}" if found.baseline else ""
    parts: list[RenderableType] = [
        Text(f"run {found.run_id}, judged again from archives{against}: {said}"),
        table,
        Text(f"outcome {_said(found.outcome_then)} then, {_said(found.outcome_now)} now"),
        *(Text(f"note: {note}") for note in found.notes),
        Text(f"report  {found.folder}"),
    ]
    if found.baseline:
        parts.insert(3, Text(f"compared with {listing([one[:ID] for one in found.baseline], limit=10)}"))
    print_parts(parts, console)


def size(number: float) -> str:
    """``812 B``, ``4.1 MB``: bytes, in thousands."""
    unit = 0
    while number >= 999.5 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} {UNITS[unit]}" if unit == 0 or number >= 9.95 else f"{number:.1f} {UNITS[unit]}"


def _badge(outcome: str) -> Badge:
    """A later version's outcome is shown as its word."""
    known = outcome in list(Outcome)
    return OUTCOMES[Outcome(outcome)] if known else Badge(outcome, outcome, " ", " ", NEUTRAL)


def _said(word_: str) -> str:
    return word_.replace("_", " ") or "-"
