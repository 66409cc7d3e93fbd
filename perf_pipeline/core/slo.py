"""Does each endpoint keep its promise? And the report that joins this with the run's validity.

Quantiles are NumPy's ``linear`` ones (its default, Hyndman and Fan's type 7: between the two neighbouring
order statistics) over the successful requests of the measured phase. They come from the raw samples;
Prometheus' figure is shown beside them, and stands in only where an endpoint has no raw samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from perf_pipeline.core.model import (
    NO_FIGURES,
    EndpointCount,
    EndpointSlo,
    LoadResult,
    PrometheusFigures,
    PrometheusSnapshot,
    Reason,
    Samples,
    SloReport,
    SloStatus,
    StackState,
)
from perf_pipeline.core.validity import judge_validity
from perf_pipeline.core.wording import as_promised, listing, milliseconds, percent
from perf_pipeline.suite import Endpoint, Profile, Suite

_NOTHING_SENT = EndpointCount(planned=None, sent=0, succeeded=0, failed=0)


def slo_report(
    *,
    suite: Suite,
    profile: Profile,
    stack: StackState,
    load: LoadResult,
    snapshot: PrometheusSnapshot,
    samples: Mapping[str, Samples],
) -> SloReport:
    """Validity and SLOs of one run. ``breaches`` holds the target's (stalled, lost) before the endpoints'."""
    validity = judge_validity(
        suite=suite, profile=profile, stack=stack, load=load, snapshot=snapshot, samples=samples
    )
    endpoints = evaluate_slos(suite, load, samples, snapshot)
    breaches = validity.breaches + [
        Reason(name="slo_breached", sentence=f"{endpoint.endpoint}: {endpoint.sentence}")
        for endpoint in endpoints
        if endpoint.status is SloStatus.BREACHED
    ]
    invalid = list(validity.invalid_reasons)
    silent = [endpoint.endpoint for endpoint in endpoints if endpoint.status is SloStatus.NO_DATA]
    if silent and not invalid and not validity.breaches:
        # An endpoint without data never passes; when nothing else explains it, the measurement is at fault.
        sentence = f"no request was measured of {listing(silent)}: neither passed nor failed"
        invalid.append(Reason(name="no_data", sentence=sentence))
    return SloReport(
        run_id=load.run_id,
        valid=not invalid,
        invalid_reasons=invalid,
        warnings=validity.warnings,
        breaches=breaches,
        endpoints=endpoints,
    )


def evaluate_slos(
    suite: Suite, load: LoadResult, samples: Mapping[str, Samples], snapshot: PrometheusSnapshot
) -> list[EndpointSlo]:
    """Each endpoint of the suite, in its order. No requests: ``no_data``; none successful: breached."""
    seconds = (load.measure_ended_unix_ms - load.measure_started_unix_ms) / 1000.0
    return [
        _evaluate(
            endpoint,
            count=load.counts.get(name, _NOTHING_SENT),
            samples=samples.get(name),
            figures=snapshot.figures.get(name, NO_FIGURES),
            seconds=seconds,
            errors=load.errors_by_kind.get(name, {}),
        )
        for name, endpoint in suite.endpoints.items()
    ]


def _evaluate(
    endpoint: Endpoint,
    *,
    count: EndpointCount,
    samples: Samples | None,
    figures: PrometheusFigures,
    seconds: float,
    errors: Mapping[str, int],
) -> EndpointSlo:
    slo = endpoint.slo
    exact = _quantiles(samples)
    p50, p95 = exact if exact is not None else (figures.p50_ms, figures.p95_ms)
    error_ratio = count.failed / count.sent if count.sent else None
    broken = []
    if error_ratio is not None and (error_ratio > slo.error_ratio or not count.succeeded):
        failed = f"{percent(error_ratio)} of {count.sent} requests failed"
        kinds = f" ({_kinds(errors)})" if errors else ""
        broken.append(f"{failed}{kinds}, objective {percent(slo.error_ratio)}")
    for name, value, objective in (("p95", p95, slo.p95_ms), ("p50", p50, slo.p50_ms)):
        if value is not None and objective is not None and value > objective:
            over = f"over its {as_promised(objective)} ms objective"
            broken.append(f"{name} {milliseconds(value)} {over} (n {count.succeeded})")
    if not count.sent:
        status, sentence = SloStatus.NO_DATA, "no request was measured"
    elif broken:
        status, sentence = SloStatus.BREACHED, "; ".join(broken)
    elif p95 is None:
        status, sentence = SloStatus.NO_DATA, f"no latency was recorded of {count.sent} requests"
    else:
        status, sentence = SloStatus.MET, ""
    return EndpointSlo(
        endpoint=endpoint.name,
        status=status,
        requests=count.sent,
        failed=count.failed,
        error_ratio=error_ratio,
        p50_ms=p50,
        p95_ms=p95,
        p50_objective_ms=slo.p50_ms,
        p95_objective_ms=slo.p95_ms,
        error_objective_ratio=slo.error_ratio,
        headroom_ratio=None if p95 is None else (slo.p95_ms - p95) / slo.p95_ms,
        prometheus_p95_ms=figures.p95_ms,
        achieved_per_s=count.sent / seconds if seconds > 0 else None,
        sentence=sentence,
    )


def _quantiles(samples: Samples | None) -> tuple[float, float] | None:
    if samples is None:
        return None
    durations = samples.successful_ms()
    durations = durations[np.isfinite(durations)]
    if not len(durations):
        return None
    p50, p95 = np.quantile(durations, (0.5, 0.95), method="linear")
    return float(p50), float(p95)


def _kinds(errors: Mapping[str, int]) -> str:
    """``status 500`` alone; with counts, the most frequent first, when there are several."""
    if len(errors) == 1:
        return next(iter(errors))
    ranked = sorted(errors.items(), key=lambda item: (-item[1], item[0]))
    return listing([f"{kind} ×{number}" for kind, number in ranked], limit=4)
