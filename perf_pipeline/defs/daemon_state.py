"""Whether Dagster's daemon lives, and what became of its schedules and sensors: read without Dagster.

Importing Dagster takes two seconds, reading its SQLite files none. Where an instance keeps its storage
elsewhere (``storage:`` in dagster.yaml), Dagster itself is asked.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from perf_pipeline.report.status_model import DaemonView

SILENT = timedelta(minutes=5)  # a sign of life comes every half minute
_THREADS = ("SCHEDULER", "SENSOR")  # of the daemon, that start runs
_SWITCHED = {"RUNNING": True, "STOPPED": False}  # else it is as the code says
_OWN_STORAGE = ("storage", "run_storage", "schedule_storage")
LONG_AGO = timedelta(days=1)  # a failure that is older, and after which all went well, is past
_FAILED_TICKS = "select selector_id, tick_body from job_ticks where status = 'FAILURE' order by timestamp"
_LAST_TICKS = (
    "select selector_id, status, max(timestamp) from job_ticks "
    "where status in ('FAILURE', 'SUCCESS', 'SKIPPED') group by selector_id"
)
_MESSAGE_LENGTH = 200


def daemon_state(dagster_home: Path, *, now: datetime, since: datetime) -> DaemonView:
    """``since``: begin of the period of which failures are counted."""
    if _keeps_storage_elsewhere(dagster_home):
        return _asked_of_dagster(dagster_home, now, since)
    runs, schedules = dagster_home / "history" / "runs.db", dagster_home / "schedules" / "schedules.db"
    heartbeats = [body for (body,) in _rows(runs, "select body from daemon_heartbeats")]
    states = _rows(schedules, "select status, instigator_body from instigators")
    failing = {selector for selector, status, _ in _rows(schedules, _LAST_TICKS) if status == "FAILURE"}
    ticks = [(selector in failing, json.loads(body)) for selector, body in _rows(schedules, _FAILED_TICKS)]
    return _view(
        {one["daemon_type"]: one["timestamp"] for one in map(json.loads, heartbeats)},
        {json.loads(body)["origin"]["job_name"]: status for status, body in states},
        [
            (one["job_name"], (one["error"] or {}).get("message", ""))
            for still, one in ticks
            if one["timestamp"] >= _matters_since(since, now, still_failing=still)
        ],
        now,
    )


def _asked_of_dagster(dagster_home: Path, now: datetime, since: datetime) -> DaemonView:
    from dagster import DagsterInstance  # noqa: PLC0415 - takes 2 s to import
    from dagster._core.scheduler.instigation import TickStatus  # noqa: PLC0415

    ended = [TickStatus.FAILURE, TickStatus.SUCCESS, TickStatus.SKIPPED]
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        states = instance.all_instigator_state()
        failed = []
        for state in states:
            of = (state.instigator_origin_id, state.selector_id)
            last = instance.get_ticks(*of, limit=1, statuses=ended)
            still = bool(last) and last[0].status is TickStatus.FAILURE
            after = _matters_since(since, now, still_failing=still)
            failed += [
                (tick.timestamp, state.instigator_name, tick.error.message if tick.error else "")
                for tick in instance.get_ticks(*of, after=after, statuses=[TickStatus.FAILURE])
            ]
        return _view(
            {kind: one.timestamp for kind, one in instance.get_daemon_heartbeats().items()},
            {state.instigator_name: state.status.value for state in states},
            [(name, message) for _, name, message in sorted(failed)],
            now,
        )


def _matters_since(since: datetime, now: datetime, *, still_failing: bool) -> float:
    """Unix seconds; failures of a schedule or sensor before that are past."""
    return (since if still_failing else max(since, now - LONG_AGO)).timestamp()


def _view(
    heartbeats: Mapping[str, float],
    statuses: Mapping[str, str],
    failed: list[tuple[str, str]],  # name, message, the newest last
    now: datetime,
) -> DaemonView:
    signs = [datetime.fromtimestamp(heartbeats[one], UTC) for one in _THREADS if one in heartbeats]
    oldest = min(signs) if len(signs) == len(_THREADS) else None
    return DaemonView(
        last_sign=oldest,
        alive=oldest is not None and now - oldest < SILENT,
        switched={name: _SWITCHED[one] for name, one in statuses.items() if one in _SWITCHED},
        failed_ticks=dict(Counter(name for name, _ in failed)),
        last_failure=" ".join(failed[-1][1].split())[:_MESSAGE_LENGTH] if failed else "",
    )


def _keeps_storage_elsewhere(dagster_home: Path) -> bool:
    try:
        config = YAML(typ="safe").load(dagster_home / "dagster.yaml")
    except (OSError, YAMLError):
        return False
    return isinstance(config, dict) and any(key in config for key in _OWN_STORAGE)


def _rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    """Nothing where the file or the table is not there: Dagster has not been started yet."""
    if not file.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []
