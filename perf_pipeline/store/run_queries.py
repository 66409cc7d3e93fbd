"""Runs as the store hands them out: one query, which every part of the store narrows down."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from perf_pipeline.store.mapping import stored_run
from perf_pipeline.store.tables import MemberRow, RunRow
from perf_pipeline.store.values import StoredRun

RunsQuery = Select[tuple[RunRow, bool, bool]]


def stored_runs_query() -> RunsQuery:
    """All runs, newest first; the record, about 50 kB, stays in the database."""
    in_baseline = select(MemberRow.id).where(
        MemberRow.run_id == RunRow.run_id, MemberRow.removed_at.is_(None)
    )
    return select(RunRow, RunRow.record.is_not(None), in_baseline.exists()).order_by(
        RunRow.started_at.desc(), RunRow.run_id.desc()
    )


def stored_runs(session: Session, query: RunsQuery) -> list[StoredRun]:
    """What a query made from ``stored_runs_query`` finds."""
    return [
        stored_run(row, measured=measured, in_baseline=in_baseline)
        for row, measured, in_baseline in session.execute(query)
    ]
