"""Runs, results, baselines and the log of decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "perf_baselines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint_key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("suite", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("counts_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perf_baselines")),
    )
    with op.batch_alter_table("perf_baselines", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_perf_baselines_suite_target_profile"), ["suite", "target", "profile"], unique=False
        )
        batch_op.create_index(
            "uq_perf_baselines_in_force",
            ["fingerprint_key", "mode"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "perf_promotions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("fingerprint_key", sa.String(), nullable=False),
        sa.Column("suite", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("run_ids", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perf_promotions")),
    )
    with op.batch_alter_table("perf_promotions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_perf_promotions_fingerprint_key"), ["fingerprint_key"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_perf_promotions_suite_target_profile_at"),
            ["suite", "target", "profile", "at"],
            unique=False,
        )

    op.create_table(
        "perf_runs",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("suite", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("profile", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=True),
        sa.Column("base_url", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("launched_by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("owner_pid", sa.Integer(), nullable=False),
        sa.Column("owner_started", sa.Float(), nullable=False),
        sa.Column("run_folder", sa.String(), nullable=False),
        sa.Column("fingerprint_key", sa.String(), nullable=True),
        sa.Column("fingerprint", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("record", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("awaits_confirmation", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_perf_runs")),
    )
    with op.batch_alter_table("perf_runs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_perf_runs_fingerprint_key_started_at"),
            ["fingerprint_key", "started_at"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_perf_runs_started_at"), ["started_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_perf_runs_suite_target_profile_started_at"),
            ["suite", "target", "profile", "started_at"],
            unique=False,
        )

    op.create_table(
        "perf_baseline_members",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("baseline_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.String(), nullable=True),
        sa.Column("removed_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["baseline_id"], ["perf_baselines.id"], name=op.f("fk_perf_baseline_members_baseline_id")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["perf_runs.run_id"], name=op.f("fk_perf_baseline_members_run_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_perf_baseline_members")),
    )
    with op.batch_alter_table("perf_baseline_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_perf_baseline_members_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            "uq_perf_baseline_members_in_force",
            ["baseline_id", "run_id"],
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )

    op.create_table(
        "perf_endpoint_results",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("error_ratio", sa.Float(), nullable=True),
        sa.Column("p50_ms", sa.Float(), nullable=True),
        sa.Column("p95_ms", sa.Float(), nullable=True),
        sa.Column("achieved_per_s", sa.Float(), nullable=True),
        sa.Column("p50_objective_ms", sa.Float(), nullable=True),
        sa.Column("p95_objective_ms", sa.Float(), nullable=False),
        sa.Column("error_objective_ratio", sa.Float(), nullable=False),
        sa.Column("slo_status", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("verdict_sentence", sa.String(), nullable=False),
        sa.Column("p50_ratio", sa.Float(), nullable=True),
        sa.Column("p50_low", sa.Float(), nullable=True),
        sa.Column("p50_high", sa.Float(), nullable=True),
        sa.Column("p50_noise_ratio", sa.Float(), nullable=True),
        sa.Column("p95_ratio", sa.Float(), nullable=True),
        sa.Column("p95_low", sa.Float(), nullable=True),
        sa.Column("p95_high", sa.Float(), nullable=True),
        sa.Column("p95_noise_ratio", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["perf_runs.run_id"], name=op.f("fk_perf_endpoint_results_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "endpoint", name=op.f("pk_perf_endpoint_results")),
    )


def downgrade() -> None:
    op.drop_table("perf_endpoint_results")
    with op.batch_alter_table("perf_baseline_members", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_perf_baseline_members_in_force",
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_perf_baseline_members_run_id"))

    op.drop_table("perf_baseline_members")
    with op.batch_alter_table("perf_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_perf_runs_suite_target_profile_started_at"))
        batch_op.drop_index(batch_op.f("ix_perf_runs_started_at"))
        batch_op.drop_index(batch_op.f("ix_perf_runs_fingerprint_key_started_at"))

    op.drop_table("perf_runs")
    with op.batch_alter_table("perf_promotions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_perf_promotions_suite_target_profile_at"))
        batch_op.drop_index(batch_op.f("ix_perf_promotions_fingerprint_key"))

    op.drop_table("perf_promotions")
    with op.batch_alter_table("perf_baselines", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_perf_baselines_in_force",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_perf_baselines_suite_target_profile"))

    op.drop_table("perf_baselines")
