"""Is one more run of the same revision started at once? Pure policy.

A run and those that confirm it are a *series*: one revision, judged together against the baseline that the
first of them had. The judge says why one more run would help (``Judgement.more``), and accounts for having
looked before. Here is decided whether anybody acts on it: a series ends when it is decided, when there is
nothing to decide, and after ``verdict.runs`` loads.
"""

from __future__ import annotations

from perf_pipeline.core.fair_sample import why_unfair
from perf_pipeline.core.judgement import Comparison, Verdict
from perf_pipeline.core.model import FollowUp, Outcome, RunRequest, SloReport
from perf_pipeline.core.signs import changed
from perf_pipeline.core.wording import listing
from perf_pipeline.suite import AUTOMATIC, BaselinePolicy, VerdictSettings

PINNED = "pinned"


def why_one_more(
    *,
    request: RunRequest,
    policy: BaselinePolicy,
    settings: VerdictSettings,
    slo: SloReport,
    comparison: Comparison,
    outcome: Outcome,
    loads: int,
) -> str:
    """A clause that says why the run of ``slo`` is not the last of its series; empty: it is.

    ``loads``: how often the series has sent load, this run included. A run that is not a fair sample, or has
    regressed beyond doubt, is decided: nothing that another one measures would change it.
    """
    if loads >= most_runs(request.follow_up, settings):
        return ""
    if outcome is Outcome.INVALID:
        # What its first run asked for is still open; a first run that is invalid has compared nothing.
        return f"run {loads} was invalid and does not count" if request.confirms else ""
    judgement = comparison.judgement
    if not comparison.compared or why_unfair(slo) or changed(judgement, Verdict.REGRESSED):
        return ""
    return judgement.more or _lucky(policy, comparison)


def most_runs(follow_up: FollowUp, settings: VerdictSettings) -> int:
    """How many runs of the revision may be loaded for one verdict; the judge has to know it beforehand."""
    return 1 if follow_up is FollowUp.NOBODY else settings.runs


def _lucky(policy: BaselinePolicy, comparison: Comparison) -> str:
    """One lucky run must not move the baseline: every normal run after it would be a regression."""
    improved = changed(comparison.judgement, Verdict.IMPROVED)
    by_itself = policy.accept == policy.improvements == AUTOMATIC
    if not improved or not by_itself or against_pinned(comparison) or len(judged_together(comparison)) > 1:
        return ""
    return f"{listing(improved)} improved, and one run alone does not move the baseline"


def against_pinned(comparison: Comparison) -> bool:
    """Compared with chosen runs: what differs from them says nothing of the automatic baseline."""
    return comparison.baseline is not None and comparison.baseline.mode == PINNED


def judged_together(comparison: Comparison) -> list[str]:
    """Ids of the runs that a comparison rests on, oldest first, its own last."""
    return comparison.series.run_ids if comparison.series else [comparison.run_id]
