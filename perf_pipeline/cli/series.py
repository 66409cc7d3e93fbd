"""A run and those that it asks for, one after the other in this process."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perf_pipeline.cli.archiving import archive_quietly
from perf_pipeline.cli.called import as_called
from perf_pipeline.cli.shared import open_store
from perf_pipeline.core.model import Outcome, RunRecord, RunRequest
from perf_pipeline.project import Project
from perf_pipeline.signals import deferred
from perf_pipeline.store.errors import StoreError, UnreachableError

if TYPE_CHECKING:
    from perf_pipeline.defs.launch import LaunchResult
    from perf_pipeline.store.repository import Store
    from perf_pipeline.store.values import StoredRun


@dataclass(frozen=True)
class Ended:
    """One run of a series: how it ended in Dagster and in the store. ``record`` None: it was not measured."""

    result: LaunchResult
    stored: StoredRun
    record: RunRecord | None


def run_series(
    project: Project,
    request: RunRequest,
    *,
    most: int,
    quiet: bool,
    wait_s: float = 0.0,
    despite_pause: bool = False,
) -> list[Ended]:
    """Run until nothing more is asked for; at least one, oldest first. The last one's word is that of all.

    The first waits up to ``wait_s`` for another benchmark to end; those that it asks for wait as long as one
    can take. A person is told of each further run, and of a wait, in one line. Raises KeyboardInterrupt when
    one was interrupted before its first step.
    """
    series: list[Ended] = []
    say = silent if quiet else tell
    say(f"{request.suite} on {request.target}, profile {request.profile}")
    wanted: RunRequest | None = request
    try:
        while wanted is not None:
            patience_s = None if series else wait_s
            series.append(_run(project, wanted, quiet=quiet, wait_s=patience_s, despite_pause=despite_pause))
            wanted = _next(series[-1], wanted)
            if wanted is not None:
                say(f"run {len(series) + 1} of at most {most}: {series[-1].stored.asks}")
    finally:
        archive_quietly(project, [one.stored.run_id for one in series])
        measured = [one.stored for one in series if one.stored.measured]
        if measured and measured[-1].asks:
            open_run = measured[-1].run_id[:8]
            say(
                as_called(
                    f"run {open_run} stays undecided: `perf-pipeline show {open_run}` says what it found"
                )
            )
    return series


def _run(
    project: Project, request: RunRequest, *, quiet: bool, wait_s: float | None, despite_pause: bool
) -> Ended:
    from perf_pipeline.cli.progress import LoadDisplay  # noqa: PLC0415 - rich is slow

    with deferred():  # an interrupt that comes in the middle of an import may be lost
        from perf_pipeline.defs.launch import run_benchmark  # noqa: PLC0415 - Dagster takes 2 s to import

    with LoadDisplay(quiet=quiet) as display:
        result = run_benchmark(
            request.suite,
            request,
            home=project.home,
            on_progress=display,
            on_waiting=display.say,
            wait_s=wait_s,
            despite_pause=despite_pause,
        )
    try:
        with open_store(project) as store:
            stored = _stored(store, result)
            return Ended(result, stored, store.record(result.run_id) if stored.measured else None)
    except UnreachableError as error:
        raise StoreError(
            f"run {result.run_id} has ended, and the next start records how, from its folder "
            f"{project.run_folder(result.run_id)}: {error}"
        ) from None


def _stored(store: Store, result: LaunchResult) -> StoredRun:
    """As the run ended. Raises StoreError, also where the store was away when the run would have told it."""
    from perf_pipeline.defs.kept import kept_outcome, kept_record  # noqa: PLC0415 - SQLAlchemy is slow

    try:
        stored = store.find_run(result.run_id)
    except UnreachableError:
        raise
    except StoreError:
        if result.cancelled:
            raise KeyboardInterrupt from None  # before the first step: nothing was started or stored
        raise
    if stored.outcome is None:
        record = kept_record(stored)
        outcome, _ = (record.outcome, "") if record else kept_outcome(stored) or (Outcome.LOST, "")
        raise StoreError(
            f"run {result.run_id} ended while the store was away: the next start records it as {outcome}, "
            f"from its folder {stored.run_folder}."
        )
    return stored


def _next(ended: Ended, request: RunRequest) -> RunRequest | None:
    from perf_pipeline.defs.series import next_request  # noqa: PLC0415 - SQLAlchemy takes 0.3 s to import

    if ended.result.cancelled or ended.result.asked_to_end or ended.result.internal_error:
        return None
    return next_request(ended.stored, launched_by=request.launched_by)


def tell(line: str) -> None:
    """One line of progress to a person."""
    print(line, file=sys.stderr, flush=True)


def silent(_line: str) -> None:
    """Nothing, in its place."""
    return
