"""The load itself: what the target did to it, whether the generator kept up, whether the plan was kept.

The larger half of ``core.validity``, which says what the three kinds of findings mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime

from perf_pipeline.conventions import K6_ENDED, K6_INTERRUPTED, KIND_BLOCKED
from perf_pipeline.core.model import LoadResult, Reason
from perf_pipeline.core.wording import listing, percent
from perf_pipeline.suite import Profile, Suite

MAX_GENERATOR_CPU = 0.85  # of all cores, mean of the measured phase: above it k6 measures its own waiting
MAX_UNSENT_RATIO = 0.01  # of the planned iterations or requests
UNSENT_ALLOWANCE = 2  # k6 may start an iteration more or less at the edges of a stage


@dataclass(frozen=True)
class Validity:
    """What was found; empty ``invalid_reasons`` mean a valid run."""

    invalid_reasons: list[Reason] = field(default_factory=list)
    warnings: list[Reason] = field(default_factory=list)
    breaches: list[Reason] = field(default_factory=list)

    def invalid(self, name: str, sentence: str) -> None:
        self.invalid_reasons.append(Reason(name=name, sentence=sentence))

    def warn(self, name: str, sentence: str) -> None:
        self.warnings.append(Reason(name=name, sentence=sentence))

    def breach(self, name: str, sentence: str) -> None:
        self.breaches.append(Reason(name=name, sentence=sentence))


# ------------------------------------------------------------------ what the target did


def ended_by_target(load: LoadResult) -> bool:
    """The load ended early, or went nowhere, because of the target: what is missing is explained by that."""
    return load.target_lost_at_unix_ms is not None or load.breaker_tripped


def _held_iterations(load: LoadResult) -> int:
    """Planned iterations that the target kept from starting (dropped) or from ending (cut off at the end)."""
    if load.planned_iterations is None:
        return 0
    unfinished = load.planned_iterations - load.completed_iterations - load.dropped_iterations
    if unfinished <= UNSENT_ALLOWANCE or load.exit_code not in K6_ENDED:
        unfinished = 0
    return load.dropped_while_target_held_users + unfinished


def _stalled(suite: Suite, load: LoadResult) -> bool:
    """Requests that could not be sent count like failed ones: more than the strictest error objective."""
    if not load.planned_iterations:
        return False
    return _held_iterations(load) > strictest_error_ratio(suite) * load.planned_iterations


def strictest_error_ratio(suite: Suite) -> float:
    return min((endpoint.slo.error_ratio for endpoint in suite.endpoints.values()), default=MAX_UNSENT_RATIO)


def judge_target(suite: Suite, load: LoadResult, found: Validity) -> None:
    """Lost, cut off by the circuit breaker, or stalled: breaches that no latency shows."""
    if load.target_lost_at_unix_ms is not None:
        found.breach("target_lost", _lost_sentence(load.target_lost_at_unix_ms, load))
    elif not load.target_reachable_after:
        found.warn("target_unreachable_after", "the target did not answer any more after the load")
    if load.breaker_tripped:
        sent = sum(count.sent for count in load.counts.values())
        failed = sum(count.failed for count in load.counts.values())
        share = f"{failed} of {sent} requests failed" + (f" ({percent(failed / sent)})" if sent else "")
        found.breach("circuit_breaker", f"the circuit breaker ended the load: {share}")
    held = _held_iterations(load)
    if held and load.planned_iterations and not ended_by_target(load):
        ratio = held / load.planned_iterations
        share = f"{held} of {load.planned_iterations} planned iterations ({percent(ratio)})"
        if _stalled(suite, load):
            sentence = (
                f"the target stalled: {share} could not be sent or finished because the {load.max_users} "
                "users were waiting for its answers; the latency figures leave out the worst"
            )
            found.breach("target_stalled", sentence)
        else:
            found.warn("target_held_users", f"{share} could not be sent while the target held every user")


def _lost_sentence(lost_unix_ms: float, load: LoadResult) -> str:
    of_day = datetime.fromtimestamp(lost_unix_ms / 1000.0, UTC).strftime("%H:%M:%S")
    since, what = load.measure_started_unix_ms, "the measured phase"
    if not math.isfinite(since) or since <= 0 or since > lost_unix_ms:
        since, what = load.started_at.timestamp() * 1000.0, "the load"
    into = max(0.0, lost_unix_ms - since) / 1000.0
    return f"target lost at {of_day} UTC, {into:.0f} s into {what}: from then on no request was answered"


# ------------------------------------------------------------------ what the generator did


def judge_k6_end(load: LoadResult, found: Validity) -> None:
    """k6's exit code. 0 says little (it is also that of a run in which every request failed)."""
    if load.exit_code in K6_ENDED or ended_by_target(load):
        return
    if load.exit_code == K6_INTERRUPTED:
        sentence = f"k6 was interrupted before the end of the plan (exit code 105: {load.exit_meaning})"
        found.invalid("k6_interrupted", sentence)
        return
    how = f"exit code {load.exit_code}, {load.exit_meaning}"
    found.invalid("k6_failed", f"k6 did not finish its work ({how}): read its log in the run's folder")


