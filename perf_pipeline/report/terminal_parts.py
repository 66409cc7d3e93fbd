"""Pieces that all terminal tables share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from perf_pipeline.report.words import BAD, GOOD, NEUTRAL, WARN, Badge

STYLES = {GOOD: "green", BAD: "bold red", WARN: "yellow", NEUTRAL: ""}
PIPED_WIDTH = 100  # columns where nobody looks at a terminal: a file, a CI log


class Unbroken(Text):
    """A path or a command: to be copied, so never broken into lines by us."""


def terminal() -> Console:
    """Standard output. rich drops colour by itself where NO_COLOR is set or nobody looks at a terminal."""
    console = Console(highlight=False, emoji=False, markup=False)
    return (
        console
        if console.is_terminal
        else Console(highlight=False, emoji=False, markup=False, width=PIPED_WIDTH)
    )


def print_parts(parts: Iterable[RenderableType], console: Console | None) -> None:
    out = console or terminal()
    for part in parts:
        out.print(part, soft_wrap=isinstance(part, Unbroken))


def columns(*names: str) -> Table:
    """``>name``: aligned to the right. Numbers never wrap; what is too long is cut with an ellipsis."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(
            name.removeprefix(">"),
            justify="right" if name.startswith(">") else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    return table


def mark(badge: Badge) -> Text:
    return Text(badge.mark, STYLES[badge.tone])


def word(badge: Badge) -> Text:
    return Text(badge.word, STYLES[badge.tone])


def section(title: str, what: str, table: Table) -> Iterable[RenderableType]:
    yield headline(title, what)
    yield table


def headline(title: str, what: str) -> Text:
    return Text.assemble((title, "bold"), "  ", what)


def bullet(sign: str, tone: str, sentence: str) -> RenderableType:
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(no_wrap=True)
    row.add_column()
    row.add_row(Text(sign, STYLES[tone]), Text(sentence))
    return row


def aside(sentences: Sequence[str]) -> Iterable[RenderableType]:
    """Sentences under a table, in line with its second column."""
    lines = [Text(sentence) for sentence in sentences if sentence]
    if lines:
        yield Padding(Group(*lines), (0, 0, 0, 3))
