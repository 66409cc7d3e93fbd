"""``suite.json``: the suite as k6 needs it, which reads no YAML, with everything computed that can be."""

from __future__ import annotations

import json
import math
from typing import Any

from perf_pipeline.conventions import (
    CONTROL_MEASURE,
    CONTROL_WARMUP,
    METRIC_FAILED,
    PHASE_CONTROL,
    PHASE_MEASURE,
    PHASE_WARMUP,
    TAG_ENDPOINT,
    TAG_PHASE,
)
from perf_pipeline.core.control import control_rate_per_s, control_requests
from perf_pipeline.suite import Endpoint, Profile, Suite
from perf_pipeline.suite_quantities import SHORTEST_LOAD_S

JOURNEY = "journey"  # the function that a scenario script exports
# Between the phases, so that late answers of the warm-up neither fall into the measured phase nor double the
# users that k6 reserves.
PHASE_GAP_S = 2
# A user may be in an iteration of several slow requests when the time is up.
MEASURE_GRACE_S = 15
# The breaker ends a load that mostly fails. It waits until a share of half cannot be one unlucky request. k6
# counts its delay from before setup(), so that a long set-up would use it up: hence the allowance.
BREAKER_ERROR_RATIO = 0.5
BREAKER_DELAY_S = 10
SETUP_ALLOWANCE_S = 30
# The control answers in milliseconds. While the machine stands still for longer than so many users can wait,
# its requests are left out.
CONTROL_USERS = 3
EDGE = 1  # k6 may start one iteration more than planned at the end of a phase of only a second
_TIME_UNITS_S = (1, 10, 60, 100, 600, 1000)


