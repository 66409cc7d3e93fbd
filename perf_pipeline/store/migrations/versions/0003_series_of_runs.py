"""Which run another one confirms, who follows up, and why a run asked for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not as a batch, which makes the table anew on SQLite: results would vanish with the old one.
    op.add_column("perf_runs", sa.Column("confirms", sa.String(), nullable=True))
    op.add_column("perf_runs", sa.Column("follow_up", sa.String(), nullable=False, server_default="nobody"))
    op.add_column("perf_runs", sa.Column("asks", sa.String(), nullable=True))
    op.create_index(op.f("ix_perf_runs_confirms"), "perf_runs", ["confirms"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_perf_runs_confirms"), table_name="perf_runs")
    for name in ("asks", "follow_up", "confirms"):
        op.drop_column("perf_runs", name)
