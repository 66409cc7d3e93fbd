"""The tables. Their names start with ``perf_`` so that they can share a database with Dagster's own ``runs``.

Outcomes, verdicts and modes are stored as their words, not as database enums: a new word needs no migration.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, MetaData, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from perf_pipeline.store.columns import UtcDateTime

VERSION_TABLE = "perf_schema_version"  # Alembic's own; Dagster's is alembic_version
SCHEMA_REVISION = "0004"  # newest migration; known here so that opening an up-to-date store needs no Alembic


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON(none_as_null=True), list[str]: JSON}  # noqa: RUF012
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class RunRow(Base):
    """One run, from its begin on; ``outcome`` is null while it runs, ``record`` until it was measured."""

    __tablename__ = "perf_runs"
    __table_args__ = (
        Index(None, "suite", "target", "profile", "started_at"),
        Index(None, "fingerprint_key", "started_at"),
        Index(None, "started_at"),
        Index(None, "confirms"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)  # the root Dagster run id
    suite: Mapped[str]
    target: Mapped[str]
    profile: Mapped[str]
    revision: Mapped[str | None]
    base_url: Mapped[str | None]
    outcome: Mapped[str | None]
    sentence: Mapped[str]
    launched_by: Mapped[str]
    note: Mapped[str]
    host: Mapped[str]
    owner_pid: Mapped[int]
    owner_started: Mapped[float]  # Unix seconds; with the pid it names one process for ever
    run_folder: Mapped[str]
    fingerprint_key: Mapped[str | None]
    fingerprint: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    record: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)  # the whole RunRecord, about 50 kB
    signs: Mapped[dict[str, Any] | None]  # core.signs.Signs of a run that waits to enter the baseline
    confirms: Mapped[str | None]  # the first run of its series; null: it is that one
    follow_up: Mapped[str]  # core.model.FollowUp
    asks: Mapped[str | None]  # why one more run of the series was asked for; null: none was
    deploy: Mapped[dict[str, Any] | None]  # core.model.Deploy that started it
    waits: Mapped[str | None]  # whom it waits for; null: it has begun. One that waits keeps nobody out
    priority: Mapped[int | None]  # of one that waits: the higher goes first


class EndpointResultRow(Base):
    """One endpoint of one measured run. Times in ms; effects are ratios to the baseline."""

    __tablename__ = "perf_endpoint_results"

    run_id: Mapped[str] = mapped_column(ForeignKey("perf_runs.run_id", ondelete="CASCADE"), primary_key=True)
    endpoint: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int]
    failed: Mapped[int]
    error_ratio: Mapped[float | None]
    p50_ms: Mapped[float | None]
    p95_ms: Mapped[float | None]
    achieved_per_s: Mapped[float | None]
    p50_objective_ms: Mapped[float | None]
    p95_objective_ms: Mapped[float]
    error_objective_ratio: Mapped[float]
    slo_status: Mapped[str]
    verdict: Mapped[str]
    verdict_sentence: Mapped[str]
    p50_ratio: Mapped[float | None]
    p50_low: Mapped[float | None]
    p50_high: Mapped[float | None]
    p50_noise_ratio: Mapped[float | None]
    p95_ratio: Mapped[float | None]
    p95_low: Mapped[float | None]
    p95_high: Mapped[float | None]
    p95_noise_ratio: Mapped[float | None]


class BaselineRow(Base):
    """A set of runs under one fingerprint; at most one of each mode is in force (``ended_at`` is null)."""

    __tablename__ = "perf_baselines"
    __table_args__ = (
        Index(
            "uq_perf_baselines_in_force",
            "fingerprint_key",
            "mode",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(None, "suite", "target", "profile"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint_key: Mapped[str]
    fingerprint: Mapped[dict[str, Any]]
    suite: Mapped[str]
    target: Mapped[str]
    profile: Mapped[str]
    mode: Mapped[str]  # automatic, pinned
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    reason: Mapped[str]
    counts_from: Mapped[datetime | None]  # runs started earlier do not enter by themselves
    ended_at: Mapped[datetime | None]


class MemberRow(Base):
    """One run in one baseline, from ``accepted_at`` to ``removed_at``."""

    __tablename__ = "perf_baseline_members"
    __table_args__ = (
        Index(
            "uq_perf_baseline_members_in_force",
            "baseline_id",
            "run_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index(None, "run_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    baseline_id: Mapped[int] = mapped_column(ForeignKey("perf_baselines.id"))
    run_id: Mapped[str] = mapped_column(ForeignKey("perf_runs.run_id"))
    accepted_at: Mapped[datetime]
    accepted_by: Mapped[str]
    reason: Mapped[str]
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[str | None]
    removed_reason: Mapped[str | None]


class PromotionRow(Base):
    """The log of decisions: who did what to which baseline, when and why. Rows are only ever added."""

    __tablename__ = "perf_promotions"
    __table_args__ = (Index(None, "suite", "target", "profile", "at"), Index(None, "fingerprint_key"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str]
    action: Mapped[str]  # automatic, accept, reset, pin, unpin
    fingerprint_key: Mapped[str]
    suite: Mapped[str]
    target: Mapped[str]
    profile: Mapped[str]
    run_ids: Mapped[list[str]]
    reason: Mapped[str]
