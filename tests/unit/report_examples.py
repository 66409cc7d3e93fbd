"""Runs of every outcome, as reports get them: the good run with one thing different."""

from __future__ import annotations

from collections.abc import Mapping

import builders
import numpy as np

from perf_pipeline.core.judgement import Comparison, Judgement, Series, Verdict
from perf_pipeline.core.model import EndpointSlo, FollowUp, Outcome, Reason, RunRecord, Samples, SloStatus

Run = Mapping[str, Samples]
BASELINE: list[Run] = [builders.samples(seed=seed, run_noise=0.03) for seed in range(1, 6)]


def slos(run: Run) -> list[EndpointSlo]:
    return [_slo(name, samples) for name, samples in run.items()]


def _slo(name: str, samples: Samples) -> EndpointSlo:
    objective = builders.ENDPOINTS[name][2]
    good, failed = samples.successful_ms(), int((~samples.ok).sum())
    p50, p95 = (None, None) if len(good) == 0 else (float(q) for q in np.quantile(good, [0.5, 0.95]))
    if len(samples.ok) == 0:
        status, sentence = SloStatus.NO_DATA, "no request was measured"
    elif failed:
        status, sentence = SloStatus.BREACHED, f"{failed} of {len(samples.ok)} requests failed, objective 1 %"
    else:
        status, sentence = SloStatus.MET, ""
    return builders.endpoint_slo(
        name,
        status=status,
        requests=len(samples.ok),
        failed=failed,
        error_ratio=failed / len(samples.ok) if len(samples.ok) else None,
        p50_ms=p50,
        p95_ms=p95,
        headroom_ratio=None if p95 is None else (objective - p95) / objective,
        prometheus_p95_ms=None if p95 is None else p95 * 1.004,
        sentence=sentence,
    )


def not_compared(why: str) -> Comparison:
    return Comparison(run_id=builders.RUN_ID, compared=False, why_not=why, judgement=Judgement(endpoints={}))


def passed() -> tuple[RunRecord, Run]:
    run = builders.samples()
    return builders.run_record(slo=builders.slo_report(endpoints=slos(run))), run


def without_baseline() -> tuple[RunRecord, Run]:
    run = builders.samples()
    record = builders.run_record(
        slo=builders.slo_report(endpoints=slos(run)),
        comparison=not_compared("no baseline yet (this run can become it)"),
        sentence="passed: 7 endpoints met their SLOs; no baseline yet (this run can become it)",
        baseline_sentence="entered the baseline",
    )
    return record, run


def regressed() -> tuple[RunRecord, Run]:
    """``get_game_data`` is 48 % slower, ``get_news`` cannot be told from noise, ``get_state`` improved."""
    run = builders.samples(slower={"get_game_data": 1.48})
    judgement = builders.judgement()
    verdicts = judgement.endpoints | {
        "get_game_data": builders.endpoint_verdict(
            "get_game_data",
            Verdict.REGRESSED,
            p50=builders.effect(1.48, half=0.05, baseline_ms=120.0),
            p95=builders.effect(1.52, half=0.2, baseline_ms=180.0, detectable_ratio=0.35),
            sentence="slower: p50 +48 % (interval +41..+56 %)",
        ),
        "get_news": builders.endpoint_verdict(
            "get_news",
            Verdict.INCONCLUSIVE,
            p50=builders.effect(1.06, half=0.12, baseline_ms=6.0),
            p95=None,
            sentence="p50 +6.0 % (interval -6.0..+20 %)",
            advice="about 4 more baseline runs would settle it",
        ),
        "get_state": builders.endpoint_verdict(
            "get_state",
            Verdict.IMPROVED,
            p50=builders.effect(0.8, half=0.05, baseline_ms=11.0),
            sentence="faster",
        ),
    }
    record = builders.run_record(
        slo=builders.slo_report(
            endpoints=slos(run),
            warnings=[Reason(name="log_truncated", sentence="k6's log was cut at its cap")],
        ),
        comparison=builders.comparison(judgement=judgement.model_copy(update={"endpoints": verdicts})),
        outcome=Outcome.REGRESSED,
        sentence="regressed: get_game_data p50 +48 % (interval +41..+56 %) against 5 baseline runs",
        baseline_sentence="did not enter the baseline: get_game_data regressed",
    )
    return record, run


