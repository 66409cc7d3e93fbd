"""Runs that count as running and will never say how they ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from perf_pipeline.core.model import Outcome, RunRecord
from perf_pipeline.store.database import Database
from perf_pipeline.store.mapping import stored_run
from perf_pipeline.store.run_queries import stored_runs, stored_runs_query
from perf_pipeline.store.runs import save
from perf_pipeline.store.tables import RunRow
from perf_pipeline.store.values import StoredRun

Kept = RunRecord | tuple[Outcome, str]  # what a run had come to: measured, or an outcome and its sentence


def _nothing(_run: StoredRun) -> Kept | None:
    return None


class LostRuns(Database):
    """The part of the store that knows runs without an end."""

    def unfinished_runs(self) -> list[StoredRun]:
        """Those that are under way or wait in line, on all hosts, oldest first. Raises StoreError."""
        with self._reading() as session:
            return stored_runs(session, stored_runs_query().where(RunRow.outcome.is_(None)))[::-1]

    def mark_lost(
        self,
        why_lost: Callable[[StoredRun], str],
        at: datetime,
        kept: Callable[[StoredRun], Kept | None] = _nothing,
    ) -> list[StoredRun]:
        """End unfinished runs of which ``why_lost`` says why they are lost; empty: it is not. Returns them.

        As what ``kept`` says that they had come to, else as ``lost``; in one transaction. Raises StoreError.
        """
        said = [(run, why) for run in self.unfinished_runs() if (why := why_lost(run))]
        ends = [(run, kept(run) or (Outcome.LOST, f"lost: {why}")) for run, why in said]
        lost = []
        with self._writing() as session:
            for run, end in ends:
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
                if row is not None:
                    _end(session, row, end, at)
                    lost.append(stored_run(row, measured=isinstance(end, RunRecord), in_baseline=False))
        return lost


def _end(session: Session, row: RunRow, end: Kept, at: datetime) -> None:
    row.waits = row.priority = None
    if isinstance(end, RunRecord):
        save(session, end, at)
    else:
        row.outcome, row.sentence, row.ended_at = end[0].value, end[1], at
