"""Runs whose process died: they get an end, the one that was written into their folder if there is one."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from perf_pipeline.conventions import REPORT_JSON
from perf_pipeline.core.model import RunRecord
from perf_pipeline.files import write_whole
from perf_pipeline.processes import is_alive
from perf_pipeline.report.json_report import ReportError, read_json, render_json
from perf_pipeline.store.repository import Store
from perf_pipeline.store.values import StoredRun

NOTICE = "run_died"
TAKEN_FROM_FOLDER = (
    "did not enter the baseline: the run was judged, but its process died before the store had that; it was "
    "taken from its folder, and `perf-pipeline baseline accept RUN --reason ...` accepts it"
)


def keep_record(record: RunRecord) -> None:
    """Write what was found into the run's folder. A full disk must not keep it from the store."""
    with suppress(OSError):
        write_whole(Path(record.stack.run_folder) / REPORT_JSON, render_json(record))


def find_lost(store: Store, at: datetime) -> list[StoredRun]:
    """End the runs of this host whose process has died; returns them as they are then. Raises StoreError.

    ``lost``, unless the run had been judged and only the store did not get it any more. Each is a notice.
    """
    found = []
    for lost in store.mark_lost(is_alive, socket.gethostname(), at):
        _remove_halves(Path(lost.run_folder))
        run = _as_judged(store, lost, at) or lost
        said = f"the process of run {run.run_id} died: {run.sentence}"
        store.add_notice(NOTICE, said, at, suite=run.suite, target=run.target)
        found.append(run)
    return found


def _as_judged(store: Store, run: StoredRun, at: datetime) -> StoredRun | None:
    try:
        record = read_json((Path(run.run_folder) / REPORT_JSON).read_text(encoding="utf-8"))
    except (OSError, ReportError):
        return None
    if record.stack.run_id != run.run_id:
        return None
    store.save_record(record.model_copy(update={"baseline_sentence": TAKEN_FROM_FOLDER}), at)
    return store.find_run(run.run_id)


def _remove_halves(run_folder: Path) -> None:
    """What ``write_whole`` was about to write; everything else that is in the folder is whole."""
    for file in run_folder.rglob(".*"):
        with suppress(OSError):
            file.unlink()
