"""The values that the steps of a run hand to each other, and the words of the field.

Times of day are aware datetimes in UTC or Unix milliseconds (``*_unix_ms``); durations carry their unit in
the name (``_ms``, ``_s``); shares are fractions of one (``_ratio``). All models are immutable and survive a
round trip through JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from perf_pipeline.core.frozen import Frozen
from perf_pipeline.core.judgement import Comparison


class Outcome(StrEnum):
    """The one word for a run; ``exit_code`` is what the command line ends with."""

    NOT_READY = "not_ready"
    CANCELLED = "cancelled"
    LOST = "lost"
    INVALID = "invalid"
    SLO_BREACHED = "slo_breached"
    REGRESSED = "regressed"
    PASSED = "passed"

    @property
    def exit_code(self) -> int:
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Outcome.NOT_READY: 6,
    Outcome.CANCELLED: 130,
    Outcome.LOST: 1,
    Outcome.INVALID: 5,
    Outcome.SLO_BREACHED: 4,
    Outcome.REGRESSED: 3,
    Outcome.PASSED: 0,
}
MEASURED = frozenset({Outcome.INVALID, Outcome.SLO_BREACHED, Outcome.REGRESSED, Outcome.PASSED})
VALID = MEASURED - {Outcome.INVALID}  # what was measured can be trusted


class SloStatus(StrEnum):
    MET = "met"
    BREACHED = "breached"
    NO_DATA = "no_data"


class Reason(Frozen):
    """Why something is so: a name for machines and one sentence for people."""

    name: str
    sentence: str


# ------------------------------------------------------------------ raw samples


@dataclass(frozen=True)
class Samples:
    """Requests of one endpoint in one run's measured phase; arrays of shape (n,), ordered by ``t_ms``."""

    t_ms: npt.NDArray[np.float64]  # start of the request since the first request of the measured phase
    duration_ms: npt.NDArray[np.float64]
    ok: npt.NDArray[np.bool_]  # the expected answer came

    def successful_ms(self) -> npt.NDArray[np.float64]:
        """Durations of the successful requests: the only ones that count as latency."""
        return self.duration_ms[self.ok]


NO_SAMPLES = Samples(t_ms=np.empty(0), duration_ms=np.empty(0), ok=np.empty(0, dtype=np.bool_))

RunSamples = Mapping[str, Samples]
"""Endpoint name -> its samples."""


# ------------------------------------------------------------------ what identifies a run


class Fingerprint(Frozen):
    """Everything that must be equal for two runs to be comparable; compared field by field."""

    suite: str
    target: str
    profile: str
    plan_hash: str  # load profile and mix: rates, durations, weights, methods, paths
    script_hash: str  # scenario, shared library and fixtures
    k6_major: int
    stack: str  # embedded, docker, external
    host_class: str  # e.g. linux-x86_64-2cpu: where the generator runs
    data_volume: str  # what the target says it holds, or "unknown"
    control: str  # name of the control endpoint, or "none"

    def key(self) -> str:
        """A short, stable text that is equal exactly when the fingerprints are."""
        text = "\x1f".join(f"{name}={value}" for name, value in sorted(self.model_dump().items()))
        return sha256(text.encode()).hexdigest()[:16]

    def differences(self, other: Fingerprint) -> list[str]:
        """One phrase per field that differs, such as ``profile: smoke here, standard there``."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [
            f"{name}: {mine[name]} here, {theirs[name]} there" for name in mine if mine[name] != theirs[name]
        ]


class FollowUp(StrEnum):
    """Who starts the run that confirms another one, when that one asks for it."""

    SENSOR = "sensor"  # Dagster's, where its daemon runs
    CALLER = "caller"  # whoever started this one and is waiting for it: the command line
    NOBODY = "nobody"  # it is judged as it is


class Deploy(Frozen):
    """One deploy of a target, as it was counted."""

    number: int  # from 1 on, per suite and target; a rollback is a deploy of its own
    revision: str
    previous_revision: str | None  # of the deploy before; None: none is known
    source: str  # marker, version, prometheus, github
    seen_at: datetime  # first sight of the revision


class RunRequest(Frozen):
    """What a person, a schedule or a sensor asked for."""

    suite: str
    target: str
    profile: str
    revision: str | None = None  # expected revision; None: take what the target says
    note: str = ""
    launched_by: str = "unknown"
    confirms: str | None = None  # id of the first run of the series that this one belongs to; None: it is it
    follow_up: FollowUp = FollowUp.SENSOR
    deploy: Deploy | None = None  # after which it was started; None: no deploy started it

    @property
    def told_revision(self) -> str | None:
        """What runs there by the word of whoever asks or deployed; that of the target itself goes first."""
        return self.revision or (self.deploy.revision if self.deploy else None)


# ------------------------------------------------------------------ values between steps


class StackState(Frozen):
    """Value of ``monitoring_stack``: everything is up, healthy and agrees about the time."""

    run_id: str
    request: RunRequest
    run_folder: str
    base_url: str
    revision: str | None
    data_volume: str
    stack: str
    host_class: str
    prometheus_url: str
    prometheus_version: str
    clock_skew_s: float | None  # Prometheus' clock minus ours; None: could not be read
    target_pid: int | None  # of a target that the stack started itself
    target_clock_skew_s: float | None
    ready_at: datetime
    setup_s: float
    control_url: str | None = None  # of the control that is loaded beside the target
    control_problem: str = ""  # why there is none although the suite wants one


class CpuUse(Frozen):
    """CPU of the generator's machine in the measured phase, as shares of all its cores."""

    host_mean_ratio: float
    host_max_ratio: float
    k6_mean_ratio: float
    target_mean_ratio: float | None  # when the target runs here and was started by us


