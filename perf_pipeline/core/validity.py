"""Is a run fit to be judged? Decided before anybody asks whether it was good.

Three kinds of findings come out. An *invalid reason* says that the figures cannot be trusted: the generator
was short, samples were lost, the revision changed. A *breach* says that the target broke its promise in a way
that no latency shows: it stalled, died, or failed so much that the circuit breaker ended the load. A
*warning* is worth knowing and changes nothing.

The line between the first two: what was not sent because the target kept everyone waiting, or was gone, is
the target's doing and a breach; what was not sent for any other reason makes the run invalid.
"""

from __future__ import annotations

from collections.abc import Mapping

from perf_pipeline.core.control import is_usable
from perf_pipeline.core.load_conduct import (
    MAX_UNSENT_RATIO,
    UNSENT_ALLOWANCE,
    Validity,
    ended_by_target,
    judge_addresses,
    judge_generator,
    judge_k6_end,
    judge_plan,
    judge_sample_sizes,
    judge_target,
)
from perf_pipeline.core.model import (
    LoadResult,
    PrometheusSnapshot,
    Reason,
    Reconciliation,
    Samples,
    StackState,
)
from perf_pipeline.core.pace import judge_pace, shortfall
from perf_pipeline.core.wording import listing
from perf_pipeline.suite import Profile, Suite

__all__ = ["Validity", "judge_validity"]

MAX_CLOCK_SKEW_S = 2.0  # beyond it Prometheus' samples and our window no longer meet


def judge_validity(
    *,
    suite: Suite,
    profile: Profile,
    stack: StackState,
    load: LoadResult,
    snapshot: PrometheusSnapshot,
    samples: Mapping[str, Samples],
) -> Validity:
    """Judge one run's measurement. ``samples``: the raw samples of the measured phase, by endpoint."""
    found = Validity()
    judge_addresses(load, found)
    judge_target(suite, load, found)
    judge_k6_end(load, found)
    judge_generator(load, found)
    judge_plan(suite, load, found)
    short = shortfall(suite, profile, load, samples)
    judge_pace(profile, found, short)
    judge_sample_sizes(suite, profile, load, found, held=short is not None and short.by_late_answers)
    _revision(stack, load, found)
    _clocks(stack, found)
    _records(load, snapshot, samples, found)
    _control(stack, load, found)
    return found


# ------------------------------------------------------------------ one revision, one clock, one record


def _revision(stack: StackState, load: LoadResult, found: Validity) -> None:
    seen = [revision for revision in (stack.revision, load.revision_before, load.revision_after) if revision]
    changed = next((revision for revision in seen if revision != seen[0]), None)
    if changed is not None:
        sentence = (
            f"the target's revision changed during the run, from {seen[0]} to {changed}: two were measured"
        )
        found.invalid("revision_changed", sentence)
    elif load.deployed_meanwhile is not None:
        before = stack.request.told_revision or "what ran before"
        sentence = (
            f"{load.deployed_meanwhile} was deployed during the run, and {before} was to be measured: "
            "the target does not tell which of them it was"
        )
        found.invalid("revision_changed", sentence)
    elif seen and load.revision_after is None and load.target_reachable_after:
        sentence = f"the target no longer said its revision after the load (before: {seen[0]})"
        found.warn("revision_unknown_after", sentence)


def _clocks(stack: StackState, found: Validity) -> None:
    skew = stack.clock_skew_s
    if skew is None:
        sentence = "Prometheus' clock could not be compared with ours"
        found.warn("clock_unknown", sentence)
    elif not abs(skew) <= MAX_CLOCK_SKEW_S:
        limit = f"limit {MAX_CLOCK_SKEW_S:.0f} s"
        sentence = f"Prometheus' clock differs from k6's by {skew:+.1f} s ({limit}): set the clocks (NTP)"
        found.invalid("clock_skew", sentence)
    target = stack.target_clock_skew_s
    if target is not None and not abs(target) <= MAX_CLOCK_SKEW_S:
        # Latency is measured on k6's clock alone; only the target's own logs and deploy times are off.
        sentence = (
            f"the target's clock differs from k6's by {target:+.1f} s: its logs do not line up with this run"
        )
        found.warn("target_clock_skew", sentence)


def _records(
    load: LoadResult, snapshot: PrometheusSnapshot, samples: Mapping[str, Samples], found: Validity
) -> None:
    read = {name: len(samples[name].ok) if name in samples else 0 for name in load.counts}
    lost = [
        f"{name} {read[name]} of {count.sent}"
        for name, count in load.counts.items()
        # Requests that an iteration cut off at the end had in flight are counted by k6, but have no duration.
        if abs(count.sent - read[name]) > max(MAX_UNSENT_RATIO * count.sent, UNSENT_ALLOWANCE)
    ]
    if lost and not ended_by_target(load):
        sentence = f"raw samples were lost: k6 counted requests that have no sample: {listing(lost)}"
        found.invalid("samples_lost", sentence)
    apart = [row for row in snapshot.reconciliation if not row.agrees]
    differing = [row for row in apart if not _same_counts(row)]
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
        found.invalid("samples_lost", sentence)
    blurred = [row.endpoint for row in apart if _same_counts(row)]
    if blurred:
        sentence = (
            "p50 or p95 in Prometheus differ from the raw samples by more than the histogram's resolution: "
            f"{listing(blurred)}; judged by the raw samples"
        )
        found.warn("quantiles_differ", sentence)
    if load.remote_write_errors and snapshot.complete:
        sentence = (
            f"k6 reported {load.remote_write_errors} failed writes to Prometheus; nothing is missing there"
        )
        found.warn("remote_write_errors", sentence)
    if load.log_truncated:
        sentence = "k6's log is cut, at its cap or where it could not be written: what came after is not kept"
        found.warn("log_truncated", sentence)


def _control(stack: StackState, load: LoadResult, found: Validity) -> None:
    """Without it a slow machine cannot be told from a slow service; the run itself is none the worse."""
    count = load.control
    if stack.control_problem:
        why = stack.control_problem
    elif count is None or is_usable(count) or ended_by_target(load):
        return
    elif not count.sent:
        why = (
            "the scenario sent nothing to it; use optionsFor and paced of k6/lib, "
            "or write 'control: false' at the target"
        )
    else:
        why = f"it answered {count.succeeded} of {count.planned} requests, see its log in the run's folder"
    sentence = f"without a control a slow machine cannot be told from a slow service: {why}"
    found.warn("control_missing", sentence)


def _same_counts(row: Reconciliation) -> bool:
    """No series in Prometheus means that nothing was counted."""
    recorded = (row.prometheus_succeeded or 0, row.prometheus_failed or 0)
    return recorded == (row.exact_succeeded, row.exact_failed)


def _recorded(row: Reconciliation) -> int:
    return (row.prometheus_succeeded or 0) + (row.prometheus_failed or 0)
