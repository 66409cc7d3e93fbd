"""Runs that count as running and will never say how they ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from perf_pipeline.core.model import Outcome
from perf_pipeline.store.database import Database
from perf_pipeline.store.mapping import stored_run
from perf_pipeline.store.run_queries import stored_runs, stored_runs_query
from perf_pipeline.store.tables import RunRow
from perf_pipeline.store.values import StoredRun


class LostRuns(Database):
    """The part of the store that knows runs without an end."""

    def unfinished_runs(self) -> list[StoredRun]:
        """Those that are under way or wait in line, on all hosts, oldest first. Raises StoreError."""
        with self._reading() as session:
            return stored_runs(session, stored_runs_query().where(RunRow.outcome.is_(None)))[::-1]

    def mark_lost(self, why_lost: Callable[[StoredRun], str], at: datetime) -> list[StoredRun]:
        """Give the outcome ``lost`` to unfinished runs of which ``why_lost`` says why they are; returns them.

        Empty: it is not lost. Raises StoreError.
        """
        said = [(run, why_lost(run)) for run in self.unfinished_runs()]
        lost = []
        with self._writing() as session:
            for run, why in said:
                if not why:
                    continue
                # Asked again under the lock: it may have ended, or a re-execution taken it over, meanwhile.
                row = session.scalars(
                    select(RunRow).where(
                        RunRow.run_id == run.run_id,
                        RunRow.outcome.is_(None),
                        RunRow.host == run.host,
                        RunRow.owner_pid == run.owner_pid,
                        RunRow.owner_started == run.owner_started,
                        RunRow.started_at == run.started_at,
                    )
                ).one_or_none()
                if row is None:
                    continue
                row.outcome, row.ended_at, row.waits = Outcome.LOST.value, at, None
                row.sentence = f"lost: {why}"
                lost.append(stored_run(row, measured=False, in_baseline=False))
        return lost
