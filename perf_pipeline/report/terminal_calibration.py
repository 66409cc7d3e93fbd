"""A calibration in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.text import Text

from perf_pipeline.core.calibration_model import Calibration
from perf_pipeline.report.calibration_words import summary, tables
from perf_pipeline.report.terminal_parts import aside, bullet, columns, headline, print_parts
from perf_pipeline.report.words import NEUTRAL, WARN


def print_calibration(found: Calibration, *, title: str, console: Console | None = None) -> None:
    print_parts(_parts(found, title), console)


def _parts(found: Calibration, title: str) -> Iterable[RenderableType]:
    yield headline("Calibration", title)
    yield from aside([summary(found)])
    for problem in found.problems:
        yield bullet("!", WARN, problem)
    for one in tables(found):
        yield Text()
        yield headline(one.title, one.what)
        table = columns(*one.columns)
        table.show_header = any(one.columns)
        for row in one.rows:
            table.add_row(*map(Text, row))
        yield table
    if found.advice:
        yield Text()
    for sentence in found.advice:
        yield bullet("·", NEUTRAL, sentence)
