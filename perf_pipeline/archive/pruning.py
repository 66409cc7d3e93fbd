"""Removes archives that no policy keeps, and the run folders that they were made from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from perf_pipeline.archive.archives import Archive, Listing, list_archives, run_folder_of
from perf_pipeline.archive.place import KeepGoing, Place, always
from perf_pipeline.archive.remains import SUFFIX, what_stays
from perf_pipeline.archive.sweeping import ELSEWHERE_GIVEN_UP
from perf_pipeline.core.retention import Candidate, Expired, expired
from perf_pipeline.project import Project
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import ArchivedRun
from perf_pipeline.suite import ArchivePolicy


@dataclass
class Pruned:
    """``kept``: one sentence for each kind of archive that is kept beyond what the policies ask for."""

    runs: list[Expired] = field(default_factory=list)
    bytes: int = 0  # of the archives that went
    left: int = 0  # archives that stay
    kept: list[str] = field(default_factory=list)


def prune(
    place: Place,
    store: Store,
    project: Project,
    policies: Mapping[str, ArchivePolicy],
    now: datetime,
    *,
    dry_run: bool = False,
    keep_going: KeepGoing = always,
) -> Pruned:
    """``policies``: by suite. With ``dry_run`` nothing is removed. Raises ArchiveError and StoreError.

    ``keep_going``: asked before each run.

    Killed in the middle it goes on the next time: the store knows first that a run is pruned.
    """
    if dry_run:
        return _plan(list_archives(place), store, policies, now)[0]
    with place.locked():
        place.sweep(now - ELSEWHERE_GIVEN_UP)
        listing = list_archives(place)
        result, going = _plan(listing, store, policies, now)
        removed = []
        for one in result.runs:
            if not keep_going():
                result.kept.append("the rest goes another time: a benchmark is under way")
                break
            pruned = store.mark_pruned(one.run_id, reason=one.why, at=now)
            if pruned is not None:  # a person may have accepted it meanwhile
                _remove(place, store, project, pruned, [*listing.earlier, going[one.run_id]])
                removed.append(one)
        result.left += len(result.runs) - len(removed)
        result.runs = removed
        result.bytes = sum(going[one.run_id].manifest.bytes for one in removed)
    return result


def _plan(
    listing: Listing, store: Store, policies: Mapping[str, ArchivePolicy], now: datetime
) -> tuple[Pruned, dict[str, Archive]]:
    """What is to go and what is said of the rest; the archives by run."""
    stored, protected = store.archives(), store.protected_runs()
    by_run = {one.run_id: one for one in listing.archives}
    # Without its row the store cannot tell whether a run is in a baseline.
    known = [one for one in listing.archives if one.run_id in stored]
    begun = [
        Expired(one.run_id, known_as.pruned_reason or "")
        for one in known
        if (known_as := stored[one.run_id]).pruned_at is not None
    ]
    candidates = [_candidate(one) for one in known if stored[one.run_id].pruned_at is None]
    going = [*begun, *expired(candidates, policies, protected=protected, now=now)]
    would = expired(candidates, policies, protected=(), now=now)
    result = Pruned(
        runs=going,
        bytes=sum(by_run[one.run_id].manifest.bytes for one in going),
        left=len(listing.archives) - len(going),
        kept=_kept(listing, len(known), sum(one.run_id in protected for one in would), policies),
    )
    return result, by_run


def _kept(listing: Listing, known: int, protected: int, policies: Mapping[str, ArchivePolicy]) -> list[str]:
    said = []
    if protected:
        said.append(
            f"{protected} would go by age or number, but are in a baseline or were judged with such a run"
        )
    unknown = len(listing.archives) - known
    if unknown:
        said.append(
            f"{unknown} are not known to this store, which cannot tell whether they are in a baseline: "
            "`perf-pipeline archive rebuild-store` makes one that can"
        )
    strange = sorted({one.manifest.suite for one in listing.archives} - {*policies})
    if strange:
        said.append(f"those of {', '.join(strange)}, which no suite file says how long to keep")
    return [*said, *listing.problems]


def _candidate(archive: Archive) -> Candidate:
    manifest = archive.manifest
    return Candidate(manifest.run_id, manifest.suite, manifest.target, manifest.started_at)


def _remove(
    place: Place, store: Store, project: Project, pruned: ArchivedRun, archives: Sequence[Archive]
) -> None:
    """The folder first: on a full disk that makes room for the rest, and the archive still holds it all."""
    folder = project.run_folder(pruned.run_id).resolve()
    if folder.parent == project.run_folder(pruned.run_id).parent.resolve():  # in this home, and no link
        shutil.rmtree(folder, ignore_errors=True)
    of_run = [one for one in archives if one.run_id == pruned.run_id]
    place.write(run_folder_of(of_run[-1]) + SUFFIX, what_stays(store, pruned))
    for one in of_run:
        place.remove_folder(one.folder)
