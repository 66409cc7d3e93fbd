"""Which ended runs are archived, which still have to be, and which must stay."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from perf_pipeline.store.automation_tables import ArchiveRow
from perf_pipeline.store.database import Database
from perf_pipeline.store.run_queries import stored_runs, stored_runs_query
from perf_pipeline.store.tables import MemberRow, RunRow
from perf_pipeline.store.values import ArchivedRun, StoredRun


class Archives(Database):
    """The part of the store that knows archives."""

    def add_archive(self, run_id: str, *, place: str, manifest_sha256: str, size: int, at: datetime) -> None:
        """The newest archive of a run; it takes the place of an earlier one. Raises StoreError."""
        with self._writing() as session:
            row = session.get(ArchiveRow, run_id) or ArchiveRow(run_id=run_id)
            row.place, row.manifest_sha256, row.bytes, row.archived_at = place, manifest_sha256, size, at
            row.pruned_at, row.pruned_reason = None, None
            session.add(row)

    def archives(self) -> dict[str, ArchivedRun]:
        """Run id -> its archive, pruned ones included. Raises StoreError."""
        with self._reading() as session:
            return {row.run_id: _archived(row) for row in session.scalars(select(ArchiveRow))}

    def to_archive(self) -> list[StoredRun]:
        """Ended runs without an archive, oldest first.

        Those too that a re-execution has taken over since they were archived: their reports may be others
        now. Raises StoreError.
        """
        with self._reading() as session:
            wanted = _unarchived(session)
            query = stored_runs_query().where(RunRow.run_id.in_(wanted))
            return stored_runs(session, query)[::-1] if wanted else []

    def unarchived_ids(self) -> list[str]:
        """Ids of the runs of ``to_archive``, whichever version wrote them. Raises StoreError."""
        with self._reading() as session:
            return sorted(_unarchived(session))

    def protected_runs(self) -> set[str]:
        """Ids of the runs in a baseline, and of those that were judged together with one of them."""
        in_baseline = select(MemberRow.run_id).where(MemberRow.removed_at.is_(None))
        series = func.coalesce(RunRow.confirms, RunRow.run_id)
        kept = select(series).where(RunRow.run_id.in_(in_baseline))
        with self._reading() as session:
            return set(session.scalars(select(RunRow.run_id).where(series.in_(kept))))

    def mark_pruned(self, run_id: str, *, reason: str, at: datetime) -> ArchivedRun | None:
        """The archive and the folder of a run are about to go. None: it is in a baseline by now, and stays.

        Raises StoreError.
        """
        in_baseline = select(MemberRow.id).where(MemberRow.run_id == run_id, MemberRow.removed_at.is_(None))
        with self._writing() as session:
            row = session.get(ArchiveRow, run_id)
            if row is None or session.scalars(in_baseline.limit(1)).first() is not None:
                return None
            row.pruned_at, row.pruned_reason = row.pruned_at or at, row.pruned_reason or reason
            return _archived(row)


def _unarchived(session: Session) -> list[str]:
    query = select(RunRow.run_id, RunRow.owner_started, ArchiveRow.archived_at, ArchiveRow.pruned_at)
    query = query.outerjoin(ArchiveRow, ArchiveRow.run_id == RunRow.run_id)
    return [
        run_id
        for run_id, begun, archived, pruned in session.execute(query.where(RunRow.outcome.is_not(None)))
        if archived is None or (pruned is None and begun > archived.timestamp())
    ]


def _archived(row: ArchiveRow) -> ArchivedRun:
    return ArchivedRun(
        run_id=row.run_id,
        place=row.place,
        manifest_sha256=row.manifest_sha256,
        bytes=row.bytes,
        archived_at=row.archived_at,
        pruned_at=row.pruned_at,
        pruned_reason=row.pruned_reason,
    )
