"""Is a run fit to be judged? Decided before anybody asks whether it was good.

Three kinds of findings come out. An *invalid reason* says that the figures cannot be trusted: the generator was
short, samples were lost, the revision changed. A *breach* says that the target broke its promise in a way that no
latency shows: it stalled, died, or failed so much that the circuit breaker ended the load. A *warning* is worth
knowing and changes nothing.

The line between the first two: what was not sent because the target kept everyone waiting, or was gone, is the
target's doing and a breach; what was not sent for any other reason makes the run invalid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from perf_pipeline.core.model import (
    LoadResult,
    PrometheusSnapshot,
    Reason,
    Reconciliation,
    Samples,
    StackState,
)
from perf_pipeline.core.wording import listing, percent
from perf_pipeline.suite import Profile, Suite

MAX_GENERATOR_CPU = 0.85  # of all cores, mean of the measured phase: above it k6 measures its own waiting
MAX_CLOCK_SKEW_S = 2.0  # beyond it Prometheus' samples and our window no longer meet
MAX_UNSENT_RATIO = 0.01  # of the planned iterations or requests
UNSENT_ALLOWANCE = 2  # k6 may start an iteration more or less at the edges of a stage

_K6_FINISHED = 0
_K6_THRESHOLD = 99  # inside the pipeline the circuit breaker is the only threshold
_K6_INTERRUPTED = 105


@dataclass(frozen=True)
class Validity:
    """What was found; empty ``invalid_reasons`` mean a valid run."""

    invalid_reasons: list[Reason] = field(default_factory=list)
    warnings: list[Reason] = field(default_factory=list)
    breaches: list[Reason] = field(default_factory=list)


def judge_validity(
    *,
    suite: Suite,
    profile: Profile,
    stack: StackState,
    load: LoadResult,
    snapshot: PrometheusSnapshot,
    samples: Mapping[str, Samples],
) -> Validity:
    """Judge one run's measurement. ``samples``: the raw samples of the measured phase, endpoint -> samples."""
    found = Validity()
    _target(suite, load, found)
    _k6_end(load, found)
    _generator(load, found)
    _plan(suite, load, found)
    _sample_sizes(suite, profile, load, found)
    _revision(stack, load, found)
    _clocks(stack, found)
    _records(load, snapshot, samples, found)
    return found


# ------------------------------------------------------------------ what the target did


def _ended_by_target(load: LoadResult) -> bool:
    """The load ended early, or went nowhere, because of the target: what is missing is explained by that."""
    return load.target_lost_at_unix_ms is not None or _breaker(load)


def _breaker(load: LoadResult) -> bool:
    return load.breaker_tripped or load.exit_code == _K6_THRESHOLD


def _held_iterations(load: LoadResult) -> int:
    """Planned iterations that the target kept from starting (dropped) or from ending (cut off at the end)."""
    if load.planned_iterations is None:
        return 0
    unfinished = load.planned_iterations - load.completed_iterations - load.dropped_iterations
    if unfinished <= UNSENT_ALLOWANCE or load.exit_code != _K6_FINISHED:
        unfinished = 0
    return load.dropped_while_target_held_users + unfinished


def _stalled(suite: Suite, load: LoadResult) -> bool:
    """Requests that could not be sent count like failed ones: more of them than the strictest error objective."""
    if not load.planned_iterations:
        return False
    allowed = min(
        (endpoint.slo.error_ratio for endpoint in suite.endpoints.values()), default=MAX_UNSENT_RATIO
    )
    return _held_iterations(load) > allowed * load.planned_iterations


def _target(suite: Suite, load: LoadResult, found: Validity) -> None:
    if load.target_lost_at_unix_ms is not None:
        found.breaches.append(
            Reason(name="target_lost", sentence=_lost_sentence(load.target_lost_at_unix_ms, load))
        )
    elif not load.target_reachable_after:
        found.warnings.append(
            Reason(
                name="target_unreachable_after", sentence="the target did not answer any more after the load"
            )
        )
    if _breaker(load):
        sent = sum(count.sent for count in load.counts.values())
        failed = sum(count.failed for count in load.counts.values())
        share = (
            f"{failed} of {sent} requests failed ({percent(failed / sent)})" if sent else "too many failures"
        )
        found.breaches.append(
            Reason(name="circuit_breaker", sentence=f"the circuit breaker ended the load: {share}")
        )
    held = _held_iterations(load)
    if held and load.planned_iterations and not _ended_by_target(load):
        share = f"{held} of {load.planned_iterations} planned iterations ({percent(held / load.planned_iterations)})"
        if _stalled(suite, load):
            sentence = (
                f"the target stalled: {share} could not be sent or finished because all {load.max_users} users were "
                "waiting for its answers; the latency figures leave out the worst"
            )
            found.breaches.append(Reason(name="target_stalled", sentence=sentence))
        else:
            sentence = (
                f"{share} could not be sent while the target held every user, less than the error objective"
            )
            found.warnings.append(Reason(name="target_held_users", sentence=sentence))


