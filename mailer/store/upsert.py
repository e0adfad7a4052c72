"""INSERT … ON CONFLICT, which both databases have and SQLAlchemy keeps with each of them."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def build_upsert(dialect: str, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """An insert that has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
