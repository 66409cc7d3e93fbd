"""Good objects for tests: one healthy run of the multiplayer suite, every field open to one change.

``load_result(dropped_iterations=40)`` is the good run with one thing wrong. Everything is deterministic.
The samples, the counts and Prometheus' figures of the defaults agree with each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from perf_pipeline.core.judgement import (
    BaselineRef,
    CommonEffect,
    Comparison,
    Effect,
    EndpointVerdict,
    Judgement,
    Verdict,
)
from perf_pipeline.core.model import (
    CpuUse,
    EndpointCount,
    EndpointSlo,
    Fingerprint,
    LoadResult,
    Outcome,
    PrometheusFigures,
    PrometheusSnapshot,
    Reconciliation,
    RunRecord,
    RunRequest,
    Samples,
    SloReport,
    SloStatus,
    StackState,
)
from perf_pipeline.suite import Endpoint, MinSamples, Objectives, Profile, Stage, Suite, Target

RUN_ID = "0f1e2d3c-0000-4000-8000-000000000001"
REQUESTS = 550  # of each endpoint in the measured phase of profile standard
SECONDS = 110.0
STARTED = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
MEASURE_STARTED = STARTED + timedelta(seconds=10)

# endpoint: method, path, p95 objective in ms, median of the good run in ms
ENDPOINTS = {
    "join_room": ("POST", "/api/v1/multiplayer/rooms/join", 300.0, 22.0),
    "get_state": ("GET", "/api/v1/multiplayer/rooms/{room_code}/state", 200.0, 9.0),
    "leaderboard": ("GET", "/api/v1/multiplayer/rooms/{room_code}/leaderboard", 400.0, 14.0),
    "get_news": ("GET", "/api/v1/news/", 300.0, 6.0),
    "get_recommendations": ("GET", "/api/v1/recommendations/?days=7", 400.0, 35.0),
    "get_game_data": ("GET", "/api/v1/game/data?days=30", 500.0, 120.0),
    "update_player": ("PUT", "/api/v1/multiplayer/players/{player_id}", 300.0, 17.0),
}


def suite(**overrides: Any) -> Suite:
    """The multiplayer suite: seven endpoints, profiles ``standard``, ``smoke`` and ``fixed_users``."""
    good: dict[str, Any] = {
        "name": "multiplayer",
        "description": "A student's game day",
        "folder": Path("/suites/multiplayer"),
        "script": "scenario.js",
        "endpoints": {
            name: Endpoint(
                name=name,
                method=method,
                path=path,
                weight=1.0,
                metric=f"{name}_latency",
                record=name,
                slo=Objectives(p95_ms=p95, error_ratio=0.01),
            )
            for name, (method, path, p95, _) in ENDPOINTS.items()
        },
        "profiles": {
            "standard": Profile(
                name="standard",
                warmup_s=10.0,
                stages=(Stage(duration_s=SECONDS, rate_per_s=5.0),),
                max_users=60,
            ),
            "smoke": Profile(
                name="smoke",
                warmup_s=3.0,
                stages=(Stage(duration_s=15.0, rate_per_s=5.0),),
                max_users=30,
                min_samples=MinSamples(p50=30, p95=60),
            ),
            "fixed_users": Profile(
                name="fixed_users", warmup_s=5.0, users=50, users_duration_s=60.0, max_users=50
            ),
        },
        "targets": {
            "local": Target(
                name="local",
                base_url=None,
                health_path="/api/v1/health/",
                max_requests_per_s=500.0,
                max_users=500,
                max_duration_s=7200.0,
            )
        },
        "allowed_origins": (),
    }
    return Suite(**(good | overrides))


def profile(name: str = "standard", **overrides: Any) -> Profile:
    return suite().profiles[name].model_copy(update=overrides)


def endpoint_samples(
    *, n: int = REQUESTS, median_ms: float = 20.0, spread: float = 0.25, failed: int = 0, seed: int = 0
) -> Samples:
    """One endpoint: log-normal durations, evenly spaced starts, the last ``failed`` requests not ok."""
    rng = np.random.default_rng(seed)
    t_ms = np.arange(n, dtype=np.float64) * (SECONDS * 1000.0 / max(n, 1))
    duration_ms = median_ms * np.exp(spread * rng.standard_normal(n))
    return Samples(t_ms=t_ms, duration_ms=duration_ms, ok=np.arange(n) < n - failed)


def samples(
    *,
    seed: int = 0,
    n: int = REQUESTS,
    slower: Mapping[str, float] | None = None,
    failed: Mapping[str, int] | None = None,
    machine: float = 1.0,
    run_noise: float = 0.0,
) -> dict[str, Samples]:
    """A run of the seven endpoints.

    ``slower``: endpoint -> factor; ``failed``: endpoint -> requests not ok; ``machine``: factor on all;
    ``run_noise``: standard deviation of each endpoint's log latency between runs (differs by ``seed``).
    """
    rng = np.random.default_rng([seed, 7])
    run = {}
    for index, (name, (*_, median)) in enumerate(ENDPOINTS.items()):
        factor = (slower or {}).get(name, 1.0) * machine * float(np.exp(run_noise * rng.standard_normal()))
        run[name] = endpoint_samples(
            n=n, median_ms=median * factor, failed=(failed or {}).get(name, 0), seed=1000 * seed + index
        )
    return run


def counts(run: Mapping[str, Samples], planned: int | None = REQUESTS) -> dict[str, EndpointCount]:
    """What k6 counted when these were its samples."""
    return {
        name: EndpointCount(
            planned=planned,
            sent=len(one.ok),
            succeeded=int(one.ok.sum()),
            failed=int((~one.ok).sum()),
        )
        for name, one in run.items()
    }


def fingerprint(**overrides: Any) -> Fingerprint:
    good: dict[str, Any] = {
        "suite": "multiplayer",
        "target": "local",
        "profile": "standard",
        "plan_hash": "plan-1",
        "script_hash": "script-1",
        "k6_major": 1,
        "stack": "embedded",
        "host_class": "linux-x86_64-2cpu",
        "data_volume": "tickers=20 days=730 articles=100",
        "control": "none",
    }
    return Fingerprint(**(good | overrides))


def stack_state(**overrides: Any) -> StackState:
    good: dict[str, Any] = {
        "run_id": RUN_ID,
        "request": RunRequest(suite="multiplayer", target="local", profile="standard", launched_by="tests"),
        "run_folder": f"/home/bench/runs/{RUN_ID}",
        "base_url": "http://127.0.0.1:8000",
        "revision": "rev-2",
        "data_volume": "tickers=20 days=730 articles=100",
        "stack": "embedded",
        "host_class": "linux-x86_64-2cpu",
        "prometheus_url": "http://127.0.0.1:9090",
        "prometheus_version": "2.42.0",
        "clock_skew_s": 0.0,
        "target_pid": 4242,
        "target_clock_skew_s": 0.1,
        "ready_at": STARTED,
        "setup_s": 2.5,
    }
    return StackState(**(good | overrides))


def load_result(run: Mapping[str, Samples] | None = None, **overrides: Any) -> LoadResult:
    """``run``: the samples that the counts are taken from (default: the good run)."""
    good: dict[str, Any] = {
        "run_id": RUN_ID,
        "fingerprint": fingerprint(),
        "revision_before": "rev-2",
        "revision_after": "rev-2",
        "target_reachable_after": True,
        "k6_version": "1.1.0",
        "command": ["k6", "run", "k6/multiplayer/scenario.js"],
        "exit_code": 0,
        "exit_meaning": "finished",
        "started_at": STARTED,
        "ended_at": MEASURE_STARTED + timedelta(seconds=SECONDS + 1),
        "measure_started_unix_ms": MEASURE_STARTED.timestamp() * 1000.0,
        "measure_ended_unix_ms": (MEASURE_STARTED + timedelta(seconds=SECONDS)).timestamp() * 1000.0,
        "planned_duration_s": SECONDS,
        "planned_iterations": REQUESTS,
        "completed_iterations": REQUESTS,
        "dropped_iterations": 0,
        "dropped_while_target_held_users": 0,
        "max_users": 60,
        "counts": counts(samples() if run is None else run),
        "cpu": CpuUse(host_mean_ratio=0.4, host_max_ratio=0.7, k6_mean_ratio=0.1, target_mean_ratio=0.2),
        "breaker_tripped": False,
        "remote_write_errors": 0,
        "log_truncated": False,
        "errors_by_kind": {},
        "target_lost_at_unix_ms": None,
        "reading_s": 0.2,
    }
    return LoadResult(**(good | overrides))


def _quantile(values: np.ndarray, q: float) -> float | None:
    return float(np.quantile(values, q)) if len(values) else None


def snapshot(run: Mapping[str, Samples] | None = None, **overrides: Any) -> PrometheusSnapshot:
    """A complete record that agrees with ``run`` (default: the good run)."""
    figures, rows = {}, []
    for name, one in (samples() if run is None else run).items():
        p50, p95 = _quantile(one.successful_ms(), 0.5), _quantile(one.successful_ms(), 0.95)
        succeeded, failed = int(one.ok.sum()), int((~one.ok).sum())
        figures[name] = PrometheusFigures(
            p50_ms=p50,
            p95_ms=p95,
            succeeded=succeeded,
            failed=failed,
            sent=len(one.ok),
            success_ratio=succeeded / len(one.ok) if len(one.ok) else None,
        )
        rows.append(
            Reconciliation(
                endpoint=name,
                exact_p50_ms=p50,
                exact_p95_ms=p95,
                prometheus_p50_ms=p50,
                prometheus_p95_ms=p95,
                exact_succeeded=succeeded,
                prometheus_succeeded=succeeded,
                exact_failed=failed,
                prometheus_failed=failed,
                agrees=True,
            )
        )
    good: dict[str, Any] = {
        "run_id": RUN_ID,
        "figures": figures,
        "reconciliation": rows,
        "complete": True,
        "problem": None,
        "series_file": "prometheus-series.json",
        "evaluated_at": MEASURE_STARTED + timedelta(seconds=SECONDS + 2),
        "query_s": 0.1,
    }
    return PrometheusSnapshot(**(good | overrides))


def endpoint_slo(endpoint: str = "get_game_data", **overrides: Any) -> EndpointSlo:
    objective = ENDPOINTS[endpoint][2]
    good: dict[str, Any] = {
        "endpoint": endpoint,
        "status": SloStatus.MET,
        "requests": REQUESTS,
        "failed": 0,
        "error_ratio": 0.0,
        "p50_ms": objective * 0.3,
        "p95_ms": objective * 0.5,
        "p50_objective_ms": None,
        "p95_objective_ms": objective,
        "error_objective_ratio": 0.01,
        "headroom_ratio": 0.5,
        "prometheus_p95_ms": objective * 0.5,
        "achieved_per_s": 5.0,
        "sentence": "",
    }
    return EndpointSlo(**(good | overrides))


def slo_report(**overrides: Any) -> SloReport:
    """A valid run in which all endpoints met their objectives."""
    good: dict[str, Any] = {
        "run_id": RUN_ID,
        "valid": True,
        "invalid_reasons": [],
        "warnings": [],
        "breaches": [],
        "endpoints": [endpoint_slo(name) for name in ENDPOINTS],
    }
    return SloReport(**(good | overrides))


def effect(ratio: float = 1.0, half: float = 0.05, baseline_ms: float = 100.0, **overrides: Any) -> Effect:
    """``half``: half the width of the interval in log."""
    good: dict[str, Any] = {
        "ratio": ratio,
        "low": ratio * float(np.exp(-half)),
        "high": ratio * float(np.exp(half)),
        "baseline_ms": baseline_ms,
        "candidate_ms": baseline_ms * ratio,
        "difference_ms": baseline_ms * (ratio - 1),
        "noise_ratio": 0.04,
        "detectable_ratio": 0.1,
    }
    return Effect(**(good | overrides))


def endpoint_verdict(
    endpoint: str = "get_game_data", verdict: Verdict = Verdict.UNCHANGED, **overrides: Any
) -> EndpointVerdict:
    good: dict[str, Any] = {
        "endpoint": endpoint,
        "verdict": verdict,
        "sentence": "p50 +0.0 % (interval -4.9..+5.1 %)",
        "p50": effect(),
        "p95": effect(half=0.15),
    }
    return EndpointVerdict(**(good | overrides))


def judgement(verdicts: Mapping[str, Verdict] | None = None, **overrides: Any) -> Judgement:
    """``verdicts``: the endpoints that are not ``unchanged``."""
    good: dict[str, Any] = {
        "endpoints": {
            name: endpoint_verdict(name, (verdicts or {}).get(name, Verdict.UNCHANGED)) for name in ENDPOINTS
        },
        "common": CommonEffect(p50_ratio=1.0, p95_ratio=1.0, sentence="nothing in common"),
    }
    return Judgement(**(good | overrides))


def comparison(verdicts: Mapping[str, Verdict] | None = None, **overrides: Any) -> Comparison:
    """Compared with five baseline runs; ``verdicts``: the endpoints that are not ``unchanged``."""
    good: dict[str, Any] = {
        "run_id": RUN_ID,
        "compared": True,
        "baseline": BaselineRef(
            mode="automatic",
            run_ids=[f"baseline-{number}" for number in range(1, 6)],
            revisions=["rev-1"] * 5,
        ),
        "judgement": judgement(verdicts),
        "judged_s": 0.01,
    }
    return Comparison(**(good | overrides))


def run_record(**overrides: Any) -> RunRecord:
    """Everything about one good run."""
    good: dict[str, Any] = {
        "stack": stack_state(),
        "load": load_result(),
        "snapshot": snapshot(),
        "slo": slo_report(),
        "comparison": comparison(),
        "outcome": Outcome.PASSED,
        "sentence": "passed: 7 endpoints met their SLOs; 7 unchanged against 5 baseline runs",
        "baseline_sentence": "entered the baseline: valid and passed",
    }
    return RunRecord(**(good | overrides))
