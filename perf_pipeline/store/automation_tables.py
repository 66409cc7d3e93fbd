"""Tables of what the pipeline does by itself: deploys, pauses, archives, notices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from perf_pipeline.store.tables import Base


class DeployRow(Base):
    """One deploy of a target, and what became of it."""

    __tablename__ = "perf_deploys"
    __table_args__ = (UniqueConstraint("suite", "target", "number"), Index(None, "state"))

    id: Mapped[int] = mapped_column(primary_key=True)
    suite: Mapped[str]
    target: Mapped[str]
    number: Mapped[int]
    revision: Mapped[str]
    previous_revision: Mapped[str | None]
    source: Mapped[str]
    seen_at: Mapped[datetime]
    note: Mapped[str]
    state: Mapped[str]  # values.DeployState
    sentence: Mapped[str]  # why it is in that state
    attempts: Mapped[int]  # runs that were started after it
    launcher: Mapped[str | None]  # id of the Dagster instance that started the last one and follows it
    run_id: Mapped[str | None]  # of the last attempt, once it is known
    decided_at: Mapped[datetime]  # since when it is in that state


class DeployWatchRow(Base):
    """What the deploy sensor remembers of one target between its ticks."""

    __tablename__ = "perf_deploy_watches"

    suite: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class PauseRow(Base):
    """No run starts from ``at`` to ``resumed_at``; target null: on no target."""

    __tablename__ = "perf_pauses"
    __table_args__ = (Index(None, "resumed_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    suite: Mapped[str | None]
    target: Mapped[str | None]
    reason: Mapped[str]
    who: Mapped[str]
    at: Mapped[datetime]
    resumed_at: Mapped[datetime | None]
    resumed_by: Mapped[str | None]
    resumed_reason: Mapped[str | None]


class ArchiveRow(Base):
    """Where an ended run was archived."""

    __tablename__ = "perf_archives"

    run_id: Mapped[str] = mapped_column(
        primary_key=True
    )  # no foreign key: an archive may outlive its run's row
    place: Mapped[str]  # path of its folder inside the archive, which may be moved as a whole
    manifest_sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    archived_at: Mapped[datetime]
    pruned_at: Mapped[datetime | None]
    pruned_reason: Mapped[str | None]


class StoreRow(Base):
    """Which store this is, in one row: a store of the same name that was made anew is another one."""

    __tablename__ = "perf_store"

    id: Mapped[str] = mapped_column(primary_key=True)  # random


class NoticeRow(Base):
    """Something that a person should know of and that belongs to no run. Rows are only ever added."""

    __tablename__ = "perf_notices"
    __table_args__ = (Index(None, "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]  # a name for machines, such as deploy_source_unreachable
    suite: Mapped[str | None]
    target: Mapped[str | None]
    sentence: Mapped[str]
