"""Pieces that all terminal tables share."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from perf_pipeline.report.words import BAD, GOOD, NEUTRAL, WARN, Badge

STYLES = {GOOD: "green", BAD: "bold red", WARN: "yellow", NEUTRAL: ""}
MARGIN = 3  # where the second column of a table begins
GLUE = "\u00a0"  # textwrap does not break here
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


class Hanging:
    """A label and a sentence whose further lines hang under its first; ``12 %`` stays together."""

    def __init__(self, label: Text | str, sentence: str, *, indent: int) -> None:
        self._label = Text(label) if isinstance(label, str) else label
        self._sentence = re.sub(r"(?<=\d) (?=%|ms\b|s\b)", GLUE, sentence)
        self._indent = indent

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(20, options.max_width - self._indent)
        lines = textwrap.wrap(self._sentence, width, break_on_hyphens=False) or [""]
        first, *others = [line.replace(GLUE, " ") for line in lines]
        yield Text.assemble(self._label, " " * (self._indent - self._label.cell_len), first)
        for line in others:
            yield Text(" " * self._indent + line)


def bullet(sign: str, tone: str, sentence: str) -> RenderableType:
    return Hanging(Text(sign, STYLES[tone]), sentence, indent=MARGIN)


def aside(sentences: Sequence[str]) -> Iterable[RenderableType]:
    """Sentences under a table, in line with its second column."""
    for sentence in sentences:
        if sentence:
            yield Hanging("", sentence, indent=MARGIN)
