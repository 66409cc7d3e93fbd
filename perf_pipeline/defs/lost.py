"""Runs whose process died: they get an end, the one that was written into their folder if there is one.

On this host the process is looked up. Of one on another host only its age tells: it is taken for dead once it
is older than the longest load of its target and all that is around that. Should it live after all, what it
finds replaces that end.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from perf_pipeline.defs.kept import kept_outcome, kept_record
from perf_pipeline.processes import is_alive
from perf_pipeline.store.lost_runs import Kept
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun
from perf_pipeline.suite import Suite, Target

NOTICE = "run_died"
AROUND_THE_LOAD_S = 3600.0  # more than set-up and judgement take
TAKEN_FROM_FOLDER = (
    "did not enter the baseline: the run was judged, but its process died before the store had that; it was "
    "taken from its folder, and `perf-pipeline baseline accept RUN --reason ...` accepts it"
)


def longest(target: Target) -> timedelta:
    """A run against this target that is older has died."""
    return timedelta(seconds=target.max_duration_s + AROUND_THE_LOAD_S)


def has_died(run: StoredRun, limit: timedelta, now: datetime) -> bool:
    """Of an unfinished run; ``limit``: how long it may take at most."""
    if run.host == socket.gethostname():
        return not is_alive(run.owner_pid, run.owner_started)
    return now - run.started_at > limit


def find_lost(store: Store, at: datetime, suites: Mapping[str, Suite] | None = None) -> list[StoredRun]:
    """End the runs whose process has died; returns them as they are then. Raises StoreError.

    ``lost``, unless its folder holds how it ended and only the store did not get that. Each is a notice.
    ``suites``: those whose runs on other hosts are ended, too, by the limits of their targets.
    """
    found = []
    for run in store.mark_lost(partial(_why_lost, suites=suites or {}, now=at), at, _kept):
        if run.host == socket.gethostname():
            _remove_halves(Path(run.run_folder))
        said = f"the process of run {run.run_id} died: {run.sentence}"
        store.add_notice(NOTICE, said, at, suite=run.suite, target=run.target)
        found.append(run)
    return found


def _why_lost(run: StoredRun, *, suites: Mapping[str, Suite], now: datetime) -> str:
    """Empty: it is not."""
    process = f"its process (pid {run.owner_pid} on {run.host})"
    if run.host == socket.gethostname():
        return f"{process} ended without saying how." if has_died(run, timedelta(0), now) else ""
    suite = suites.get(run.suite)
    if suite is None or run.target not in suite.targets:
        return ""
    # One that waits may do so for the longest run of its suite.
    targets = suite.targets.values() if run.waits else [suite.targets[run.target]]
    limit = max(longest(target) for target in targets)
    if not has_died(run, limit, now):
        return ""
    minutes = limit.total_seconds() / 60
    silent = f"has said nothing for {minutes:.0f} minutes, the longest that it may take"
    return f"{process} {silent}: it counts as dead."


def _kept(run: StoredRun) -> Kept | None:
    record = kept_record(run)
    if record is None:
        return kept_outcome(run)
    return record.model_copy(update={"baseline_sentence": TAKEN_FROM_FOLDER})


def _remove_halves(run_folder: Path) -> None:
    """What ``write_whole`` was about to write; everything else that is in the folder is whole."""
    for file in run_folder.rglob(".*"):
        with suppress(OSError):
            file.unlink()