def target_lost() -> tuple[RunRecord, Run]:
    """``join_room`` never answers well; the target dies at 1:10."""
    run = builders.samples(failed={"join_room": builders.REQUESTS, "get_state": 200})
    breaches = [
        Reason(name="target_lost", sentence="the target was lost at 12:01:20 UTC"),
        Reason(name="slo_breached", sentence="join_room: 550 of 550 requests failed, objective 1 %"),
    ]
    record = builders.run_record(
        load=builders.load_result(
            run,
            errors_by_kind={"join_room": {"status 500": 550}, "get_state": {"refused": 150, "timeout": 50}},
            target_lost_at_unix_ms=builders.MEASURE_STARTED.timestamp() * 1000.0 + 70_000.0,
            target_reachable_after=False,
            revision_after=None,
        ),
        snapshot=builders.snapshot(run),
        slo=builders.slo_report(endpoints=slos(run), breaches=breaches),
        comparison=not_compared("no baseline yet"),
        outcome=Outcome.SLO_BREACHED,
        sentence="slo_breached: " + ", ".join(one.sentence for one in breaches),
        baseline_sentence="did not enter the baseline: the run is slo_breached",
    )
    return record, run


def invalid() -> tuple[RunRecord, Run]:
    """Nothing was measured and Prometheus went away."""
    run = builders.samples(n=0)
    reasons = [
        Reason(name="generator_short", sentence="the generator dropped 550 of 550 iterations"),
        Reason(name="prometheus_lost", sentence="Prometheus did not answer"),
    ]
    record = builders.run_record(
        load=builders.load_result(run, cpu=None, dropped_iterations=550, completed_iterations=0),
        snapshot=builders.snapshot({}, complete=False, problem=reasons[1], series_file=None),
        slo=builders.slo_report(valid=False, invalid_reasons=reasons, endpoints=slos(run)),
        comparison=not_compared("an invalid run is not compared"),
        outcome=Outcome.INVALID,
        sentence="invalid: " + "; ".join(one.sentence for one in reasons),
        baseline_sentence="did not enter the baseline: the run is invalid",
    )
    return record, run


def suspect() -> tuple[RunRecord, Run]:
    """The first of a series: it asks for another run, which the command line starts."""
    record, run = passed()
    asks = "get_news may have changed: another run tells"
    request = record.stack.request.model_copy(update={"follow_up": FollowUp.CALLER})
    return record.model_copy(
        update={
            "stack": record.stack.model_copy(update={"request": request}),
            "asks": asks,
            "sentence": f"passed: asks for confirmation ({asks}); 7 endpoints met their SLOs",
            "baseline_sentence": "waits to enter the baseline",
        }
    ), run


def confirmed() -> tuple[RunRecord, Run]:
    """The third of a series, of which the second was invalid."""
    record, run = regressed()
    first, invalid = "1a2b3c4d-0000-4000-8000-000000000001", "5e6f7a8b-0000-4000-8000-000000000001"
    series = Series(
        first_run_id=first,
        run_ids=[first, builders.RUN_ID],
        left_out=[f"run {invalid} does not count: it is invalid"],
    )
    return record.model_copy(
        update={"comparison": record.comparison.model_copy(update={"series": series})}
    ), run


EXAMPLES = {
    "passed": passed,
    "without_baseline": without_baseline,
    "regressed": regressed,
    "target_lost": target_lost,
    "invalid": invalid,
    "suspect": suspect,
    "confirmed": confirmed,
}