def judge_addresses(load: LoadResult, found: Validity) -> None:
    """k6 was kept to the one address of the target; what it was kept from never reached anybody."""
    blocked = {
        name: kinds[KIND_BLOCKED] for name, kinds in load.errors_by_kind.items() if kinds.get(KIND_BLOCKED)
    }
    if blocked:
        sentence = (
            f"{sum(blocked.values())} requests to another address than the target's were not let out: "
            f"{listing([f'{name} {number}' for name, number in blocked.items()])}; "
            "the script may call the target alone, and set no hosts of its own"
        )
        found.invalid("address_blocked", sentence)


def judge_generator(load: LoadResult, found: Validity) -> None:
    """The generator was short of CPU or of users.

    The machine's load is what counts, not k6's own: k6 waits for a CPU that a neighbour holds just the same.
    With the target on the same machine its share is in the figure too. If the target took more than half of
    what was used, and k6 nevertheless started what it had planned, then k6 was not short: a target that burns
    the machine shall be seen as slow, not hidden behind "invalid". That is a warning.
    """
    planned = load.planned_iterations
    short = load.dropped_iterations - load.dropped_while_target_held_users
    too_many = planned is not None and short > MAX_UNSENT_RATIO * planned
    if too_many and planned and not ended_by_target(load):
        sentence = (
            f"the generator was short: k6 could not start {short} of {planned} planned iterations "
            f"({percent(short / planned)}, allowed {percent(MAX_UNSENT_RATIO)}) although the target answered "
            "in time; allow more users (max_users) or use a larger machine"
        )
        found.invalid("generator_short", sentence)
    elif short > 0:
        found.warn("iterations_dropped", f"k6 could not start {short} planned iterations")
    cpu = load.cpu
    if cpu is None:
        sentence = "the generator's CPU use could not be read: whether k6 was short of it is unknown"
        found.warn("cpu_unknown", sentence)
        return
    if cpu.host_mean_ratio <= MAX_GENERATOR_CPU:
        return
    target = "" if cpu.target_mean_ratio is None else f", the target {percent(cpu.target_mean_ratio)}"
    busy = (
        f"the generator's machine was {percent(cpu.host_mean_ratio)} busy "
        f"(limit {percent(MAX_GENERATOR_CPU)}; k6 {percent(cpu.k6_mean_ratio)}{target})"
    )
    by_target = cpu.target_mean_ratio is not None and cpu.target_mean_ratio > 0.5 * cpu.host_mean_ratio
    if ended_by_target(load) or (by_target and not too_many):
        sentence = f"{busy}: latency includes waiting for the CPU that the target and k6 share"
        found.warn("machine_busy", sentence)
    else:
        sentence = f"{busy}: k6 measured its own waiting; end what else runs there or lower the rate"
        found.invalid("generator_cpu", sentence)


# ------------------------------------------------------------------ planned against sent


def judge_plan(suite: Suite, load: LoadResult, found: Validity) -> None:
    """What was sent must be what was planned, less what dropped iterations and the target's doing explain."""
    if ended_by_target(load):
        return
    unfinished = _held_iterations(load) - load.dropped_while_target_held_users
    missing_iterations = load.dropped_iterations + unfinished
    wrong = []
    for name, count in load.counts.items():
        weight = suite.endpoints[name].weight if name in suite.endpoints else 1.0
        if count.planned is None:  # fixed users: an iteration that was done has made its calls
            planned, explained = int(load.completed_iterations * weight), 0
            exceeded = False  # by those of iterations that were cut off
        else:
            planned, explained = count.planned, math.ceil(missing_iterations * weight)
            exceeded = count.sent - planned > _tolerance(planned)
        if exceeded or planned - explained - count.sent > _tolerance(planned):
            wrong.append(f"{name} {count.sent} of {planned}")
    wrong += [f"{name} 0" for name in suite.endpoints if name not in load.counts]
    if wrong:
        sentence = f"k6 did not send what was planned, and no dropped iteration explains it: {listing(wrong)}"
        found.invalid("plan_not_kept", sentence)


def _tolerance(planned: int) -> float:
    return max(MAX_UNSENT_RATIO * planned, UNSENT_ALLOWANCE)


def judge_sample_sizes(
    suite: Suite, profile: Profile, load: LoadResult, found: Validity, *, held: bool
) -> None:
    """Enough requests for a p95. An endpoint that failed its requests is for the SLOs to judge.

    ``held``: fixed users were, by late answers: what is missing is explained.
    """
    if held or ended_by_target(load) or _stalled(suite, load):
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
        planned = "" if count.planned is None else f" of {count.planned} planned"
        few.append(f"{name} {count.sent} sent{planned}")
    if few:
        sentence = (
            f"too few requests (needed {profile.min_samples.p50} for p50, {profile.min_samples.p95} for p95)"
            f": {listing(few)}; lengthen profile {profile.name} or raise its rate"
        )
        found.invalid("too_few_samples", sentence)
