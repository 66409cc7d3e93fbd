"""Archives what has ended and is not archived yet, and writes the journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from perf_pipeline.archive.archives import Archive, add_archive
from perf_pipeline.archive.errors import (
    ArchiveError,
    MissingError,
    OccupiedError,
    OtherStoreError,
    PlaceError,
    StoppedError,
)
from perf_pipeline.archive.journal import write_journal
from perf_pipeline.archive.place import KeepGoing, Place, always
from perf_pipeline.processes import is_alive
from perf_pipeline.project import Project
from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun

ELSEWHERE_GRACE = timedelta(minutes=10)  # a run of another host may still be writing its report
ELSEWHERE_GIVEN_UP = timedelta(days=1)  # that host had its time to archive a run whose folder it has


@dataclass
class Swept:
    """``waiting`` and ``failed``: run id -> why it is not archived. ``stopped``: why the rest was left.

    ``other_store``: why no journal was written, when the archive belongs to another store.
    """

    archived: list[Archive] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    journal: str | None = None
    stopped: str = ""
    other_store: str = ""


@dataclass(frozen=True)
class Here:
    """Who sweeps. ``at_work``: runs of which Dagster knows that something still works on them."""

    host: str
    at_work: Collection[str] = ()

    def why_not_yet(self, run: StoredRun, folder: Path, now: datetime) -> str:
        """Why a run that has ended is not to be archived at this moment; empty: it is."""
        if run.run_id in self.at_work:
            return "Dagster is still at work on it"
        if run.host == self.host:
            return "its process is still at work" if _works(run) else ""
        ended = now - (run.ended_at or run.started_at)
        if ended < ELSEWHERE_GRACE:
            return f"it ended on {run.host} a moment ago"
        if not folder.is_dir() and ended < ELSEWHERE_GIVEN_UP:
            return f"its folder is on {run.host}"
        return ""


def sweep(
    place: Place,
    store: Store,
    project: Project,
    here: Here,
    *,
    clock: Callable[[], datetime],
    only: Collection[str] | None = None,
    lost_too: bool = False,
    keep_going: KeepGoing = always,
) -> Swept:
    """Archive ended runs, oldest first; ``only``: none but these. What fails is told and changes nothing.

    ``lost_too``: look whether all archives are still there, and make those anew whose run folder is.
    ``keep_going``: asked before each file; what is half written then is left for the next time. Raises
    PlaceError when nothing at all can be written, OccupiedError when another one is writing, and StoreError.
    """
    swept = Swept()
    with place.locked():
        runs = [run for run in store.to_archive() if only is None or run.run_id in only]
        for run in [*runs, *(_lost(place, store, project) if lost_too else [])]:
            folder = run_folder(project, run)
            why = here.why_not_yet(run, folder, clock())
            if why:
                swept.waiting[run.run_id] = why
                continue
            try:
                swept.archived.append(
                    _archived(place, store, run, folder=folder, at=clock(), keep_going=keep_going)
                )
            except StoppedError as error:
                swept.stopped = str(error)
                return swept
            except OccupiedError as error:
                swept.waiting[run.run_id] = str(error)
            except PlaceError as error:  # the next one would fare the same
                swept.failed[run.run_id] = swept.stopped = str(error)
                return swept
            except (ArchiveError, StoreError) as error:  # of this run alone: a record of another version
                swept.failed[run.run_id] = str(error)
        try:
            swept.journal = write_journal(place, store, clock())
        except OtherStoreError as error:
            swept.other_store = str(error)
    return swept


def _lost(place: Place, store: Store, project: Project) -> list[StoredRun]:
    """Runs whose archive has gone although nobody pruned it, and whose folder is still there."""
    there = {folder for folder, found in place.manifests() if not isinstance(found, MissingError)}
    gone = [one.run_id for one in store.archives().values() if not one.pruned_at and one.place not in there]
    found = [store.find_run(run_id) for run_id in gone]
    return [run for run in found if run_folder(project, run).is_dir()]


def run_folder(project: Project, run: StoredRun) -> Path:
    """Where its files are: the home folder may have been moved since, or the run made from another one."""
    usual = project.run_folder(run.run_id)
    return usual if usual.is_dir() else Path(run.run_folder)


def _archived(
    place: Place, store: Store, run: StoredRun, *, folder: Path, at: datetime, keep_going: KeepGoing
) -> Archive:
    archive = add_archive(
        place,
        run,
        row=store.run_row(run.run_id),
        record=store.record(run.run_id) if run.measured else None,
        run_folder=folder,
        at=at,
        keep_going=keep_going,
    )
    store.add_archive(
        run.run_id,
        place=archive.folder,
        manifest_sha256=archive.manifest_sha256,
        size=archive.manifest.bytes,
        at=at,
    )
    return archive


def _works(run: StoredRun) -> bool:
    """Whether the process that made a run of this host still lives and is not this one."""
    return run.owner_pid != os.getpid() and is_alive(run.owner_pid, run.owner_started)
