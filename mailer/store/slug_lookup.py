"""A record's id: of a new one, or by the slug that people name it by."""

from typing import Any

from sqlalchemy import Connection, CursorResult, select

from mailer.errors import NotFound


def find_id(db: Connection, table: Any, slug: str, noun: str) -> int:
    """The id of the record of `table` with this slug. Raises NotFound."""
    record_id = db.scalar(select(table.c.id).where(table.c.slug == slug))
    if record_id is None:
        raise NotFound(f"there is no {noun} {slug!r}", hint=f"see `mailer {noun} list`")
    return int(record_id)


def get_inserted_id(result: CursorResult[Any]) -> int:
    """The id that an insert gave."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])