def _lost_sentence(lost_unix_ms: float, load: LoadResult) -> str:
    of_day = datetime.fromtimestamp(lost_unix_ms / 1000.0, UTC).strftime("%H:%M:%S")
    since, what = load.measure_started_unix_ms, "the measured phase"
    if not math.isfinite(since) or since <= 0 or since > lost_unix_ms:
        since, what = load.started_at.timestamp() * 1000.0, "the load"
    into = max(0.0, lost_unix_ms - since) / 1000.0
    return f"target lost at {of_day} UTC, {into:.0f} s into {what}: from then on no request was answered"


# ------------------------------------------------------------------ what the generator did


def _k6_end(load: LoadResult, found: Validity) -> None:
    if load.exit_code in (_K6_FINISHED, _K6_THRESHOLD) or _ended_by_target(load):
        return
    if load.exit_code == _K6_INTERRUPTED:
        sentence = f"k6 was interrupted before the end of the plan (exit code 105: {load.exit_meaning})"
        found.invalid_reasons.append(Reason(name="k6_interrupted", sentence=sentence))
        return
    sentence = (
        f"k6 did not finish its work: exit code {load.exit_code}, {load.exit_meaning}; its log says more"
    )
    found.invalid_reasons.append(Reason(name="k6_failed", sentence=sentence))


def _generator(load: LoadResult, found: Validity) -> None:
    """The generator was short of CPU or of users.

    The machine's load is what counts, not k6's own: k6 waits for a CPU that a neighbour holds just the same.
    With the target on the same machine its share is in the figure too. If the target took more than half of
    what was used, and k6 nevertheless started what it had planned, then k6 was not short: a target that burns the
    machine shall be seen as slow, not hidden behind "invalid". That is a warning.
    """
    planned = load.planned_iterations
    short = load.dropped_iterations - load.dropped_while_target_held_users
    too_many = planned is not None and short > max(MAX_UNSENT_RATIO * planned, UNSENT_ALLOWANCE)
    if too_many and planned and not _ended_by_target(load):
        sentence = (
            f"the generator was short: k6 could not start {short} of {planned} planned iterations "
            f"({percent(short / planned)}, allowed 1 %) although the target answered in time; "
            "allow more users (max_users) or use a larger machine"
        )
        found.invalid_reasons.append(Reason(name="generator_short", sentence=sentence))
    elif short > 0:
        sentence = f"k6 could not start {short} planned iterations"
        found.warnings.append(Reason(name="iterations_dropped", sentence=sentence))
    cpu = load.cpu
    if cpu is None:
        sentence = "the generator's CPU use could not be read: whether k6 was short of it is unknown"
        found.warnings.append(Reason(name="cpu_unknown", sentence=sentence))
        return
    if cpu.host_mean_ratio <= MAX_GENERATOR_CPU:
        return
    target = "" if cpu.target_mean_ratio is None else f", the target {percent(cpu.target_mean_ratio)}"
    busy = (
        f"the generator's machine was {percent(cpu.host_mean_ratio)} busy (limit {percent(MAX_GENERATOR_CPU)}; "
        f"k6 {percent(cpu.k6_mean_ratio)}{target})"
    )
    by_target = cpu.target_mean_ratio is not None and cpu.target_mean_ratio > 0.5 * cpu.host_mean_ratio
    if _ended_by_target(load) or (by_target and not too_many):
        sentence = f"{busy}: latency includes waiting for the CPU that the target and k6 share"
        found.warnings.append(Reason(name="machine_busy", sentence=sentence))
    else:
        sentence = f"{busy}: k6 measured its own waiting; end what else runs there or lower the rate"
        found.invalid_reasons.append(Reason(name="generator_cpu", sentence=sentence))


# ------------------------------------------------------------------ planned against sent


def _plan(suite: Suite, load: LoadResult, found: Validity) -> None:
    """What was sent must be what was planned, less what dropped iterations and the target's doing explain."""
    if _ended_by_target(load):
        return
    missing_iterations = (
        load.dropped_iterations + _held_iterations(load) - load.dropped_while_target_held_users
    )
    wrong = []
    for name, count in load.counts.items():
        if count.planned is None:
            continue
        weight = suite.endpoints[name].weight if name in suite.endpoints else 1.0
        explained = math.ceil(missing_iterations * weight)
        tolerance = max(MAX_UNSENT_RATIO * count.planned, UNSENT_ALLOWANCE)
        if count.planned - explained - count.sent > tolerance or count.sent - count.planned > tolerance:
            wrong.append(f"{name} {count.sent} of {count.planned}")
    wrong += [f"{name} 0" for name in suite.endpoints if name not in load.counts]
    if wrong:
        sentence = f"k6 did not send what was planned, and no dropped iteration explains it: {listing(wrong)}"
        found.invalid_reasons.append(Reason(name="plan_not_kept", sentence=sentence))


