"""Alembic's entry point. The store hands over an open transaction, see ``store.schema``."""

from typing import Any, Literal

from alembic import context

from perf_pipeline.store.columns import UtcDateTime
from perf_pipeline.store.tables import VERSION_TABLE, Base


def render_item(kind: str, item: Any, _autogen: object) -> str | Literal[False]:
    """A migration must not change when our column type does: it names SQLAlchemy's own."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite cannot alter a column in place
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
