"""INSERT … ON CONFLICT, which SQLAlchemy provides separately for each of the two databases."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def build_upsert(dialect: str, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """Build an insert with ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
