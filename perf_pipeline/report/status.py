"""What somebody wants to know who looks in after a month: what ran, what is due, and what needs a person.

Pure: stored values and suites in, one view out. Sentences begin small and end without a full stop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from perf_pipeline.core.model import VALID, Outcome
from perf_pipeline.core.schedule import last_due, next_due
from perf_pipeline.core.wording import count
from perf_pipeline.report.status_model import ArchivesView, Found, Need, ScheduleView, StatusView, TargetView
from perf_pipeline.store.values import DeployState, StoredRun
from perf_pipeline.suite import Schedule, Suite, Target

RUNNING, WAITING = "running", "waiting"
NO_RESULT = (Outcome.LOST, Outcome.CANCELLED, Outcome.NOT_READY, Outcome.INVALID)
OVERDUE = timedelta(hours=2)  # what a scheduled run may wait for others, and take
UNARCHIVED = timedelta(hours=1)  # what the archive may take to catch up
LOW_DISK_BYTES = 2 * 1024**3


def status_view(found: Found) -> StatusView:
    """The page."""
    targets, unused = [], []
    for suite in found.suites:
        for target in suite.targets.values():
            view = _target(found, suite, target)
            if view.last_run or view.paused or view.last_deploy or any(one.on for one in view.schedules):
                targets.append(view)
            else:
                unused.append(f"{suite.name} on {target.name}")
    archives = _archives(found)
    return StatusView(
        at=found.at,
        days=found.days,
        targets=targets,
        unused=unused,
        no_result=[run for run in found.runs if run.outcome in NO_RESULT],
        notices=list(found.notices),
        daemon=found.daemon,
        archives=archives,
        home=found.home,
        needs=[*_needs(found, targets, archives)],
    )


def _target(found: Found, suite: Suite, target: Target) -> TargetView:
    here = (suite.name, target.name)
    runs = [run for run in found.runs if (run.suite, run.target) == here]
    deploys = [one for one in found.deploys if (one.suite, one.target) == here]
    pauses = [one for one in found.pauses if one.suite in (None, here[0]) and one.target in (None, here[1])]
    outcomes = Counter(_word(run) for run in runs)
    return TargetView(
        suite=suite.name,
        target=target.name,
        paused=pauses[0].sentence if pauses else "",
        last_run=found.last.get(here),
        open=_open(found.ended.get(here, ())),
        outcomes=dict(sorted(outcomes.items(), key=lambda item: -item[1])),
        baseline=dict(found.baseline.get(here, {})),
        schedules=[_schedule(found, here, one) for one in target.schedules],
        deploys_waiting=sum(one.state is DeployState.PENDING for one in deploys),
        last_deploy=deploys[0] if deploys else None,
    )


def _open(ended: Sequence[StoredRun]) -> list[StoredRun]:
    """A regression or a breach stays open until a later run of its profile could be judged; what kept the
    newest run from that stands beside it.
    """
    newest: set[str] = set()
    judged: set[str] = set()
    found = []
    for run in sorted(ended, key=lambda one: one.started_at, reverse=True):
        if run.outcome in VALID:
            if run.outcome is not Outcome.PASSED and run.profile not in judged:
                found.append(run)
            judged.add(run.profile)
        elif run.profile not in newest:
            found.append(run)
        newest.add(run.profile)
    return found


def _word(run: StoredRun) -> str:
    if run.outcome is not None:
        return run.outcome.value
    return WAITING if run.waits else RUNNING


def _schedule(found: Found, here: tuple[str, str], schedule: Schedule) -> ScheduleView:
    said = found.daemon.switched.get(found.schedule_names.get((*here, schedule.name), ""))
    on = schedule.enabled if said is None else said
    due = last_due(schedule, found.at - OVERDUE)
    began = [
        run.started_at
        for run in found.runs
        if (run.suite, run.target, run.profile) == (*here, schedule.profile)
    ]
    # Where nothing had run before it was due, the schedule is likely to be newer than that.
    known = any(run.started_at < due for run in found.runs if (run.suite, run.target) == here)
    return ScheduleView(
        name=schedule.name,
        profile=schedule.profile,
        on=on,
        switched=on is not schedule.enabled,
        next_due=next_due(schedule, found.at) if on else None,
        missed=due if on and known and not any(start >= due for start in began) else None,
    )


def _archives(found: Found) -> ArchivesView:
    kept = [one for one in found.archives.values() if one.pruned_at is None]
    return ArchivesView(
        kept=len(kept),
        bytes=sum(one.bytes for one in kept),
        oldest=min((one.archived_at for one in kept), default=None),
        pruned=len(found.archives) - len(kept),
        missing=[
            run.run_id for run in found.unarchived if run.ended_at and found.at - run.ended_at > UNARCHIVED
        ],
    )


# ------------------------------------------------------------------ what needs a person


def _needs(found: Found, targets: Sequence[TargetView], archives: ArchivesView) -> Iterator[Need]:
    for sentence in found.broken_suites:
        yield Need(sentence=sentence, command="perf-pipeline validate")
    by_itself = any(schedule.on for target in targets for schedule in target.schedules)
    if by_itself and not found.daemon.alive:
        seen = found.daemon.last_sign
        silent = f"has given no sign of life since {seen:%Y-%m-%d %H:%M} UTC" if seen else "has never run"
        yield Need(
            sentence=f"Dagster's daemon {silent}: nothing starts by itself",
            command="systemctl start perf-pipeline-daemon (on a laptop: perf-pipeline ui)",
        )
    if found.daemon.failed_ticks:
        names = ", ".join(
            f"{name} {count(times, 'time')}" for name, times in found.daemon.failed_ticks.items()
        )
        yield Need(
            sentence=f"Dagster could not evaluate {names}; the last time: {found.daemon.last_failure}",
            command="perf-pipeline ui, page Automation",
        )
    if found.home.free_bytes < LOW_DISK_BYTES:
        free = found.home.free_bytes / 1024**3
        said = f"only {free:.1f} GB are free for {found.home.folder}"
        yield Need(sentence=said, command="perf-pipeline archive prune")
    for pause in found.pauses:
        since = f"{pause.at:%Y-%m-%d %H:%M} UTC"
        yield Need(
            sentence=f"{pause.of} is paused since {since} by {pause.who}: {pause.reason}",
            command=pause.resume_command,
        )
    for target in targets:
        yield from _needs_of(target, paused=bool(target.paused), daemon=found.daemon.alive)
    if archives.missing:
        said = f"{count(len(archives.missing), 'ended run')} without an archive"
        yield Need(sentence=said, command="perf-pipeline archive sweep")


def _needs_of(view: TargetView, *, paused: bool, daemon: bool) -> Iterator[Need]:
    where = f"{view.suite} on {view.target}"
    for schedule in view.schedules:
        if schedule.missed and not paused and daemon:
            yield Need(
                sentence=f"{where}: {schedule.name} was due at {schedule.missed:%Y-%m-%d %H:%M} UTC, and no "
                "run has begun since",
                command="perf-pipeline ui, page Automation",
            )
        if schedule.switched and not schedule.on:
            yield Need(
                sentence=f"{where}: {schedule.name} is on in the suite file and was switched off in Dagster",
                command="perf-pipeline ui, page Automation",
            )
    for run in view.open:
        yield _need_of(run, where)
    if view.last_deploy and view.last_deploy.state is DeployState.ABANDONED:
        one = view.last_deploy
        yield Need(
            sentence=f"{where}: deploy {one.number} ({one.revision}) was not measured: {one.sentence}",
            command=f"perf-pipeline deploy {view.suite} --target {view.target} --revision {one.revision} "
            "--again",
        )


def _need_of(run: StoredRun, where: str) -> Need:
    said = run.sentence.rstrip(".")
    if run.outcome in VALID:
        return Need(
            sentence=f"{where}: {said} ({run.profile}, {run.started_at:%Y-%m-%d %H:%M} UTC)",
            command=f"perf-pipeline show {run.run_id[:8]}",
        )
    return Need(
        sentence=f"{where}: the newest run of {run.profile} ended as {said}",
        command=f"perf-pipeline doctor {run.suite} --target {run.target}"
        if run.outcome is Outcome.NOT_READY
        else f"perf-pipeline run {run.suite} --target {run.target} --profile {run.profile}",
    )
