"""Does a run enter the automatic baseline by itself? Pure policy; the store carries it out.

A run enters when it is a fair sample of how the target behaves now:

- it is valid (an invalid, cancelled, lost or not ready run measured nothing);
- no endpoint regressed: otherwise the regression would become the normal it is compared with;
- no endpoint is over its error objective, and the target was neither lost nor stalled: the latencies of such
  a run leave out the requests that mattered;
- a latency objective that is missed does *not* keep it out: a backend that always misses one objective must
  still get its regressions found;
- nothing in it *seems* changed. Undecided is normal while there are few runs to compare with, and such a run
  enters, or a baseline could never grow; but a run that leans to one side, or in which all endpoints went to
  one side together, may be the first of many.

A run that seems changed waits, and the next ones say what it was (a row of waiting runs, oldest first):

- *Faster*: a neighbour in the row saw the same: it is confirmed, and both enter. One lucky run would make
  every normal run after it a regression.
- *Slower*: a neighbour in the row saw the same: it stays out, and only a person lets it in.
- *It did not come again*: no neighbour saw the same, and then comes a run in which nothing seems changed. It
  was noise, which the baseline has to know: both enter. Were such runs left out, the spread of identical runs
  would be underestimated, and more and more of them would seem changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from perf_pipeline.core.model import (
    VALID,
    Comparison,
    Direction,
    EndpointSlo,
    Frozen,
    Outcome,
    SloReport,
    Verdict,
)
from perf_pipeline.core.signs import TOGETHER, Signs, signs_of
from perf_pipeline.core.wording import count, listing
from perf_pipeline.suite import BaselinePolicy, VerdictSettings

# An endpoint's objective is missed; its figures tell latency from errors. Every other breach (target lost,
# stalled, circuit breaker) says that requests are missing from the latencies.
ENDPOINT_BREACH = "slo_breached"

_ACCEPT = "`perf-pipeline baseline accept RUN --reason ...`"


class WaitingRun(Frozen):
    """A valid run that did not enter, and why."""

    run_id: str
    signs: Signs


class BaselineDecision(Frozen):
    """What happens to the baseline after a run.

    ``run_ids``: the runs that enter, oldest first, the judged one last; empty unless ``enter``.
    ``waits``: the run may enter later, with one that follows or by hand. ``signs``: what the runs that follow
    have to know of it, until it enters or the baseline is moved by hand.
    """

    enter: bool
    run_ids: list[str] = []  # noqa: RUF012 - pydantic copies it
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
    waiting: Sequence[WaitingRun],
) -> BaselineDecision:
    """Decide for the run of ``slo``. ``waiting``: the row of waiting runs just before it, oldest first.

    ``sentence`` is for people; where a run enters, the store adds how many runs the baseline has then.
    """
    signs = signs_of(comparison, settings, waiting[-1].signs if waiting else Signs())
    obstacle = _obstacle(policy, slo, comparison, outcome)
    if obstacle:
        kept = Signs() if _measured_nothing(slo, outcome) else Signs(slower=signs.slower, certain=True)
        return BaselineDecision(enter=False, signs=kept, sentence=obstacle)
    row = [*waiting, WaitingRun(run_id=slo.run_id, signs=signs)]
    if signs.slower:
        return BaselineDecision(
            enter=False, waits=True, signs=signs, sentence=_seems_slower(comparison, signs)
        )
    if signs.faster:
        return _faster(row)
    noise = [
        run for place, run in enumerate(row[:-1]) if not run.signs.certain and not _seen_again(row, place)
    ]
    sentence = "entered the baseline"
    if noise:
        names = dict.fromkeys(name for run in noise for name in (*run.signs.slower, *run.signs.faster))
        sentence += (
            f" together with {count(len(noise), 'run')} before it, which had waited: "
            f"what seemed changed there ({listing([*names])}) did not come again"
        )
    return BaselineDecision(enter=True, run_ids=[run.run_id for run in (*noise, row[-1])], sentence=sentence)


def _obstacle(policy: BaselinePolicy, slo: SloReport, comparison: Comparison, outcome: Outcome) -> str:
    if _measured_nothing(slo, outcome):
        word = Outcome.INVALID if outcome in VALID else outcome
        names = listing([reason.name for reason in slo.invalid_reasons])
        return f"did not enter the baseline: the run is {word.value}" + (f" ({names})" if names else "")
    failing = [one.endpoint for one in slo.endpoints if _over_error_objective(one)]
    if failing:
        return f"did not enter the baseline: {listing(failing)} over the error objective"
    disturbed = [reason.name for reason in slo.breaches if reason.name != ENDPOINT_BREACH]
    if disturbed:
        return f"did not enter the baseline: {listing(disturbed)}"
    regressed = _endpoints(comparison, Verdict.REGRESSED)
    if regressed:
        return (
            f"did not enter the baseline: {listing(regressed)} regressed; "
            f"if that is the new normal, accept it with {_ACCEPT}"
        )
    if policy.accept == "manual":
        return f"did not enter the baseline: this suite accepts runs by hand, with {_ACCEPT}"
    return ""


def _measured_nothing(slo: SloReport, outcome: Outcome) -> bool:
    return outcome not in VALID or not slo.valid


def _over_error_objective(endpoint: EndpointSlo) -> bool:
    if endpoint.error_ratio is None:
        return False
    return endpoint.error_ratio > endpoint.error_objective_ratio or endpoint.failed == endpoint.requests


def _seems_slower(comparison: Comparison, signs: Signs) -> str:
    common, verdicts = comparison.judgement.common, comparison.judgement.endpoints
    now = [name for name in signs.slower if name in verdicts and verdicts[name].leaning is Direction.SLOWER]
    if common is not None and common.stands is Direction.SLOWER:
        now.append(TOGETHER)
    seen = (
        f"{listing(now)} perhaps slower"
        if now
        else f"{listing(signs.slower)} seemed slower in the run before and is not shown to be back"
    )
    return f"waits to enter the baseline: {seen}; if that is the new normal, accept it with {_ACCEPT}"


# ------------------------------------------------------------------ the row of waiting runs


def _faster(row: Sequence[WaitingRun]) -> BaselineDecision:
    """Of the last one in the row, in which nothing seems slower."""
    signs = row[-1].signs
    confirmed = [run.run_id for place, run in enumerate(row) if _confirmed(row, place)]
    names = listing(signs.faster)
    if row[-1].run_id not in confirmed:
        return BaselineDecision(
            enter=False,
            waits=True,
            signs=signs,
            sentence=f"waits to enter the baseline: {names} {'' if signs.certain else 'perhaps '}improved, "
            "and the next run has to confirm it",
        )
    return BaselineDecision(
        enter=True,
        run_ids=confirmed,
        sentence=f"entered the baseline together with the run before it, which also saw {names} improved",
    )


def _confirmed(row: Sequence[WaitingRun], place: int) -> bool:
    """Whether nothing but improvements was seen, and a neighbour in the row saw each of them too."""
    signs = row[place].signs
    seen = {name for neighbour in _neighbours(row, place) for name in neighbour.signs.faster}
    return not signs.slower and bool(signs.faster) and seen.issuperset(signs.faster)


def _seen_again(row: Sequence[WaitingRun], place: int) -> bool:
    return any(row[place].signs.shared_with(neighbour.signs) for neighbour in _neighbours(row, place))


def _neighbours(row: Sequence[WaitingRun], place: int) -> list[WaitingRun]:
    return [*row[max(place - 1, 0) : place], *row[place + 1 : place + 2]]


def _endpoints(comparison: Comparison, verdict: Verdict) -> list[str]:
    return [name for name, one in comparison.judgement.endpoints.items() if one.verdict == verdict]
