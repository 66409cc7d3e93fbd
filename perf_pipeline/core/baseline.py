"""Does a run enter the automatic baseline by itself? Pure policy; the store carries it out.

A run enters when it is a fair sample of how the target behaves now:

- it is valid (an invalid, cancelled, lost or not ready run measured nothing);
- no endpoint regressed: otherwise the regression would become the normal it is compared with;
- no endpoint is over its error objective, and the target was neither lost nor stalled: the latencies of such
  a run leave out the requests that mattered;
- a latency objective that is missed does *not* keep it out: a backend that always misses one objective must
  still get its regressions found.

A run in which an endpoint *improved* waits. It enters when the next valid run under the same fingerprint says
the same of that endpoint, and both enter then: one lucky run would make every normal run after it a
regression. Waiting runs form a chain, oldest first; an improvement is confirmed by a neighbour in the chain.
"""

from __future__ import annotations

from collections.abc import Sequence

from perf_pipeline.core.model import Comparison, EndpointSlo, Frozen, Outcome, SloReport, Verdict
from perf_pipeline.core.wording import listing
from perf_pipeline.suite import BaselinePolicy

MEASURED_NOTHING = frozenset({Outcome.NOT_READY, Outcome.CANCELLED, Outcome.LOST, Outcome.INVALID})
# An endpoint's objective is missed; its figures tell latency from errors. Every other breach (target lost,
# stalled, circuit breaker) says that requests are missing from the latencies.
ENDPOINT_BREACH = "slo_breached"


class ImprovedRun(Frozen):
    """A valid run that waits for confirmation, and the endpoints that improved in it."""

    run_id: str
    endpoints: list[str]


class BaselineDecision(Frozen):
    """What happens to the baseline after a run.

    ``run_ids``: the runs that enter, oldest first, the judged one last; empty unless ``enter``.
    ``waits``: the run may enter later, together with the run that confirms it.
    """

    enter: bool
    run_ids: list[str] = []  # noqa: RUF012 - pydantic copies it
    waits: bool = False
    sentence: str


def baseline_decision(
    *,
    policy: BaselinePolicy,
    slo: SloReport,
    comparison: Comparison,
    outcome: Outcome,
    pending: Sequence[ImprovedRun],
) -> BaselineDecision:
    """Decide for the run of ``slo``. ``pending``: the waiting runs just before it, oldest first.

    ``sentence`` is for people; where a run enters, the store adds how many runs the baseline has then.
    """
    obstacle = _obstacle(policy, slo, comparison, outcome)
    if obstacle:
        return BaselineDecision(enter=False, sentence=obstacle)
    improved = _endpoints(comparison, Verdict.IMPROVED)
    if not improved:
        return BaselineDecision(enter=True, run_ids=[slo.run_id], sentence="entered the baseline")
    chain = [*pending, ImprovedRun(run_id=slo.run_id, endpoints=improved)]
    confirmed = [run.run_id for place, run in enumerate(chain) if _confirmed(chain, place)]
    if slo.run_id not in confirmed:
        return BaselineDecision(
            enter=False,
            waits=True,
            sentence=f"waits to enter the baseline: {listing(improved)} improved, "
            "and the next run has to confirm it",
        )
    return BaselineDecision(
        enter=True,
        run_ids=confirmed,
        sentence=f"entered the baseline together with the run before it, which also saw {listing(improved)} "
        "improved",
    )


def _obstacle(policy: BaselinePolicy, slo: SloReport, comparison: Comparison, outcome: Outcome) -> str:
    accept = "`perf-pipeline baseline accept RUN --reason ...`"
    if outcome in MEASURED_NOTHING or not slo.valid:
        word = Outcome.INVALID if outcome not in MEASURED_NOTHING else outcome
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
            f"if that is the new normal, accept it with {accept}"
        )
    if policy.accept == "manual":
        return f"did not enter the baseline: this suite accepts runs by hand, with {accept}"
    return ""


def _over_error_objective(endpoint: EndpointSlo) -> bool:
    if endpoint.error_ratio is None:
        return False
    return endpoint.error_ratio > endpoint.error_objective_ratio or endpoint.failed == endpoint.requests


def _confirmed(chain: Sequence[ImprovedRun], place: int) -> bool:
    """Whether a neighbour in the chain saw each of this run's improvements too."""
    neighbours = [*chain[max(place - 1, 0) : place], *chain[place + 1 : place + 2]]
    seen = {endpoint for run in neighbours for endpoint in run.endpoints}
    return seen.issuperset(chain[place].endpoints)


def _endpoints(comparison: Comparison, verdict: Verdict) -> list[str]:
    return [name for name, one in comparison.judgement.endpoints.items() if one.verdict == verdict]
