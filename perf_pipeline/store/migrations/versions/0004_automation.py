"""Deploys, pauses, archives and notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("perf_runs", sa.Column("deploy", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("perf_runs", sa.Column("waits", sa.String(), nullable=True))
    op.add_column("perf_runs", sa.Column("priority", sa.Integer(), nullable=True))
    op.create_table(
        "perf_deploys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("suite", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("previous_revision", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("launcher", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perf_deploys")),
        sa.UniqueConstraint("suite", "target", "number", name=op.f("uq_perf_deploys_suite_target_number")),
    )
    op.create_index(op.f("ix_perf_deploys_state"), "perf_deploys", ["state"], unique=False)
    op.create_table(
        "perf_deploy_watches",
        sa.Column("suite", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("state", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("suite", "target", name=op.f("pk_perf_deploy_watches")),
    )
    op.create_table(
        "perf_pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("suite", sa.String(), nullable=True),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resumed_by", sa.String(), nullable=True),
        sa.Column("resumed_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perf_pauses")),
    )
    op.create_index(op.f("ix_perf_pauses_resumed_at"), "perf_pauses", ["resumed_at"], unique=False)
    op.create_table(
        "perf_archives",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("manifest_sha256", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pruned_reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_perf_archives")),
    )
    op.create_table(
        "perf_store",
        sa.Column("id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perf_store")),
    )
    op.create_table(
        "perf_notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("suite", sa.String(), nullable=True),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perf_notices")),
    )
    op.create_index(op.f("ix_perf_notices_at"), "perf_notices", ["at"], unique=False)


def downgrade() -> None:
    op.drop_table("perf_notices")
    op.drop_table("perf_store")
    for table in ("perf_archives", "perf_pauses", "perf_deploy_watches", "perf_deploys"):
        op.drop_table(table)
    for column in ("priority", "waits", "deploy"):
        op.drop_column("perf_runs", column)
