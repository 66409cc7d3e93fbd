"""Series: a run, and those that were started to confirm it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from perf_pipeline.core.model import FollowUp, Outcome, RunRequest
from perf_pipeline.store.database import Database
from perf_pipeline.store.errors import SupersededError
from perf_pipeline.store.run_queries import stored_runs, stored_runs_query
from perf_pipeline.store.tables import RunRow
from perf_pipeline.store.values import StoredRun


class SeriesReads(Database):
    """The part of the store that knows which runs belong together."""

    def series(self, run_id: str) -> list[StoredRun]:
        """All runs of the series whose first run this is, oldest first. Raises StoreError."""
        with self._reading() as session:
            return _series(session, run_id)

    def asking(self, *, since: datetime) -> list[StoredRun]:
        """Runs that ended after ``since`` and ask the sensor for one more of their series, oldest first.

        Those that got it are left out, however it ended. Raises StoreError.
        """
        later = aliased(RunRow)
        query = stored_runs_query().where(
            RunRow.asks.is_not(None),
            RunRow.follow_up == FollowUp.SENSOR.value,
            RunRow.ended_at >= since,
            ~select(later.run_id)
            .where(
                (later.confirms == RunRow.run_id) | (later.confirms == RunRow.confirms),
                later.started_at > RunRow.started_at,
            )
            .exists(),
        )
        with self._reading() as session:
            return stored_runs(session, query)[::-1]


def refuse_superseded(session: Session, run_id: str, request: RunRequest) -> None:
    """Raises SupersededError for a confirming run that nobody asks for any more.

    Asked under the write lock, so that of two that start at once (two daemons, one store) one is refused.
    """
    if request.confirms is None:
        return
    series = [run for run in _series(session, request.confirms) if run.run_id != run_id]
    newest = loads_of(series)[-1:]
    if newest and not newest[0].asks:
        raise SupersededError(
            f"run {request.confirms} asks for no further run: "
            f"run {newest[0].run_id} of its series came first; this one is not needed."
        )


def loads_of(series: Sequence[StoredRun]) -> list[StoredRun]:
    """Those that sent load, or may be at it: a run that was not ready has measured nothing."""
    return [run for run in series if run.outcome is not Outcome.NOT_READY]


def _series(session: Session, run_id: str) -> list[StoredRun]:
    query = stored_runs_query().where((RunRow.run_id == run_id) | (RunRow.confirms == run_id))
    return stored_runs(session, query)[::-1]
