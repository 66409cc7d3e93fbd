"""What seemed changed in a run that stayed out of the baseline; before, only that it improved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_RUNS = sa.table("perf_runs", sa.column("run_id", sa.String), sa.column("signs", sa.JSON(none_as_null=True)))


def upgrade() -> None:
    op.add_column("perf_runs", sa.Column("signs", sa.JSON(none_as_null=True), nullable=True))
    found = op.get_bind().execute(
        sa.text(
            """
            SELECT run.run_id, result.endpoint, result.verdict
            FROM perf_runs AS run JOIN perf_endpoint_results AS result ON result.run_id = run.run_id
            WHERE (result.verdict = 'improved' AND run.awaits_confirmation)
            OR (result.verdict = 'regressed' AND run.run_id NOT IN (SELECT run_id FROM perf_baseline_members))
            """
        )
    )
    signs: dict[str, dict[str, object]] = {}
    for run_id, endpoint, verdict in found:
        of_run = signs.setdefault(run_id, {"slower": [], "faster": [], "certain": True})
        names = of_run["faster" if verdict == "improved" else "slower"]
        assert isinstance(names, list)  # noqa: S101
        names.append(endpoint)
    for run_id, of_run in signs.items():
        op.execute(_RUNS.update().where(_RUNS.c.run_id == run_id).values(signs=of_run))
    # Not as a batch, which makes the table anew on SQLite: results would vanish with the old one.
    op.drop_column("perf_runs", "awaits_confirmation")


def downgrade() -> None:
    op.add_column(
        "perf_runs",
        sa.Column("awaits_confirmation", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.drop_column("perf_runs", "signs")