class EndpointCount(Frozen):
    """Requests of one endpoint in the measured phase."""

    planned: int | None  # None in a closed model (fixed users)
    sent: int  # http_reqs
    succeeded: int
    failed: int


class LoadResult(Frozen):
    """Value of ``load_test``: what k6 did, read from its exit code, its log and its raw samples."""

    run_id: str
    fingerprint: Fingerprint
    revision_before: str | None
    revision_after: str | None
    target_reachable_after: bool
    k6_version: str
    command: list[str]
    exit_code: int
    exit_meaning: str
    started_at: datetime
    ended_at: datetime
    measure_started_unix_ms: float  # first measured request
    measure_ended_unix_ms: float  # end of the last measured request
    planned_duration_s: float  # of the measured phase
    planned_iterations: int | None
    completed_iterations: int
    dropped_iterations: int
    dropped_while_target_held_users: int  # of those: every user was waiting for a late answer
    max_users: int
    counts: dict[str, EndpointCount]
    cpu: CpuUse | None
    breaker_tripped: bool  # the load was ended before its plan was over
    remote_write_errors: int
    log_truncated: bool
    errors_by_kind: dict[str, dict[str, int]]  # endpoint -> "status 500" / "refused" / "timeout" -> count
    target_lost_at_unix_ms: float | None  # from here on no request succeeded and none was answered
    reading_s: float
    control: EndpointCount | None = None  # requests to the control; None: the suite wants none
    # Another revision that was deployed while the run was under way, of a target that does not tell what it
    # runs; None: there was no such deploy.
    deployed_meanwhile: str | None = None


class PrometheusFigures(Frozen):
    """One endpoint of one run as Prometheus recorded it. None: no sample."""

    p50_ms: float | None
    p95_ms: float | None
    succeeded: int | None
    failed: int | None
    sent: int | None
    success_ratio: float | None = None  # succeeded of sent


NO_FIGURES = PrometheusFigures(p50_ms=None, p95_ms=None, succeeded=None, failed=None, sent=None)


class Reconciliation(Frozen):
    """One endpoint: exact figures of the raw samples against those of Prometheus."""

    endpoint: str
    exact_p50_ms: float | None
    exact_p95_ms: float | None
    prometheus_p50_ms: float | None
    prometheus_p95_ms: float | None
    exact_succeeded: int
    prometheus_succeeded: int | None
    exact_failed: int
    prometheus_failed: int | None
    agrees: bool
    note: str = ""


class PrometheusSnapshot(Frozen):
    """Value of ``prometheus_snapshot``."""

    run_id: str
    figures: dict[str, PrometheusFigures]
    reconciliation: list[Reconciliation]
    complete: bool
    problem: Reason | None  # why the record is incomplete
    series_file: str | None
    evaluated_at: datetime
    query_s: float


class EndpointSlo(Frozen):
    """One endpoint judged against its objectives. Latency is of successful requests, from the raw samples."""

    endpoint: str
    status: SloStatus
    requests: int
    failed: int
    error_ratio: float | None
    p50_ms: float | None
    p95_ms: float | None
    p50_objective_ms: float | None
    p95_objective_ms: float
    error_objective_ratio: float
    headroom_ratio: float | None  # (objective - p95) / objective; negative: over it
    prometheus_p95_ms: float | None
    achieved_per_s: float | None
    sentence: str  # what was breached, or ""


class SloReport(Frozen):
    """Value of ``slo_report``: is the run valid, and does each endpoint keep its promise?"""

    run_id: str
    valid: bool
    invalid_reasons: list[Reason]
    warnings: list[Reason]
    breaches: list[Reason]  # breached objectives, a stalled or lost target, the circuit breaker
    endpoints: list[EndpointSlo]


class RunReport(Frozen):
    """Value of ``run_report``: the end of a run."""

    run_id: str
    outcome: Outcome
    sentence: str
    html: str
    markdown: str
    json_file: str
    baseline_sentence: str  # whether the run entered the baseline, and why


# ------------------------------------------------------------------ everything about one run


class RunRecord(Frozen):
    """All that is known of one measured run: what reports are made of and what ``report.json`` holds."""

    stack: StackState
    load: LoadResult
    snapshot: PrometheusSnapshot
    slo: SloReport
    comparison: Comparison
    outcome: Outcome
    sentence: str
    baseline_sentence: str = ""
    asks: str = ""  # why one more run of the series follows; empty: the outcome is final
