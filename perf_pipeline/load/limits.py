"""Caps and the allow-list, checked before anything is sent: first the plan, then what k6 understood of it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from perf_pipeline.conventions import PHASE_MEASURE, TAG_PHASE
from perf_pipeline.load.command import scenario_flags
from perf_pipeline.load.durations import seconds
from perf_pipeline.load.errors import CapExceededError, LoadError
from perf_pipeline.load.probe import K6
from perf_pipeline.origins import is_loopback, origin
from perf_pipeline.suite import Profile, Suite, Target

INSPECT_TIMEOUT_S = 30.0
K6_DEFAULT_TIMEOUT_S = 60.0  # k6's own setupTimeout and teardownTimeout
ROUNDING = 1.001

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Requirements:
    """What k6 says the script will do. Rates are iterations per second."""

    total_duration_s: float  # graceful stop included
    load_duration_s: float  # of load; pauses between scenarios are none
    load_end_s: float  # on the load's clock: no iteration starts later
    measure_start_s: float  # on the load's clock
    max_users: int  # of the scenario with most
    peak_rate_per_s: float | None  # None: no scenario with a fixed rate
    setup_timeout_s: float
    teardown_timeout_s: float


def check_caps(suite: Suite, target: Target, profile: Profile) -> None:
    """The plan against the target's caps. Raises CapExceededError."""
    where = f"profile {profile.name} on target {target.name}"
    rate = profile.peak_rate_per_s  # None: fixed users without pace; k6 is started with the cap as its limit
    _check(
        where,
        target,
        users=profile.max_users,
        duration_s=profile.warmup_s + profile.duration_s,
        requests_per_s=rate * suite.requests_per_iteration if rate is not None else 0.0,
    )


def check_origin(suite: Suite, target: Target, base_url: str) -> None:
    """Only exact origins of the allow-list; the reference backend, started by us, is on loopback.

    Raises CapExceededError.
    """
    try:
        wanted = origin(base_url)
        allowed = {origin(one) for one in suite.allowed_origins}
    except ValueError as error:
        raise CapExceededError(f"target {target.name}: {error}.") from None
    if target.base_url is None:
        if urlsplit(base_url).hostname in _LOOPBACK:
            return
        raise CapExceededError(
            f"the reference backend of target {target.name} is at {wanted}, which is not this machine: "
            "nothing was sent."
        )
    if wanted not in allowed:
        raise CapExceededError(
            f"{wanted} of target {target.name} is not in allowed_origins of suite {suite.name}: "
            "add it there if load may go to it."
        )


def check_control(suite: Suite, target: Target, control_url: str) -> None:
    """Ours is on loopback; one that runs beside the target is on the allow-list. Raises CapExceededError."""
    try:
        wanted = origin(control_url)
        allowed = {origin(one) for one in suite.allowed_origins}
    except ValueError as error:
        raise CapExceededError(f"the control of target {target.name}: {error}.") from None
    if not (target.control is True and is_loopback(control_url)) and wanted not in allowed:
        raise CapExceededError(
            f"{wanted}, the control of target {target.name}, is neither ours nor in allowed_origins of suite "
            f"{suite.name}: nothing was sent."
        )