def suite_json(suite: Suite) -> str:
    """Deterministic text: same suite, same bytes."""
    content = {
        "generated": "from suite.yaml by `perf-pipeline generate`; do not edit",
        "suite": suite.name,
        "endpoints": {
            endpoint.name: {
                "method": endpoint.method,
                "path": endpoint.path,
                "weight": endpoint.weight,
                "metric": endpoint.metric,
                "thresholds": thresholds(endpoint),
            }
            for endpoint in suite.endpoints.values()
        },
        "profiles": {profile.name: _profile(profile) for profile in suite.profiles.values()},
        "targets": {
            target.name: {
                "base_url": target.base_url,
                "health_path": target.health_path,
                "max_requests_per_s": target.max_requests_per_s,
            }
            for target in suite.targets.values()
        },
        "allowed_origins": list(suite.allowed_origins),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def thresholds(endpoint: Endpoint) -> dict[str, list[str]]:
    """The objectives as k6 checks them, red or green on the console, in a run without the pipeline."""
    latency = [f"p(95)<={endpoint.slo.p95_ms:.10g}"]
    if endpoint.slo.p50_ms is not None:
        latency.append(f"p(50)<={endpoint.slo.p50_ms:.10g}")
    measured = f"{TAG_PHASE}:{PHASE_MEASURE}"
    return {
        f"{endpoint.metric}{{{measured}}}": latency,
        # Latency is of successful requests only: an endpoint that fails throughout would pass without it.
        f"{METRIC_FAILED}{{{TAG_ENDPOINT}:{endpoint.name},{measured}}}": [
            f"rate<={endpoint.slo.error_ratio:.10g}"
        ],
    }


def _profile(profile: Profile) -> dict[str, Any]:
    warmup, measure = _warmup_iterations(profile), _measure_iterations(profile)
    closed = profile.users is not None
    measure_start_s = profile.warmup_s + PHASE_GAP_S
    return {
        "scenarios": {
            PHASE_WARMUP: {
                **_warmup_executor(profile),
                "startTime": "0s",
                "gracefulStop": f"{PHASE_GAP_S}s",
                "exec": JOURNEY,
                "tags": {TAG_PHASE: PHASE_WARMUP},
            },
            PHASE_MEASURE: {
                **_measure_executor(profile),
                "startTime": _duration(measure_start_s),
                "gracefulStop": f"{MEASURE_GRACE_S}s",
                "exec": JOURNEY,
                "tags": {TAG_PHASE: PHASE_MEASURE},
            },
        },
        # Only with a control; see control.js.
        "control": {"scenarios": _control_scenarios(profile, measure_start_s)},
        "warmup_iterations": None if closed else warmup,
        "measure_iterations": None if closed else measure,
        # Upper bounds, also with users: what set-up prepares for, and where measured iterations begin.
        "max_iterations": warmup + EDGE + measure + EDGE,
        "max_warmup_iterations": warmup + EDGE,
        "max_users": profile.max_users,
        "pace_s": profile.pace_s,
        "breaker": {
            "error_ratio": BREAKER_ERROR_RATIO,
            "delay": _duration(SETUP_ALLOWANCE_S + measure_start_s + BREAKER_DELAY_S),
        },
    }


def _control_scenarios(profile: Profile, measure_start_s: float) -> dict[str, Any]:
    """Half an interval off the iterations: at equal rates it would always meet the same request."""
    rate = control_rate_per_s(profile)
    half = 0.5 / rate
    phases = {
        CONTROL_WARMUP: (0.0, int(profile.warmup_s * rate)),
        CONTROL_MEASURE: (measure_start_s, control_requests(profile)),
    }
    return {
        name: {
            **_constant_rate(rate, requests / rate, CONTROL_USERS),
            "startTime": _duration(start_s + half),
            "gracefulStop": f"{PHASE_GAP_S}s",
            "exec": JOURNEY,
            "tags": {TAG_PHASE: PHASE_CONTROL},
        }
        for name, (start_s, requests) in phases.items()
    }


def _warmup_executor(profile: Profile) -> dict[str, Any]:
    if profile.users is not None:
        return {
            "executor": "constant-vus",
            "vus": profile.users,
            "duration": _duration(profile.warmup_s),
        }
    return _constant_rate(profile.stages[0].rate_per_s, profile.warmup_s, profile.max_users)


def _measure_executor(profile: Profile) -> dict[str, Any]:
    if profile.users is not None:
        return {
            "executor": "constant-vus",
            "vus": profile.users,
            "duration": _duration(profile.duration_s),
        }
    if len(profile.stages) == 1:
        stage = profile.stages[0]
        return _constant_rate(stage.rate_per_s, stage.duration_s, profile.max_users)
    unit_s = _time_unit_s(*(stage.rate_per_s for stage in profile.stages))
    rates = [round(stage.rate_per_s * unit_s) for stage in profile.stages]
    steps: list[dict[str, Any]] = []
    for rate, stage in zip(rates, profile.stages, strict=True):
        if steps:
            steps.append({"target": rate, "duration": "0s"})  # a jump: the rate steps, it does not ramp
        steps.append({"target": rate, "duration": _duration(stage.duration_s)})
    # This executor starts its first iteration after one interval and would start the last one at the very
    # end, or not: half an interval more, and it starts exactly as many as planned.
    last = profile.stages[-1]
    steps[-1]["duration"] = _duration(last.duration_s + 0.5 / last.rate_per_s)
    return {
        "executor": "ramping-arrival-rate",
        "startRate": rates[0],
        "timeUnit": f"{unit_s}s",
        "stages": steps,
        "preAllocatedVUs": profile.max_users,
        "maxVUs": profile.max_users,
    }


def _constant_rate(rate_per_s: float, duration_s: float, max_users: int) -> dict[str, Any]:
    unit_s = _time_unit_s(rate_per_s)
    return {
        "executor": "constant-arrival-rate",
        "rate": round(rate_per_s * unit_s),
        "timeUnit": f"{unit_s}s",
        # k6 starts an iteration at 0 and may start one more at the very end: half an interval less, and it
        # starts exactly as many as planned.
        "duration": _duration(max(SHORTEST_LOAD_S, duration_s - 0.5 / rate_per_s)),
        "preAllocatedVUs": max_users,  # all at once: creating users during the run would disturb it
        "maxVUs": max_users,
    }


def _time_unit_s(*rates_per_s: float) -> int:
    """The shortest time in which every rate is a whole number, as k6 wants it."""
    for unit_s in _TIME_UNITS_S:
        if all(abs(rate * unit_s - round(rate * unit_s)) < 1e-6 for rate in rates_per_s):
            return unit_s
    return _TIME_UNITS_S[-1]


def _warmup_iterations(profile: Profile) -> int:
    """Exact for a fixed rate, the most there can be for users."""
    if profile.users is not None:
        return _iterations_of_users(profile, profile.warmup_s)
    return round(profile.warmup_s * profile.stages[0].rate_per_s)


def _measure_iterations(profile: Profile) -> int:
    planned = profile.planned_iterations
    return _iterations_of_users(profile, profile.duration_s) if planned is None else planned


def _iterations_of_users(profile: Profile, duration_s: float) -> int:
    if profile.users is None or not profile.pace_s:
        raise ValueError(f"profile {profile.name} has users without a pace: nothing bounds its iterations")
    return profile.users * (math.ceil(duration_s / profile.pace_s) + 1)


def _duration(seconds: float) -> str:
    return f"{seconds:g}s" if seconds == int(seconds) else f"{round(seconds * 1000)}ms"
