"""A record's id: of a new one, or by the slug that people name it by."""

from typing import Any

from sqlalchemy import Connection, CursorResult, select

from mailer.errors import NotFound


def id_of(db: Connection, table: Any, slug: str, what: str) -> int:
    """The id of the record of `table` with this slug. Raises NotFound."""
    found = db.scalar(select(table.c.id).where(table.c.slug == slug))
    if found is None:
        raise NotFound(f"there is no {what} {slug!r}", hint=f"see `mailer {what} list`")
    return int(found)


def new_id(made: CursorResult[Any]) -> int:
    """The id that an insert gave."""
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])
