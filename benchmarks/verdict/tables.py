"""The judge with a stop-watch, and the rows of the tables."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from perf_pipeline.conventions import CONTROL
from perf_pipeline.core.judgement import Judgement
from perf_pipeline.core.model import RunSamples
from perf_pipeline.core.tally import Share, Tally
from perf_pipeline.core.verdict import compare
from perf_pipeline.suite import VerdictSettings

# No floor in ms: endpoints of 3 ms are among them, and 5 % of that is known to be true.
SETTINGS = VerdictSettings(floor_ms=0.0)
COLUMNS = (
    *("case", "trials", "found", "wrong alarm", "95 % interval", "wrong improved", "inconclusive"),
    *("runs", "p50 covered", "± p50", "p95 covered", "± p95", "ms"),
)
WIDTHS = (30, 6, 5, 11, 13, 14, 12, 5, 11, 6, 11, 6, 5)


class TimedJudge:
    """The judge as the pipeline calls it; remembers how long it took."""

    def __init__(self, settings: VerdictSettings = SETTINGS) -> None:
        self._settings = settings
        self.seconds = 0.0

    def __call__(self, baseline: Sequence[RunSamples], candidates: Sequence[RunSamples]) -> Judgement:
        begun = time.perf_counter()
        said = compare(baseline, candidates, self._settings, control=CONTROL)
        self.seconds += time.perf_counter() - begun
        return said


def row(case: str, tally: Tally, seconds: float) -> tuple[str, ...]:
    """As ``COLUMNS``; ``seconds``: of all judgements."""
    alarms = tally.alarm_share
    return (
        case,
        str(tally.trials),
        _two(tally.found_share) if tally.changes else "-",
        f"{alarms.ratio:.1%}",
        f"{alarms.low:.1%}-{alarms.high:.1%}",
        f"{tally.false_improved / max(1, tally.trials):.1%}",
        f"{tally.inconclusive_ratio:.0%}",
        f"{tally.runs_per_verdict:.2f}",
        _percent(tally.coverage("p50").ratio),
        _percent(tally.half_width("p50")),
        _percent(tally.coverage("p95").ratio),
        _percent(tally.half_width("p95")),
        f"{1000 * seconds / max(1, tally.trials):.0f}",
    )


def line(cells: Sequence[str]) -> str:
    """For the terminal."""
    first, *others = (cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    return "  ".join([first.strip().ljust(WIDTHS[0]), *others])


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table with its heading."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def put_into(file: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of that name; add it where there are none."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    old = file.read_text() if file.exists() else ""
    if begin not in old:
        old = f"{old.rstrip()}\n\n{begin}{end}" if old else begin + end
    before, rest = old.split(begin, 1)
    after = rest.split(end, 1)[1]
    file.write_text(f"{before}{begin}{text}{end}{after}")


def _two(share: Share) -> str:
    return f"{share.ratio:.2f}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"
