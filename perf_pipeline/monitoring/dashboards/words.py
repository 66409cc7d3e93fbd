"""Outcomes, verdicts and SLOs as Grafana shows them: value -> (text, colour)."""

from __future__ import annotations

from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import Outcome
from perf_pipeline.monitoring.dashboards.looks import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW

OUTCOMES: dict[str, tuple[str, str]] = {
    Outcome.PASSED.value: ("passed", GREEN),
    Outcome.REGRESSED.value: ("regressed", ORANGE),
    Outcome.SLO_BREACHED.value: ("SLO breached", RED),
    Outcome.INVALID.value: ("invalid", PURPLE),
    Outcome.CANCELLED.value: ("cancelled", GREY),
    Outcome.NOT_READY.value: ("not ready", GREY),
    Outcome.LOST.value: ("lost", GREY),
}
# The worse the later: where two runs share a point of a panel, the higher number is shown.
VERDICTS: dict[str, tuple[str, str]] = {
    Verdict.NO_BASELINE.value: ("no baseline", GREY),
    Verdict.UNCHANGED.value: ("unchanged", BLUE),
    Verdict.IMPROVED.value: ("improved", GREEN),
    Verdict.INCONCLUSIVE.value: ("inconclusive", YELLOW),
    Verdict.REGRESSED.value: ("regressed", RED),
}
SLO = {"1": ("met", GREEN), "0": ("breached", RED)}


def numbered(words: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The same by number, for panels that show values and not labels."""
    return {str(number): shown for number, shown in enumerate(words.values(), start=1)}
