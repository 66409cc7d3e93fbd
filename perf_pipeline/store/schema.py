"""Brings a database to the schema of this code, whoever else is doing the same at this moment."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.tables import SCHEMA_REVISION, VERSION_TABLE

MIGRATIONS = Path(__file__).parent / "migrations"


def revision_of(connection: Connection) -> str | None:
    """Revision of the database; None: it holds no store yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return found


def migrate(connection: Connection, where: str) -> None:
    """Apply what is missing. The caller holds the write lock: a second process then finds nothing to do.

    Raises StoreError when the database is newer than this code.
    """
    from alembic import command  # noqa: PLC0415 - 0.3 s, needed only when there is something to migrate
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    current = revision_of(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            f"the store at {where} has schema {current}, this perf-pipeline knows {SCHEMA_REVISION}: "
            "it was written by a newer version; update perf-pipeline or use another store."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
