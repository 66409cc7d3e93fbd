"""Asset checks: one per endpoint for its objectives, one per endpoint for its regression, one for validity.

None is blocking: a breach must not make the report vanish. What stops a pipeline is ``release_gate``.
"""

from __future__ import annotations

from collections.abc import Iterator

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetKey

from perf_pipeline.core.judgement import Comparison, Effect, Verdict
from perf_pipeline.core.model import EndpointSlo, SloReport, SloStatus
from perf_pipeline.report import formats
from perf_pipeline.report.words import VERDICTS
from perf_pipeline.suite import Suite

VALID_RUN = "valid_run"

ERROR, WARN = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN


def slo_check_name(endpoint: str) -> str:
    return f"slo_{endpoint}"


def regression_check_name(endpoint: str) -> str:
    return f"regression_{endpoint}"


def slo_check_specs(suite: Suite, asset: AssetKey) -> list[AssetCheckSpec]:
    """Of ``slo_report``: one for validity, one per endpoint for its objectives."""
    validity = AssetCheckSpec(
        VALID_RUN,
        asset=asset,
        description="The run can be judged: plan kept, nothing lost, enough samples.",
    )
    slos = [
        AssetCheckSpec(
            slo_check_name(endpoint.name),
            asset=asset,
            description=f"{endpoint.method} {endpoint.path}: "
            f"p95 at most {formats.with_unit(endpoint.slo.p95_ms)}, "
            f"errors at most {formats.percent(endpoint.slo.error_ratio)}.",
        )
        for endpoint in suite.endpoints.values()
    ]
    return [validity, *slos]


def regression_check_specs(suite: Suite, asset: AssetKey) -> list[AssetCheckSpec]:
    """Of ``baseline_comparison``: one per endpoint."""
    return [
        AssetCheckSpec(
            regression_check_name(name),
            asset=asset,
            description=f"{name} is not slower than its baseline. An error: it is. A warning: not known.",
        )
        for name in suite.endpoints
    ]


def slo_check_results(suite: Suite, report: SloReport) -> Iterator[AssetCheckResult]:
    """One result per spec, red only for what is wrong: a warning where nothing could be judged."""
    yield AssetCheckResult(
        check_name=VALID_RUN,
        passed=report.valid,
        severity=ERROR,
        description="; ".join(reason.sentence for reason in report.invalid_reasons) or "valid",
        metadata={"warnings": len(report.warnings)},
    )
    found = {endpoint.endpoint: endpoint for endpoint in report.endpoints}
    for name in suite.endpoints:
        yield _slo_result(name, found.get(name))


def _slo_result(name: str, slo: EndpointSlo | None) -> AssetCheckResult:
    if slo is None:
        return AssetCheckResult(
            check_name=slo_check_name(name), passed=False, severity=WARN, description="no requests"
        )
    figures = f"p95 {formats.with_unit(slo.p95_ms)} of {formats.with_unit(slo.p95_objective_ms)}"
    figures += f", errors {formats.percent(slo.error_ratio)}"
    metadata = {"p95_ms": slo.p95_ms, "p50_ms": slo.p50_ms, "error_ratio": slo.error_ratio}
    return AssetCheckResult(
        check_name=slo_check_name(name),
        passed=slo.status is SloStatus.MET,
        severity=WARN if slo.status is SloStatus.NO_DATA else ERROR,
        description=slo.sentence or figures,
        metadata={key: round(value, 4) for key, value in metadata.items() if value is not None},
    )


def regression_check_results(suite: Suite, comparison: Comparison) -> Iterator[AssetCheckResult]:
    """Red: regressed. Green: unchanged or improved. A warning: not known, for want of a baseline too."""
    for name in suite.endpoints:
        one = comparison.judgement.endpoints.get(name)
        if not comparison.compared or one is None:
            verdict, sentence = Verdict.NO_BASELINE, comparison.why_not or "not compared"
        else:
            verdict, sentence = one.verdict, one.sentence
        yield AssetCheckResult(
            check_name=regression_check_name(name),
            passed=verdict in (Verdict.UNCHANGED, Verdict.IMPROVED),
            severity=ERROR if verdict is Verdict.REGRESSED else WARN,
            description=f"{VERDICTS[verdict].word}: {sentence}",
            metadata={**_effect("p50", one.p50 if one else None), **_effect("p95", one.p95 if one else None)},
        )


def _effect(quantile: str, effect: Effect | None) -> dict[str, float]:
    if effect is None:
        return {}
    return {
        f"{quantile}_change_percent": round((effect.ratio - 1.0) * 100.0, 1),
        f"{quantile}_change_ms": round(effect.difference_ms, 3),
        f"{quantile}_visible_from_percent": round(effect.detectable_ratio * 100.0, 1),
    }
