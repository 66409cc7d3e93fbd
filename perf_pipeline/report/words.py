"""A word, a mark and a tone for every outcome, status and verdict, so that colour never stands alone."""

from __future__ import annotations

from dataclasses import dataclass

from perf_pipeline.core.judgement import Verdict
from perf_pipeline.core.model import Outcome, SloStatus

GOOD, BAD, WARN, NEUTRAL = "good", "bad", "warn", "neutral"


@dataclass(frozen=True)
class Badge:
    """``mark``: one ASCII character, for terminals; ``sign``: the same on a page; ``tone``: its colour."""

    key: str
    word: str
    mark: str
    sign: str
    tone: str


OUTCOMES = {
    Outcome.NOT_READY: Badge("not_ready", "not ready", "?", "?", WARN),
    Outcome.CANCELLED: Badge("cancelled", "cancelled", "?", "■", WARN),
    Outcome.LOST: Badge("lost", "lost", "?", "?", WARN),
    Outcome.INVALID: Badge("invalid", "invalid", "?", "?", WARN),
    Outcome.SLO_BREACHED: Badge("slo_breached", "SLO breached", "!", "✕", BAD),
    Outcome.REGRESSED: Badge("regressed", "regressed", "+", "▲", BAD),
    Outcome.PASSED: Badge("passed", "passed", "=", "✓", GOOD),
}

SLO_STATUSES = {
    SloStatus.MET: Badge("met", "met", " ", "✓", GOOD),
    SloStatus.BREACHED: Badge("breached", "breached", "!", "✕", BAD),
    SloStatus.NO_DATA: Badge("no_data", "no data", "?", "?", WARN),
}

VERDICTS = {
    Verdict.IMPROVED: Badge("improved", "improved", "-", "▼", GOOD),
    Verdict.UNCHANGED: Badge("unchanged", "unchanged", "=", "=", NEUTRAL),
    Verdict.REGRESSED: Badge("regressed", "regressed", "+", "▲", BAD),
    Verdict.INCONCLUSIVE: Badge("inconclusive", "inconclusive", "~", "~", WARN),
    Verdict.NO_BASELINE: Badge("no_baseline", "no baseline", " ", "·", NEUTRAL),
}
NOT_COMPARED = Badge("not_compared", "not compared", " ", "·", NEUTRAL)
