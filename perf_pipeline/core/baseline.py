"""Does a run enter the automatic baseline by itself? Pure policy; the store carries it out.

What is decided on is a series: a run and those that confirm it (``core.confirmation``), which enter or stay
out together, once the series is decided. It enters when it is a fair sample of how the target behaves now:

- it is valid (an invalid, cancelled, lost or not ready run measured nothing);
- no endpoint regressed: otherwise the regression would become the normal it is compared with;
- no endpoint is over its error objective, and the target was neither lost nor stalled (``core.fair_sample``);
- a latency objective that is missed does *not* keep it out: a backend that always misses one objective must
  still get its regressions found;
- nothing *seems* slower. Undecided is normal while there are few runs to compare with, and such a series
  enters, or a baseline could never grow; but one that leans there may be the first of many.

An improvement that a second run confirmed begins the baseline anew, where the policy lets it: two levels in
one baseline describe neither. One lucky run never does.

A series that seems slower waits, and the next ones say what it was (a row of waiting series, oldest first):

- a neighbour in the row saw the same: it stays out, and only a person lets it in;
- *it did not come again*: then comes a series in which nothing seems slower. It was noise, which the baseline
  has to know: both enter. Were such runs left out, the spread of identical runs would be underestimated, and
  more and more of them would seem changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from perf_pipeline.core.confirmation import against_pinned, judged_together
from perf_pipeline.core.fair_sample import why_unfair
from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.judgement import Comparison, Direction, Verdict
from perf_pipeline.core.model import VALID, Outcome, SloReport
from perf_pipeline.core.signs import TOGETHER, Signs, changed, signs_of
from perf_pipeline.core.wording import count, listing
from perf_pipeline.suite import MANUAL, BaselinePolicy, VerdictSettings

_ACCEPT = "`perf-pipeline baseline accept RUN --reason ...`"


class Waiting(Frozen):
    """A series of valid runs that did not enter, and why."""

    run_ids: list[str]
    signs: Signs


class BaselineDecision(Frozen):
    """What happens to the baseline after a run.

    ``run_ids``: the runs that enter, oldest first, the judged one last; empty unless ``enter``. ``anew``:
    the baseline begins with them, and earlier runs stop counting. ``held``: the runs of the series that stay
    out; they ``wait`` when they may enter later, with a series that follows or by hand. ``signs``: what the
    series that follow have to know of them, until they enter or the baseline is moved by hand.
    """

    enter: bool
    run_ids: list[str] = []  # noqa: RUF012 - pydantic copies it
    anew: bool = False
    held: list[str] = []  # noqa: RUF012
    waits: bool = False
    signs: Signs = Signs()
    sentence: str


def baseline_decision(
    *,
    policy: BaselinePolicy,
    settings: VerdictSettings,
    slo: SloReport,
    comparison: Comparison,
    outcome: Outcome,
    asks: str,
    waiting: Sequence[Waiting],
) -> BaselineDecision:
    """Decide for the series that ends with the run of ``slo``.

    ``asks``: why one more run of it follows; empty: it is decided. ``waiting``: the row of waiting series
    just before it, oldest first. ``sentence`` is for people; where a run enters, the store adds how many runs
    the baseline has then.
    """
    if _measured_nothing(slo, outcome):
        # It does not count: what is known of the series' other runs stays as it is.
        return BaselineDecision(
            enter=False, sentence=f"did not enter the baseline: {_no_measurement(slo, outcome)}"
        )
    series = judged_together(comparison)
    signs = signs_of(comparison, settings, waiting[-1].signs if waiting else Signs())
    obstacle = _obstacle(policy, slo, comparison)
    if obstacle:
        signs = signs.model_copy(update={"certain": True})
        said = f"did not enter the baseline: {obstacle}"
        return BaselineDecision(enter=False, held=series, signs=signs, sentence=said)
    if asks:
        said = "waits to enter the baseline: one more run of this revision decides about them together"
        return BaselineDecision(enter=False, held=series, waits=True, signs=signs, sentence=said)
    if signs.slower:
        said = f"waits to enter the baseline: {_seems_slower(comparison, signs)}"
        return BaselineDecision(enter=False, held=series, waits=True, signs=signs, sentence=said)
    improved = [] if against_pinned(comparison) else changed(comparison.judgement, Verdict.IMPROVED)
    if improved:
        return _improved(improved, series, policy, signs)
    return _enters(series, waiting, signs)


def _measured_nothing(slo: SloReport, outcome: Outcome) -> bool:
    return outcome not in VALID or not slo.valid


def _no_measurement(slo: SloReport, outcome: Outcome) -> str:
    word = Outcome.INVALID if outcome in VALID else outcome
    names = listing([reason.name for reason in slo.invalid_reasons])
    return f"the run is {word.value}" + (f" ({names})" if names else "")


def _obstacle(policy: BaselinePolicy, slo: SloReport, comparison: Comparison) -> str:
    unfair = why_unfair(slo)
    if unfair:
        return unfair
    regressed = changed(comparison.judgement, Verdict.REGRESSED)
    if regressed:
        return f"{listing(regressed)} regressed; if that is the new normal, accept it with {_ACCEPT}"
    if policy.accept == MANUAL:
        return f"this suite accepts runs by hand, with {_ACCEPT}"
    return ""


def _seems_slower(comparison: Comparison, signs: Signs) -> str:
    common, verdicts = comparison.judgement.common, comparison.judgement.endpoints
    now = [name for name in signs.slower if name in verdicts and verdicts[name].leaning is Direction.SLOWER]
    if TOGETHER in signs.slower and common is not None and common.p50_ratio > 1:
        now.append(TOGETHER)
    seen = (
        f"{listing(now)} perhaps slower"
        if now
        else f"{listing(signs.slower)} seemed slower in the run before and is not shown to be back"
    )
    return f"{seen}; if that is the new normal, accept it with {_ACCEPT}"


def _improved(
    improved: list[str], series: list[str], policy: BaselinePolicy, signs: Signs
) -> BaselineDecision:
    names = listing(improved)
    if policy.improvements == MANUAL:
        why = f"this suite accepts that by hand, with {_ACCEPT}"
    elif len(series) == 1:
        why = f"one run alone does not move it; {_ACCEPT} does"
    else:
        why = ""
    if why:
        said = f"did not enter the baseline: {names} improved, and {why}"
        return BaselineDecision(enter=False, held=series, signs=signs, sentence=said)
    said = (
        f"began the baseline anew: {names} improved, and {count(len(series), 'run')} of this revision agree"
    )
    return BaselineDecision(enter=True, run_ids=series, anew=True, sentence=said)


# ------------------------------------------------------------------ the row of waiting series


def _enters(series: list[str], waiting: Sequence[Waiting], signs: Signs) -> BaselineDecision:
    row = [*waiting, Waiting(run_ids=series, signs=signs)]
    noise = [
        one for place, one in enumerate(waiting) if not one.signs.certain and not _seen_again(row, place)
    ]
    runs = [run_id for one in noise for run_id in one.run_ids]
    said = "entered the baseline"
    if len(series) > 1:
        said += f" with the {count(len(series) - 1, 'run')} of its series before it"
    if runs:
        names = dict.fromkeys(name for one in noise for name in one.signs.slower)
        said += (
            f" together with {count(len(runs), 'run')} before it, which had waited: "
            f"what seemed slower there ({listing([*names])}) did not come again"
        )
    return BaselineDecision(enter=True, run_ids=[*runs, *series], sentence=said)


def _seen_again(row: Sequence[Waiting], place: int) -> bool:
    neighbours = [*row[max(place - 1, 0) : place], *row[place + 1 : place + 2]]
    seen = {name for neighbour in neighbours for name in neighbour.signs.slower}
    return not seen.isdisjoint(row[place].signs.slower)
