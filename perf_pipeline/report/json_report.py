"""``report.json``: everything known of a run, for programs, with a version that says how to read it."""

from __future__ import annotations

import json
import math
from typing import Any

from pydantic import ValidationError

from perf_pipeline.core.model import RunRecord

SCHEMA = "perf-pipeline/run-record"
SCHEMA_VERSION = 1  # raised when a reader of the old form would misread the new one


class ReportError(Exception):
    """A report cannot be read; the text is one sentence."""


def render_json(record: RunRecord) -> str:
    """Numbers are numbers; what has no value is ``null``, never NaN."""
    document = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "exit_code": record.outcome.exit_code,
        "run": _finite(record.model_dump(mode="python")),
    }
    return json.dumps(document, indent=2, default=_plain, allow_nan=False, ensure_ascii=False) + "\n"


def read_json(text: str) -> RunRecord:
    """The record back. Raises ReportError."""
    try:
        document = json.loads(text)
        version = document["schema_version"]
        if document["schema"] != SCHEMA or version != SCHEMA_VERSION:
            raise ReportError(
                f"this report has {document['schema']} version {version}, this program reads "
                f"{SCHEMA} version {SCHEMA_VERSION}: use the perf-pipeline that wrote it."
            )
        return RunRecord.model_validate(document["run"])
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise ReportError(f"this is not a report of perf-pipeline: {error}") from error


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
