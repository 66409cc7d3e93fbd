"""How a run ended, kept in its folder where the store could not have it: whoever finds the run takes it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from perf_pipeline.conventions import OUTCOME_JSON, REPORT_JSON
from perf_pipeline.core.model import Outcome, RunRecord
from perf_pipeline.files import write_whole
from perf_pipeline.report.json_report import ReportError, read_json, render_json
from perf_pipeline.store.values import StoredRun


def keep_record(record: RunRecord) -> None:
    """Write what was found into the run's folder. A full disk must not keep it from the store."""
    folder = Path(record.stack.run_folder)
    with suppress(OSError):
        write_whole(folder / REPORT_JSON, render_json(record))
        (folder / OUTCOME_JSON).unlink(missing_ok=True)  # of an execution that came not so far


def keep_outcome(run_folder: Path, run_id: str, outcome: Outcome, sentence: str) -> None:
    """Of a run without a record. Nothing where it has no folder: it did nothing that has to be remembered."""
    document = {"run_id": run_id, "outcome": outcome.value, "sentence": sentence}
    with suppress(OSError):
        if run_folder.is_dir():
            write_whole(run_folder / OUTCOME_JSON, json.dumps(document, indent=2) + "\n")


def kept_record(run: StoredRun) -> RunRecord | None:
    """What the process that owns the run has found, not an earlier one whose run was executed again."""
    text = _written_by_its_process(run, REPORT_JSON)
    try:
        record = read_json(text) if text else None
    except ReportError:
        return None
    return record if record is not None and record.stack.run_id == run.run_id else None


def kept_outcome(run: StoredRun) -> tuple[Outcome, str] | None:
    """How the process that owns the run ended it, and in which words."""
    try:
        document = json.loads(_written_by_its_process(run, OUTCOME_JSON))
        if document["run_id"] != run.run_id:
            return None
        return Outcome(document["outcome"]), str(document["sentence"])
    except (ValueError, TypeError, KeyError):
        return None


def _written_by_its_process(run: StoredRun, name: str) -> str:
    """Empty: there is none, or it is older than the process."""
    file = Path(run.run_folder) / name
    try:
        return file.read_text(encoding="utf-8") if file.stat().st_mtime >= run.owner_started else ""
    except (OSError, ValueError):
        return ""
