"""Brings a database to the schema of this code, whoever else is doing the same at this moment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from perf_pipeline.store.errors import StoreError
from perf_pipeline.store.tables import SCHEMA_REVISION, VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

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

    refuse_newer(revision_of(connection), where)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def refuse_newer(revision: str | None, where: str) -> None:
    """Raises StoreError when a database with this revision is newer than this code."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"the store at {where} has schema {revision}, this perf-pipeline knows {SCHEMA_REVISION}: "
            "it was written by a newer version; update perf-pipeline or use another store."
        )


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