def inspect(
    *, k6: K6, suite: Suite, profile: Profile, base_url: str, run_id: str, home: Path
) -> Requirements:
    """Ask k6 what the script will do, without sending anything. Raises LoadError."""
    script = suite.folder / suite.script
    try:
        done = subprocess.run(
            [
                *(str(k6.path), "inspect", "--execution-requirements"),
                *scenario_flags(base_url=base_url, profile=profile, run_id=run_id),
                str(script),
            ],
            capture_output=True,
            text=True,
            timeout=INSPECT_TIMEOUT_S,
            check=False,
            env={"PATH": os.defpath, "HOME": str(home), "K6_AUTO_EXTENSION_RESOLUTION": "false"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LoadError(f"k6 could not read {script} ({error}): try 'k6 inspect {script}'.") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason"]
        raise LoadError(f"k6 cannot run {script}: {said[0][:300]}")
    return parse_requirements(done.stdout)


def parse_requirements(text: str) -> Requirements:
    """The JSON of ``k6 inspect --execution-requirements``. Raises LoadError."""
    try:
        found = json.loads(text)
        scenarios: list[dict[str, Any]] = list((found.get("scenarios") or {}).values())
        rates = [rate for scenario in scenarios for rate in _rates(scenario)]
        return Requirements(
            total_duration_s=seconds(found["totalDuration"]),
            load_duration_s=_covered([(_start(scenario), _end(scenario)) for scenario in scenarios]),
            load_end_s=max((_end(scenario) for scenario in scenarios), default=0.0),
            measure_start_s=min(
                (_start(scenario) for scenario in scenarios if _phase(scenario) == PHASE_MEASURE), default=0.0
            ),
            max_users=max((_users(scenario) for scenario in scenarios), default=int(found["maxVUs"])),
            peak_rate_per_s=max(rates, default=None),
            setup_timeout_s=seconds(found.get("setupTimeout"), K6_DEFAULT_TIMEOUT_S),
            teardown_timeout_s=seconds(found.get("teardownTimeout"), K6_DEFAULT_TIMEOUT_S),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadError(
            f"k6 inspect answered something unexpected ({error!r}): is it k6 1.x or 2.x?"
        ) from error


def check_requirements(found: Requirements, suite: Suite, target: Target, profile: Profile) -> None:
    """What k6 understood against the caps: a script may ask for more than its plan says.

    Raises CapExceededError.
    """
    where = f"the script of profile {profile.name} on target {target.name}"
    _check(
        where,
        target,
        users=found.max_users,
        duration_s=found.load_duration_s,
        requests_per_s=(found.peak_rate_per_s or 0.0) * suite.requests_per_iteration,
    )


def _check(where: str, target: Target, *, users: int, duration_s: float, requests_per_s: float) -> None:
    """Raises CapExceededError, which names the limit as the suite file does."""
    for wanted, allowed, unit, limit in (
        (users, target.max_users, "users", "users"),
        (duration_s, target.max_duration_s, "s of load", "duration"),
        (requests_per_s, target.max_requests_per_s, "requests/s", "requests"),
    ):
        if wanted > allowed * ROUNDING:
            raise CapExceededError(
                f"{where} would use {wanted:g} {unit}, but limits.{limit} of the target allows {allowed:g}: "
                "lower the profile or raise the limit."
            )


def _users(scenario: dict[str, Any]) -> int:
    ramp = [
        int(stage["target"])
        for stage in scenario.get("stages") or []
        if "arrival" not in scenario["executor"]
    ]
    fixed = [int(scenario.get(key) or 0) for key in ("maxVUs", "preAllocatedVUs", "vus", "startVUs")]
    return max(fixed + ramp)


def _rates(scenario: dict[str, Any]) -> list[float]:
    if "arrival-rate" not in scenario["executor"]:
        return []
    unit_s = seconds(scenario.get("timeUnit"), 1.0)
    stages = [float(stage["target"]) for stage in scenario.get("stages") or []]
    return [
        rate / unit_s for rate in [float(scenario.get("rate") or scenario.get("startRate") or 0), *stages]
    ]


def _start(scenario: dict[str, Any]) -> float:
    return seconds(scenario.get("startTime"))


def _phase(scenario: dict[str, Any]) -> str | None:
    phase: str | None = (scenario.get("tags") or {}).get(TAG_PHASE)
    return phase


def _covered(spans: list[tuple[float, float]]) -> float:
    """Length of the union of time spans."""
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _end(scenario: dict[str, Any]) -> float:
    stages = sum(seconds(stage.get("duration")) for stage in scenario.get("stages") or [])
    own = seconds(scenario.get("duration") or scenario.get("maxDuration"))
    return _start(scenario) + (stages or own)
