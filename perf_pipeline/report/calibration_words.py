"""A calibration in words and tables, the same for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perf_pipeline.core.calibration_model import Calibration, QuantileNoise, Rate, Schedule
from perf_pipeline.core.wording import count
from perf_pipeline.report import formats as f

_LARGE = 9.0


@dataclass(frozen=True)
class Table:
    """``columns``: as in ``terminal_parts.columns``; ``>`` is to the right."""

    title: str
    what: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def rate(one: Rate) -> str:
    """``1.3 % (0.4 %-4.7 %; 2 of 150)``."""
    if one.ratio is None:
        return f.NONE
    return f"{f.percent(one.ratio)} ({f.percent(one.low)} to {f.percent(one.high)}; {one.count} of {one.of})"


def summary(found: Calibration) -> str:
    if not found.runs:
        return "no valid run yet"
    revisions = count(found.revisions, "revision")
    said = f"{count(found.runs, 'valid run')} of {revisions}, none of them slower than its baseline"
    if not found.replayed:
        return said
    verdicts = count(found.replayed, "verdict")
    return f"{said}; {verdicts} replayed, each against {count(found.baseline_runs, 'baseline run')}"


def tables(found: Calibration) -> list[Table]:
    """Empty when nothing could be replayed."""
    if not found.replayed:
        return []
    return [_alarms(found), _noise(found), _power(found), _schedules(found)]


def _alarms(found: Calibration) -> Table:
    runs = f.NONE if found.runs_per_verdict is None else f"{found.runs_per_verdict:.2f}"
    rows = [
        ("false alarms per verdict", rate(found.false_alarms)),
        ("wrongly called improved", rate(found.false_improved)),
        ("alarms beside the slowed endpoint", rate(found.collateral)),
        ("endpoints left inconclusive", f.percent(found.inconclusive_ratio)),
        ("runs per verdict", runs),
        ("95 % intervals of p50 that hold", f"{rate(found.p50_covered)}, ±{f.percent(found.p50_half_width)}"),
        ("95 % intervals of p95 that hold", f"{rate(found.p95_covered)}, ±{f.percent(found.p95_half_width)}"),
    ]
    return Table("Identical runs", "what the judge says of them, with 95 % intervals", ("", ""), rows)


def _noise(found: Calibration) -> Table:
    rows = [
        (
            one.endpoint,
            f.count(one.samples),
            *_of_quantile(one.p50),
            *_of_quantile(one.p95),
            f.count(one.false_alarms),
        )
        for one in found.endpoints
    ]
    names = (
        "endpoint",
        ">samples",
        ">p50 noise",
        ">within",
        ">sees",
        ">p95 noise",
        ">within",
        ">sees",
        ">alarms",
    )
    what = "how much identical runs differ; of that within a run; slowdown found in four of five cases"
    return Table("Noise", what, names, rows)


def _of_quantile(one: QuantileNoise | None) -> tuple[str, str, str]:
    if one is None:
        return (f.NONE,) * 3
    return f.percent(one.noise_ratio), f.percent(one.within_ratio), _size(one.detectable_ratio)


def _power(found: Calibration) -> Table:
    labels = list(found.power)
    rows = [(one.endpoint, *(f.percent(one.power[name].ratio) for name in labels)) for one in found.endpoints]
    rows.append(("all together", *(f.percent(found.power[name].ratio) for name in labels)))
    of = next(iter(found.endpoints[0].power.values())).of if found.endpoints else 0
    what = f"share found of slowdowns injected into recorded samples, {of} each"
    return Table("Power", what, ("endpoint", *(f">{name}" for name in labels)), rows)


def _schedules(found: Calibration) -> Table:
    rows = [
        (
            f.duration(one.run_s),
            str(one.baseline_runs),
            *(_size(ratio) for ratio in _sees(one)),
            "<" if one == found.recommended else "",
        )
        for one in found.schedules
    ]
    names = (">measured", ">baseline runs", ">p50", ">p50 worst", ">p95", ">p95 worst", "")
    what = "the smallest slowdown it would see at the endpoint in the middle and at the worst"
    return Table("Schedules", what, names, rows)


def _sees(one: Schedule) -> Sequence[float]:
    return one.p50_ratio, one.p50_worst_ratio, one.p95_ratio, one.p95_worst_ratio


def _size(ratio: float) -> str:
    """Of a slowdown; beyond a factor of ten nobody needs a statistic to see it."""
    return f.percent(ratio) if ratio < _LARGE else "over ×10"


def markdown(found: Calibration, *, title: str) -> str:
    """The whole document."""
    parts = [f"# {title}\n", f"{summary(found)}.\n"]
    said = [*found.problems, *found.advice]
    parts += ["".join(f"- {sentence}\n" for sentence in said)] if said else []
    for table in tables(found):
        heading = [name.removeprefix(">") for name in table.columns]
        lines = [heading, ["---:" if name.startswith(">") else "---" for name in table.columns], *table.rows]
        parts.append(f"## {table.title}\n\n{table.what[0].upper()}{table.what[1:]}.\n")
        parts.append("".join(f"| {' | '.join(cells)} |\n" for cells in lines))
    return "\n".join(parts)
