"""Find the id of a record: of an existing record by its slug, or of a record just inserted."""

from typing import Any

from sqlalchemy import Connection, CursorResult, select

from mailer.errors import NextStep, NotFound


def find_id(db: Connection, table: Any, slug: str, noun: str) -> int:
    """Return the id of the record of `table` with this slug. Raises NotFound."""
    record_id = db.scalar(select(table.c.id).where(table.c.slug == slug))
    if record_id is None:
        raise NotFound(f"there is no {noun} {slug!r}", next_steps=[NextStep(f"list_{noun}s")])
    return int(record_id)


def get_inserted_id(result: CursorResult[Any]) -> int:
    """Return the id of an inserted row."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])
