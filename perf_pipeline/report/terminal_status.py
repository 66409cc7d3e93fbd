"""``perf-pipeline status`` as a person reads it: one screen, and at its end what needs a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from rich.console import Console, RenderableType
from rich.text import Text

from perf_pipeline.core.model import Outcome
from perf_pipeline.core.wording import count, listing
from perf_pipeline.report.status_model import DaemonView, HomeView, ScheduleView, StatusView, TargetView
from perf_pipeline.report.terminal_parts import Hanging, Unbroken, bullet, headline, print_parts
from perf_pipeline.report.words import OUTCOMES, WARN
from perf_pipeline.store.values import StoredRun

LABEL = 14  # columns of the labels on the left
SHOWN = 5  # runs without a result, and notices
ID = 8  # characters of a run id that people type


def print_status(
    view: StatusView, *, as_called: Callable[[str], str] = str, console: Console | None = None
) -> None:
    """``as_called``: a text with its commands as they were called."""
    print_parts(_parts(view, as_called), console)


def _parts(view: StatusView, as_called: Callable[[str], str]) -> Iterator[RenderableType]:
    yield headline("Status", f"{_when(view.at)} UTC, the last {count(view.days, 'day')}")
    for target in view.targets:
        yield Text()
        yield from _target(target, view, as_called)
    if view.unused:
        yield Text()
        yield _line("unused", f"no runs, and nothing starts by itself: {listing(view.unused, 4)}")
    yield from _no_result(view, as_called)
    if view.notices:
        yield Text()
        yield Text("Notices, newest first", "bold")
        for notice in view.notices[:SHOWN]:
            yield _line(f"{notice.at:%d %b %H:%M}", notice.sentence)
        if len(view.notices) > SHOWN:
            yield _line("", f"and {len(view.notices) - SHOWN} earlier ones")
    yield Text()
    yield Text("This machine", "bold")
    yield _line("daemon", _daemon(view.daemon, view.at))
    yield _line("archives", _archives(view))
    yield _line("disk", _disk(view.home))
    yield Text()
    yield from _needs(view, as_called)


def _target(
    target: TargetView, view: StatusView, as_called: Callable[[str], str]
) -> Iterator[RenderableType]:
    yield Text(f"{target.suite} on {target.target}", "bold")
    yield _line("last run", _last_run(target.last_run, view.at))
    runs = sum(target.outcomes.values())
    words = ", ".join(f"{number} {_word(name)}" for name, number in target.outcomes.items())
    yield _line(f"{view.days} days", f"{count(runs, 'run')}{': ' if words else ''}{words}")
    if target.baseline:
        sizes = ", ".join(f"{profile} {count(number, 'run')}" for profile, number in target.baseline.items())
        yield _line("baseline", sizes)
    if target.schedules:
        yield _line("next due", "; ".join(_schedule(one) for one in target.schedules))
    if target.last_deploy:
        last = target.last_deploy
        waiting = f"; {target.deploys_waiting} waiting for a run" if target.deploys_waiting else ""
        said = (
            f"{last.number} ({last.revision}), {_ago(view.at, last.seen_at)}: {last.state}, {last.sentence}"
        )
        yield _line("last deploy", said + waiting)
    if target.paused:
        yield Hanging(Text("paused", "yellow"), as_called(target.paused), indent=LABEL)


def _last_run(run: StoredRun | None, now: datetime) -> str:
    if run is None:
        return "none yet"
    what = OUTCOMES[run.outcome].word if run.outcome else "waiting" if run.waits else "running"
    revision = f", revision {run.revision}" if run.revision else ""
    return (
        f"{what}, {_ago(now, run.started_at)} ({run.run_id[:ID]}, {run.profile}{revision}, {run.launched_by})"
    )


def _schedule(one: ScheduleView) -> str:
    if one.next_due is None:
        return f"{one.name} is off{' (switched in Dagster)' if one.switched else ''}"
    switched = ", switched on in Dagster" if one.switched else ""
    return f"{one.name} {_when(one.next_due)} UTC ({one.profile}{switched})"


def _no_result(view: StatusView, as_called: Callable[[str], str]) -> Iterator[RenderableType]:
    if not view.no_result:
        return
    yield Text()
    yield Text("Runs without a result, newest first", "bold")
    for run in view.no_result[:SHOWN]:
        yield _line(f"{run.started_at:%d %b %H:%M}", f"{run.run_id[:ID]} {as_called(run.sentence)}")
    if len(view.no_result) > SHOWN:
        yield _line("", as_called(f"and {len(view.no_result) - SHOWN} earlier ones: `perf-pipeline runs`"))


def _needs(view: StatusView, as_called: Callable[[str], str]) -> Iterable[RenderableType]:
    if not view.needs:
        yield Text("Nothing needs a person.", "green")
        return
    yield Text("What needs a person", "bold")
    for need in view.needs:
        yield bullet("!", WARN, as_called(need.sentence))
        yield Unbroken(f"   -> {as_called(need.command)}")


def _daemon(daemon: DaemonView, now: datetime) -> str:
    if daemon.last_sign is None:
        return "has never run: nothing starts by itself"
    sign = _ago(now, daemon.last_sign)
    return f"alive, last sign {sign}" if daemon.alive else f"does not run, last sign {sign}"


def _archives(view: StatusView) -> str:
    one = view.archives
    if not one.kept:
        return "none"
    oldest = f", the oldest from {one.oldest:%d %b %Y}" if one.oldest else ""
    missing = f"; {count(len(one.missing), 'ended run')} without" if one.missing else ""
    pruned = f"; {one.pruned} pruned" if one.pruned else ""
    return f"{one.kept}{oldest}, {_size(one.bytes)}{pruned}{missing}"


def _disk(home: HomeView) -> str:
    parts = sorted(home.parts.items(), key=lambda part: -part[1])
    sizes = ", ".join(f"{name} {_size(size)}" for name, size in parts if size >= 1024**2)
    taken = _size(sum(home.parts.values()))
    return f"{_size(home.free_bytes)} free; {taken} in {home.folder}{': ' if sizes else ''}{sizes}"


def _line(label: str, sentence: str) -> RenderableType:
    return Hanging(Text(label, "dim"), sentence, indent=LABEL)


def _word(name: str) -> str:
    return OUTCOMES[Outcome(name)].word if name in list(Outcome) else name


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _ago(now: datetime, moment: datetime) -> str:
    gone = max(now - moment, timedelta(0))
    minutes, hours = int(gone.total_seconds() // 60), int(gone.total_seconds() // 3600)
    if minutes < 1:
        return "just now"
    if hours < 1:
        return f"{count(minutes, 'minute')} ago"
    return f"{count(hours, 'hour')} ago" if hours < 48 else f"{count(gone.days, 'day')} ago"


def _size(size: int) -> str:
    return f"{size / 1024**3:.1f} GB" if size >= 1024**3 else f"{size / 1024**2:.0f} MB"
