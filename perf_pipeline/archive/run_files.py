"""What of a run goes into its archive: its whole folder, and what only the store knows of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perf_pipeline.archive.errors import ArchiveError, SourceError, refuse_other_schema
from perf_pipeline.archive.manifest import MANIFEST, MANIFEST_HASH, inside
from perf_pipeline.archive.place import Source
from perf_pipeline.conventions import REPORT_JSON, RUN_JSON, TSDB_FOLDER
from perf_pipeline.core.model import RunRecord
from perf_pipeline.report.json_report import ReportError, read_json, render_json

RECORD_JSON = "record.json"  # only where report.json is missing or older than what the store has
SCHEMA = "perf-pipeline/run"
SCHEMA_VERSION = 1
FROZEN = f"{TSDB_FOLDER}/"  # blocks of Prometheus, large, which even Prometheus never changes
OURS = {RUN_JSON, RECORD_JSON, MANIFEST, MANIFEST_HASH}


def sources_of(folder: Path, row: Mapping[str, Any], record: RunRecord | None) -> list[Source]:
    """Every file of the run's folder, which need not be there, and the run as the store has it.

    Hidden files are being written at this moment and no part of the run; links are not followed. Raises
    SourceError, also for a file whose name no archive can hold.
    """
    try:
        found = [
            Source(inside(path), file=folder / path, frozen=path.startswith(FROZEN))
            for path in _paths(folder)
            if path not in OURS
        ]
    except OSError as error:
        raise SourceError(f"the folder of a run, {folder}, cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise SourceError(
            f"the name of a file in {folder} cannot be kept in an archive ({error}): rename the file, or "
            "remove it."
        ) from None
    found.append(Source(RUN_JSON, content=_run_json(row)))
    if record is not None and _reported(folder) != record:
        found.append(Source(RECORD_JSON, content=render_json(record).encode()))
    return sorted(found, key=lambda source: source.path)


def read_run_row(content: bytes, where: str) -> dict[str, Any]:
    """The run's row in the store, from its ``run.json``. Raises ArchiveError."""
    try:
        document = json.loads(content)
        read = document["schema"], document["schema_version"]
        refuse_other_schema(read, (SCHEMA, SCHEMA_VERSION), f"{where}/{RUN_JSON}")
        row: dict[str, Any] = dict(document["run"])
    except (ValueError, TypeError, KeyError) as error:
        raise ArchiveError(
            f"{where}/{RUN_JSON} cannot be read: `perf-pipeline archive verify` says what is damaged."
        ) from error
    return row


def _run_json(row: Mapping[str, Any]) -> bytes:
    document = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "run": dict(row)}
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _reported(folder: Path) -> RunRecord | None:
    try:
        return read_json((folder / REPORT_JSON).read_text(encoding="utf-8"))
    except (OSError, ReportError, UnicodeDecodeError):
        return None


def _paths(folder: Path) -> list[str]:
    found = (
        path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    )
    return [path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)]
