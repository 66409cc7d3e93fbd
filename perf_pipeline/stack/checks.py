"""The checks that every stack makes before the load: one target, one revision, clocks that can be read."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from perf_pipeline.core.model import RunRequest, StackState
from perf_pipeline.stack import target as asking
from perf_pipeline.stack.base import NotReady, host_class
from perf_pipeline.stack.control import Control
from perf_pipeline.stack.prometheus_server import Prometheus
from perf_pipeline.suite import Suite, Target


def wanted_target(suite: Suite, request: RunRequest) -> Target:
    """The target that was asked for, allowed if it is not ours, its secrets present. Raises NotReady."""
    target = suite.targets.get(request.target)
    if target is None:
        known = ", ".join(sorted(suite.targets))
        raise NotReady(
            "unknown_target", f"suite {suite.name} has no target {request.target!r}: it has {known}"
        )
    if target.base_url is not None:
        asking.check_allowed(target.base_url, suite.allowed_origins)
    asking.secret_headers(target)
    return target


def check_and_describe(
    *,
    target: Target,
    base_url: str,
    prometheus: Prometheus,
    request: RunRequest,
    run_id: str,
    run_folder: Path,
    kind: str,
    target_pid: int | None,
    started: float,
    control: Control,
) -> StackState:
    """Ask both sides and put down what they say; ``started``: monotonic time of the stack's start.

    Raises NotReady when the target is unhealthy, runs two versions at once, or not the expected one.
    """
    health = asking.probe_health(base_url, target)
    return StackState(
        run_id=run_id,
        request=request,
        run_folder=str(run_folder),
        base_url=base_url,
        revision=_one_revision(base_url, target, _expected(target, request)),
        data_volume=asking.read_data_volume(base_url, target),
        stack=kind,
        host_class=host_class(),
        prometheus_url=prometheus.url,
        prometheus_version=prometheus.version(),
        clock_skew_s=prometheus.clock_skew_s(),
        target_pid=target_pid,
        target_clock_skew_s=health.clock_skew_s,
        ready_at=datetime.now(UTC),
        setup_s=round(time.monotonic() - started, 3),
        control_url=control.url,
        control_problem=control.problem,
    )


def _expected(target: Target, request: RunRequest) -> str | None:
    """None: any. Of a target that does not tell what it runs, whoever deployed is believed."""
    if target.revision is None and request.deploy is not None:
        return None
    return request.revision


def _one_revision(base_url: str, target: Target, expected: str | None) -> str | None:
    """Asked twice on new connections: behind a load balancer a roll-out may still be under way."""
    first, second = asking.read_revision(base_url, target), asking.read_revision(base_url, target)
    if first != second:
        raise NotReady(
            "mixed_revisions",
            f"target {target.name} answers as revision {first} and as {second}: "
            "wait until its roll-out is over",
        )
    if expected is not None and first != expected:
        said = f"runs revision {first}" if first is not None else "does not say which revision it runs"
        raise NotReady(
            "revision_mismatch", f"target {target.name} {said}, expected was {expected}: deploy it first"
        )
    return first
