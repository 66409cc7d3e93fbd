"""Alembic's migrations of the store; applied by ``Store`` when it opens."""
