"""What k6 left behind, read and put into words: the value of a load test."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from perf_pipeline import conventions as names
from perf_pipeline.core.control import control_requests, is_usable
from perf_pipeline.core.fingerprint import plan_hash
from perf_pipeline.core.model import EndpointCount, Fingerprint, LoadResult, StackState
from perf_pipeline.load import exit_codes
from perf_pipeline.load.command import K6Command
from perf_pipeline.load.cpu import cpu_use
from perf_pipeline.load.errors import LoadError, UnreadableError
from perf_pipeline.load.probe import K6
from perf_pipeline.load.samples import ReadSamples, read_csv, write_parquet
from perf_pipeline.load.script import script_hash
from perf_pipeline.load.session import Plan, Session
from perf_pipeline.load.stall import dropped_while_held, target_lost_at
from perf_pipeline.suite import Profile, Suite

EARLY_S = 2.0  # k6 tells its clock every second; one that ended so much before the plan's end was stopped

ReadTarget = Callable[[], tuple[str | None, bool]]
"""Asks the target after the load: its revision (None: it does not tell), and whether it answers."""


def read_result(
    *,
    suite: Suite,
    profile: Profile,
    stack: StackState,
    k6: K6,
    command: K6Command,
    session: Session,
    plan: Plan,
    folder: Path,
    read_target: ReadTarget,
) -> LoadResult:
    """The result of a session of k6. Raises as ``run_load`` does."""
    raw, log, code = folder / names.RAW_SAMPLES, session.log, session.exit_code
    meaning = "k6 hung past its deadline and was ended" if session.hung else exit_codes.exit_meaning(code)
    tripped = breaker_tripped(code, log.stopped_by_threshold, log.load_clock_s, plan.planned_s)
    if tripped:
        meaning = exit_codes.BREAKER_TRIPPED
    finished = code in names.K6_ENDED
    clock = time.monotonic()
    if not raw.exists():
        if log.load_began:
            raise UnreadableError(f"{meaning}, and the raw samples in {raw} are gone.")
        raise LoadError(_nothing_sent(meaning, log.last_errors(), folder))
    read = read_csv(raw, suite)
    if not (finished or read.load_requests or log.load_began):
        raise LoadError(_nothing_sent(meaning, log.last_errors(), folder))
    control = _control_count(stack, profile, read)
    try:
        write_parquet(read, folder, with_control=is_usable(control))
    except OSError as error:
        raise UnreadableError(f"the samples cannot be kept in {folder} ({error}).") from error
    reading_s = time.monotonic() - clock

    start_ms, end_ms = read.measured_span or (session.started_unix_ms, session.ended_unix_ms)
    load_end_ms = min(start_ms + profile.duration_s * 1000, read.last_sample_unix_ms or end_ms)
    revision_after, reachable = read_target()
    return LoadResult(
        run_id=stack.run_id,
        fingerprint=fingerprint_of(suite, stack, k6),
        revision_before=stack.revision,
        revision_after=revision_after,
        target_reachable_after=reachable,
        k6_version=str(k6),
        command=command.argv,
        exit_code=code,
        exit_meaning=meaning,
        started_at=datetime.fromtimestamp(session.started_unix_ms / 1000, UTC),
        ended_at=datetime.fromtimestamp(session.ended_unix_ms / 1000, UTC),
        measure_started_unix_ms=start_ms,
        measure_ended_unix_ms=end_ms,
        planned_duration_s=profile.duration_s,
        planned_iterations=profile.planned_iterations,
        completed_iterations=read.completed_iterations,
        dropped_iterations=read.dropped_iterations,
        dropped_while_target_held_users=_held(read, profile, session, start_ms, load_end_ms),
        max_users=profile.max_users,
        counts=_counts(suite, profile, read),
        cpu=cpu_use(session.cpu, start_ms, end_ms),
        breaker_tripped=tripped,
        remote_write_errors=log.remote_write_errors,
        log_truncated=log.truncated,
        errors_by_kind=read.errors_by_kind,
        # A k6 that ended before it measured anything says nothing about the target.
        target_lost_at_unix_ms=target_lost_at(
            answered_end=read.answered_end,
            unanswered=read.unanswered,
            interrupted=log.interrupted_iterations,
            load_start_unix_ms=start_ms,
            load_end_unix_ms=load_end_ms,
        )
        if finished or read.measured_span
        else None,
        reading_s=reading_s,
        control=control,
    )


def breaker_tripped(code: int, said_so: bool, load_clock_s: float | None, planned_s: float) -> bool:
    """Whether the circuit breaker ended the load: k6's exit code is the same when all of it was sent.

    ``said_so``: in its log; ``load_clock_s``: where k6's clock stood at its end, None: it was never told.
    """
    early = load_clock_s is not None and load_clock_s < planned_s - EARLY_S
    return code == names.K6_THRESHOLDS_FAILED and (said_so or early)


def _nothing_sent(meaning: str, errors: str, folder: Path) -> str:
    said = exit_codes.thrown_sentence(errors)
    return f"{said or meaning}: nothing was measured, see {folder / names.K6_LOG}."


def fingerprint_of(suite: Suite, stack: StackState, k6: K6) -> Fingerprint:
    """What a run on this stack has in common with the runs that it can be compared with."""
    profile = suite.profiles[stack.request.profile]
    return Fingerprint(
        suite=suite.name,
        target=stack.request.target,
        profile=profile.name,
        plan_hash=plan_hash(suite, profile),
        script_hash=script_hash(suite),
        k6_major=k6.major,
        stack=stack.stack,
        host_class=stack.host_class,
        data_volume=stack.data_volume,
        # As it was meant: when the control failed, the target had the same load all the same.
        control=names.CONTROL if _wants_control(stack) else names.NO_CONTROL,
    )


def _wants_control(stack: StackState) -> bool:
    return stack.control_url is not None or stack.control_problem != ""


def _control_count(stack: StackState, profile: Profile, read: ReadSamples) -> EndpointCount | None:
    if not _wants_control(stack):
        return None
    succeeded = read.control.height
    return EndpointCount(
        planned=control_requests(profile),
        sent=read.control_sent,
        succeeded=succeeded,
        failed=read.control_sent - succeeded,
    )


def _held(read: ReadSamples, profile: Profile, session: Session, start_ms: float, end_ms: float) -> int:
    last_answer = float(read.answered_end.max()) if read.answered_end.size else start_ms
    return dropped_while_held(
        drop_times=read.drop_times,
        drop_counts=read.drop_counts,
        late_requests=read.late_requests,
        late_iterations=read.late_iterations,
        interrupted=session.log.interrupted_iterations,
        last_answer_unix_ms=last_answer,
        load_end_unix_ms=end_ms,
        max_users=profile.max_users,
    )


def _counts(suite: Suite, profile: Profile, read: ReadSamples) -> dict[str, EndpointCount]:
    planned = suite.planned_requests(profile)
    return {
        name: EndpointCount(
            planned=planned[name] if planned else None,
            sent=read.sent[name],
            succeeded=int(one.ok.sum()),
            failed=int((~one.ok).sum()),
        )
        for name, one in read.samples.items()
    }
