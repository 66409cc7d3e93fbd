"""Pauses: since when, why and by whom nothing is started, of one suite, on one target, or at all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from perf_pipeline.store.automation_tables import PauseRow
from perf_pipeline.store.database import Database
from perf_pipeline.store.values import Pause


class Pauses(Database):
    """The part of the store that knows pauses."""

    def pause(
        self, suite: str | None, target: str | None, *, reason: str, who: str, at: datetime
    ) -> Pause | None:
        """Start nothing of this suite (None: of any) on this target (None: on any) until it is resumed.

        Returns the pause of exactly that which is in force already, and which stays as it is; None: it is
        new. Raises StoreError.
        """
        with self._writing() as session:
            known = _in_force(session, suite, target)
            if known is not None:
                return _pause(known)
            session.add(PauseRow(suite=suite, target=target, reason=reason, who=who, at=at))
            return None

    def resume(
        self, suite: str | None, target: str | None, *, reason: str, who: str, at: datetime
    ) -> Pause | None:
        """End the pause of exactly that, and return it; None: there is none. Wider and narrower ones stay.

        Raises StoreError.
        """
        with self._writing() as session:
            known = _in_force(session, suite, target)
            if known is None:
                return None
            known.resumed_at, known.resumed_by, known.resumed_reason = at, who, reason
            return _pause(known)

    def pauses(self) -> list[Pause]:
        """Those in force, oldest first. Raises StoreError."""
        query = select(PauseRow).where(PauseRow.resumed_at.is_(None)).order_by(PauseRow.at, PauseRow.id)
        with self._reading() as session:
            return [_pause(row) for row in session.scalars(query)]

    def paused(self, *, suite: str, target: str) -> str | None:
        """Why no run of this suite may start on this target, in one sentence; None: it may.

        Raises StoreError.
        """
        for one in self.pauses():
            if one.suite in (None, suite) and one.target in (None, target):
                return one.sentence
        return None


def _in_force(session: Session, suite: str | None, target: str | None) -> PauseRow | None:
    # `IS` rather than `=`: a pause of every suite has none, and NULL = NULL is not true.
    query = select(PauseRow).where(
        PauseRow.resumed_at.is_(None),
        PauseRow.suite.is_not_distinct_from(suite),
        PauseRow.target.is_not_distinct_from(target),
    )
    return session.scalars(query.limit(1)).one_or_none()


def _pause(row: PauseRow) -> Pause:
    return Pause(suite=row.suite, target=row.target, reason=row.reason, who=row.who, at=row.at)
