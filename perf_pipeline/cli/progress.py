"""What a person sees while the load runs: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from perf_pipeline.load.progress import Progress

LINE_EVERY_S = 10.0
BEFORE_LOAD = "starting the stack"
AFTER_LOAD = "reading and judging"


class LoadDisplay:
    """A listener of Progress. Writes to stderr, so that stdout holds the result alone."""

    def __init__(self, *, quiet: bool = False) -> None:
        console = Console(file=sys.stderr)
        self._live = console.is_terminal and not quiet
        self._quiet = quiet
        self._bar = RichProgress(
            TextColumn("{task.description:20}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task(BEFORE_LOAD, total=None, figures="")
        self._last_line_s = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()

    def say(self, sentence: str) -> None:
        """One line above the bar."""
        if self._live:
            self._bar.console.print(sentence, highlight=False, markup=False)
        elif not self._quiet:
            print(sentence, file=sys.stderr, flush=True)

    def __call__(self, progress: Progress) -> None:
        if self._live:
            over = progress.elapsed_s >= progress.planned_s
            self._bar.update(
                self._task,
                description=AFTER_LOAD if over else f"load: {progress.phase}",
                total=progress.planned_s,
                completed=min(progress.elapsed_s, progress.planned_s),
                figures=figures(progress),
            )
        elif not self._quiet and progress.elapsed_s - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = progress.elapsed_s
            left_s = max(0.0, progress.planned_s - progress.elapsed_s)
            print(f"{progress.phase}: {figures(progress)}, {left_s:.0f} s left", file=sys.stderr, flush=True)


def figures(progress: Progress) -> str:
    """Such as ``1,204 requests, 35.1/s, 0 errors``; what is not known is left out."""
    parts = []
    if progress.requests is not None:
        parts.append(f"{progress.requests:,} requests")
    if progress.rate_per_s is not None:
        parts.append(f"{progress.rate_per_s:.1f}/s")
    if progress.failed is not None:
        parts.append(f"{progress.failed:,} errors")
    return ", ".join(parts)
