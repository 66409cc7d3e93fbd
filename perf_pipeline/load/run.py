"""One load test from plan to result: checks, k6, and the reading of what it left behind."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from perf_pipeline import conventions as names
from perf_pipeline.core.fingerprint import plan_hash
from perf_pipeline.core.model import EndpointCount, Fingerprint, LoadResult, StackState
from perf_pipeline.load import exit_codes
from perf_pipeline.load.addresses import complement, target_address
from perf_pipeline.load.command import K6Command, build_command, k6_config
from perf_pipeline.load.cpu import cpu_use
from perf_pipeline.load.errors import LoadError, UnreadableError
from perf_pipeline.load.limits import Requirements, check_caps, check_origin, check_requirements, inspect
from perf_pipeline.load.probe import K6
from perf_pipeline.load.progress import Progress, ProgressApi
from perf_pipeline.load.samples import ReadSamples, read_csv, write_parquet
from perf_pipeline.load.script import script_hash
from perf_pipeline.load.session import Plan, Session, run_k6
from perf_pipeline.load.stall import dropped_while_held, target_lost_at
from perf_pipeline.ports import free_port
from perf_pipeline.suite import Profile, Suite, Target

HANG_MARGIN_S = 30.0
API_ATTEMPTS = 3
EARLY_S = 2.0  # k6 tells its clock every second; one that ended so much before the plan's end was stopped

ReadTarget = Callable[[], tuple[str | None, bool]]
"""Asks the target after the load: its revision (None: it does not tell), and whether it answers."""


def run_load(
    *,
    suite: Suite,
    stack: StackState,
    k6: K6,
    home: Path,
    on_progress: Callable[[Progress], None],
    read_target: ReadTarget,
) -> LoadResult:
    """Run one load test; blocking. Writes raw samples, their Parquet copy and k6's log into the run's folder.

    Raises LoadError when no load was sent (caps, allow-list, missing secret, an unhealthy target that the
    scenario's set-up refused), and UnreadableError when it was and what it left behind cannot be read. On any
    other exception, Ctrl-C included, k6 has ended before it goes on.
    """
    target, profile = suite.targets[stack.request.target], suite.profiles[stack.request.profile]
    folder = Path(stack.run_folder)
    folder.mkdir(parents=True, exist_ok=True)
    required = _check(suite=suite, target=target, profile=profile, stack=stack, k6=k6, folder=folder)
    address = target_address(stack.base_url)
    config = _write_config(folder, k6_config(stack.base_url, address))
    plan = Plan(
        measure_start_s=required.measure_start_s,
        planned_s=required.load_end_s,
        deadline_s=required.setup_timeout_s
        + required.total_duration_s
        + required.teardown_timeout_s
        + HANG_MARGIN_S,
    )
    for attempt in range(1, API_ATTEMPTS + 1):
        api = ProgressApi(free_port()) if attempt < API_ATTEMPTS else None
        command = build_command(
            k6=k6,
            suite=suite,
            target=target,
            profile=profile,
            run_id=stack.run_id,
            run_folder=folder,
            base_url=stack.base_url,
            prometheus_url=stack.prometheus_url,
            config=config,
            blocked_ips=complement([address]),
            environment=os.environ,
            api_address=api.address if api else None,
        )
        session = run_k6(
            command,
            home=home,
            log_path=folder / names.K6_LOG,
            plan=plan,
            api=api,
            target_pid=stack.target_pid,
            on_progress=on_progress,
        )
        if session.exit_code != exit_codes.API_ADDRESS_TAKEN:
            break  # else somebody took the free port between our look and k6's start: nothing was sent yet
    return _result(
        suite=suite,
        profile=profile,
        stack=stack,
        k6=k6,
        command=command,
        session=session,
        plan=plan,
        folder=folder,
        read_target=read_target,
    )


def _check(
    *, suite: Suite, target: Target, profile: Profile, stack: StackState, k6: K6, folder: Path
) -> Requirements:
    check_origin(suite, target, stack.base_url)
    check_caps(suite, target, profile)
    required = inspect(
        k6=k6, suite=suite, profile=profile, base_url=stack.base_url, run_id=stack.run_id, home=folder
    )
    check_requirements(required, suite, target, profile)
    return required


def _write_config(folder: Path, config: dict[str, object]) -> Path:
    path = folder / names.K6_CONFIG
    try:
        path.write_text(json.dumps(config) + "\n")
    except OSError as error:
        raise LoadError(f"the run's folder {folder} cannot be written to ({error}): make room.") from error
    return path


def _result(
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
    try:
        write_parquet(read, folder)
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
        control="none",
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
