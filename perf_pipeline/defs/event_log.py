"""What Dagster logged of a run, as JSON lines that need no Dagster to be read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, EventLogEntry
from dagster_shared.error import SerializableErrorInfo

from perf_pipeline.conventions import EVENTS
from perf_pipeline.files import write_whole

MOST_BYTES = 4 * 1024 * 1024  # a run of an hour has a tenth of it
LONGEST_TEXT = 20_000  # characters of one message or stack trace


def keep_events(instance: DagsterInstance, dagster_run_id: str, run_folder: Path) -> Path:
    """Write what is known up to now of a Dagster run. Raises OSError.

    Lines of other Dagster runs stay: steps of this benchmark that were executed before.
    """
    file = run_folder / EVENTS
    before = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    others = [line for line in before if f'"run": "{dagster_run_id}"' not in line]
    mine = [_line(entry) for entry in instance.all_logs(dagster_run_id)]
    return write_whole(file, "".join(f"{line}\n" for line in bounded([*others, *mine])))


def bounded(lines: Sequence[str], most_bytes: int = MOST_BYTES) -> list[str]:
    """The first and the last lines, as many as fit, with a line between them that says what is left out."""
    if sum(map(_size, lines)) <= most_bytes:
        return list(lines)
    first = _fitting(lines, most_bytes // 2)
    last = _fitting(lines[: len(first) - 1 : -1], most_bytes // 2)[::-1]
    left_out = len(lines) - len(first) - len(last)
    return [*first, json.dumps({"event": "LEFT_OUT", "message": f"{left_out} lines are left out"}), *last]


def _fitting(lines: Iterable[str], most_bytes: int) -> list[str]:
    taken: list[str] = []
    for line in lines:
        most_bytes -= _size(line)
        if most_bytes < 0:
            break
        taken.append(line)
    return taken


def _size(line: str) -> int:
    return len(line.encode()) + 1


def _line(entry: EventLogEntry) -> str:
    event = entry.dagster_event
    failure = event.step_failure_data if event is not None and event.is_step_failure else None
    error = entry.error_info or (failure.error if failure else None)
    content: dict[str, Any] = {
        "time": datetime.fromtimestamp(entry.timestamp, UTC).isoformat(timespec="milliseconds"),
        "run": entry.run_id,
        "level": entry.level if isinstance(entry.level, str) else _level(entry.level),
        "step": entry.step_key,
        "event": event.event_type_value if event is not None else "LOG",
        "message": _cut((event.message if event is not None else None) or entry.user_message),
        "error": _error(error),
    }
    return json.dumps({name: value for name, value in content.items() if value is not None})


def _error(error: SerializableErrorInfo | None) -> list[dict[str, str]] | None:
    """The error and its causes, outermost first."""
    chain = []
    while error is not None:
        chain.append(
            {
                "class": error.cls_name or "",
                "message": _cut(error.message.strip()),
                "stack": _cut("".join(error.stack)),
            }
        )
        error = error.cause
    return chain or None


def _level(number: int) -> str:
    names = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
    return names.get(number, str(number))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} ... ({len(text)} characters)"
