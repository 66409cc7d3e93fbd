"""Is a valid run a fair sample of the target's latency? Requests that are missing were the slow ones."""

from __future__ import annotations

from perf_pipeline.core.model import EndpointSlo, SloReport
from perf_pipeline.core.wording import listing

# An endpoint's objective is missed; its figures tell latency from errors. Every other breach (target lost,
# stalled, circuit breaker) says that requests are missing from the latencies.
ENDPOINT_BREACH = "slo_breached"


def why_unfair(slo: SloReport) -> str:
    """Such as ``join_room over the error objective``; empty for a fair one. A missed latency objective is."""
    failing = [one.endpoint for one in slo.endpoints if _over_error_objective(one)]
    if failing:
        return f"{listing(failing)} over the error objective"
    return listing([reason.name for reason in slo.breaches if reason.name != ENDPOINT_BREACH])


def _over_error_objective(endpoint: EndpointSlo) -> bool:
    if endpoint.error_ratio is None:
        return False
    return endpoint.error_ratio > endpoint.error_objective_ratio or endpoint.failed == endpoint.requests