def _sample_sizes(suite: Suite, profile: Profile, load: LoadResult, found: Validity) -> None:
    """Enough requests for a p95. An endpoint that failed its requests has breached; that is for the SLOs to say."""
    if _ended_by_target(load) or _stalled(suite, load):
        return
    needed = max(profile.min_samples.p50, profile.min_samples.p95)
    few = []
    for name, endpoint in suite.endpoints.items():
        count = load.counts.get(name)
        if count is None or count.succeeded >= needed or count.sent >= needed:
            continue
        failing = count.sent > 0 and count.failed > endpoint.slo.error_ratio * count.sent
        if count.planned is None and failing:
            continue  # fixed users: failing slowly is why so few were sent
        few.append(
            f"{name} {count.sent} sent" + ("" if count.planned is None else f" of {count.planned} planned")
        )
    if few:
        sentence = (
            f"too few requests for p50 and p95 ({profile.min_samples.p50} and {profile.min_samples.p95} needed): "
            f"{listing(few)}; lengthen profile {profile.name} or raise its rate"
        )
        found.invalid_reasons.append(Reason(name="too_few_samples", sentence=sentence))


# ------------------------------------------------------------------ one revision, one clock, one record


def _revision(stack: StackState, load: LoadResult, found: Validity) -> None:
    seen = [revision for revision in (stack.revision, load.revision_before, load.revision_after) if revision]
    changed = next((revision for revision in seen if revision != seen[0]), None)
    if changed is not None:
        sentence = (
            f"the target's revision changed during the run, from {seen[0]} to {changed}: two were measured"
        )
        found.invalid_reasons.append(Reason(name="revision_changed", sentence=sentence))
    elif seen and load.revision_after is None and load.target_reachable_after:
        sentence = f"the target no longer said its revision after the load (before: {seen[0]})"
        found.warnings.append(Reason(name="revision_unknown_after", sentence=sentence))


def _clocks(stack: StackState, found: Validity) -> None:
    skew = stack.clock_skew_s
    if skew is None:
        sentence = "Prometheus' clock could not be compared with ours"
        found.warnings.append(Reason(name="clock_unknown", sentence=sentence))
    elif not abs(skew) <= MAX_CLOCK_SKEW_S:
        sentence = f"Prometheus' clock differs from k6's by {skew:+.1f} s (limit 2 s): set the clocks (NTP)"
        found.invalid_reasons.append(Reason(name="clock_skew", sentence=sentence))
    target = stack.target_clock_skew_s
    if target is not None and not abs(target) <= MAX_CLOCK_SKEW_S:
        # Latency is measured on k6's clock alone; only the target's own logs and deploy times are off.
        sentence = (
            f"the target's clock differs from k6's by {target:+.1f} s: its logs do not line up with this run"
        )
        found.warnings.append(Reason(name="target_clock_skew", sentence=sentence))


def _records(
    load: LoadResult, snapshot: PrometheusSnapshot, samples: Mapping[str, Samples], found: Validity
) -> None:
    lost = [
        f"{name} {len(samples[name].ok) if name in samples else 0} of {count.sent}"
        for name, count in load.counts.items()
        if count.sent != (len(samples[name].ok) if name in samples else 0)
    ]
    if lost:
        sentence = f"raw samples were lost: k6 sent more requests than were read back: {listing(lost)}"
        found.invalid_reasons.append(Reason(name="samples_lost", sentence=sentence))
    differing = [row for row in snapshot.reconciliation if not _same_counts(row)]
    if not snapshot.complete:
        found.invalid_reasons.append(
            snapshot.problem
            or Reason(name="prometheus_lost", sentence="Prometheus' record of the run is incomplete")
        )
    elif differing:
        rows = [
            f"{row.endpoint} {_recorded(row)} of {row.exact_succeeded + row.exact_failed}"
            for row in differing
        ]
        sentence = f"Prometheus did not record every request that k6 sent: {listing(rows)}"
        found.invalid_reasons.append(Reason(name="samples_lost", sentence=sentence))
    apart = [row.endpoint for row in snapshot.reconciliation if _same_counts(row) and not row.agrees]
    if apart:
        sentence = (
            "p50 or p95 in Prometheus differ from the raw samples by more than the histogram's resolution: "
            f"{listing(apart)}; judged by the raw samples"
        )
        found.warnings.append(Reason(name="quantiles_differ", sentence=sentence))
    if load.remote_write_errors and snapshot.complete:
        sentence = (
            f"k6 reported {load.remote_write_errors} failed writes to Prometheus; nothing is missing there"
        )
        found.warnings.append(Reason(name="remote_write_errors", sentence=sentence))
    if load.log_truncated:
        sentence = "k6's log was cut at its cap: what came after is not kept"
        found.warnings.append(Reason(name="log_truncated", sentence=sentence))


def _same_counts(row: Reconciliation) -> bool:
    """No series in Prometheus means that nothing was counted."""
    return (row.prometheus_succeeded or 0, row.prometheus_failed or 0) == (
        row.exact_succeeded,
        row.exact_failed,
    )


def _recorded(row: Reconciliation) -> int:
    return (row.prometheus_succeeded or 0) + (row.prometheus_failed or 0)
