"""What a person should know of and that belongs to no run."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from perf_pipeline.store.automation_tables import NoticeRow
from perf_pipeline.store.database import Database
from perf_pipeline.store.values import Notice


class Notices(Database):
    """The part of the store that remembers notices."""

    def add_notice(
        self, kind: str, sentence: str, at: datetime, *, suite: str | None = None, target: str | None = None
    ) -> None:
        """Raises StoreError."""
        with self._writing() as session:
            session.add(NoticeRow(at=at, kind=kind, suite=suite, target=target, sentence=sentence))

    def notices(self, *, since: datetime, kind: str | None = None) -> list[Notice]:
        """Newest first. Raises StoreError."""
        query = (
            select(NoticeRow).where(NoticeRow.at >= since).order_by(NoticeRow.at.desc(), NoticeRow.id.desc())
        )
        if kind is not None:
            query = query.where(NoticeRow.kind == kind)
        with self._reading() as session:
            return [
                Notice(at=row.at, kind=row.kind, suite=row.suite, target=row.target, sentence=row.sentence)
                for row in session.scalars(query)
            ]
