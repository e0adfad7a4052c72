"""The progress of a copy: a table in the target, which exists until the copy is complete.

Rows are inserted in the same transaction as the note that they are there, so a copy that was killed
goes on after the last row. While the table exists, no process opens the target as a database
(`schema_revision.py`).
"""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, text

from mailer.errors import ConcurrencyError
from mailer.model.recovery import DatabaseIdentity
from mailer.store.copying.contents import Key
from mailer.store.schema_revision import COPY_TABLE

_CREATE = f"""
CREATE TABLE {COPY_TABLE} (name VARCHAR(64) PRIMARY KEY, identity VARCHAR(32) NOT NULL,
generation BIGINT NOT NULL, place TEXT NOT NULL, row_count BIGINT NOT NULL, last_key TEXT NOT NULL,
checksum VARCHAR(64) NOT NULL, state VARCHAR(10) NOT NULL)
"""
_INSERT = text(
    f"INSERT INTO {COPY_TABLE} VALUES "  # noqa: S608
    "(:name, :identity, :generation, :place, 0, '', :checksum, :state)"
)
_SELECT = text(f"SELECT * FROM {COPY_TABLE}")  # noqa: S608
_UPDATE = text(
    f"UPDATE {COPY_TABLE} SET row_count = :rows, last_key = :last_key, "  # noqa: S608
    "checksum = :checksum, state = :state WHERE name = :name AND row_count = :former_rows"
)

COPYING, COPIED, VERIFIED = "copying", "copied", "verified"


@dataclass(frozen=True, slots=True)
class TableProgress:
    """The number of rows of a table that the target has, the primary key of the last one, and the
    checksum of these rows as they were read from the source."""

    name: str
    rows: int
    last_key: Key | None
    checksum: int
    state: str


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """The progress of a copy of the database `identity`, as it was in `generation`. `place` is
    where that database is."""

    identity: str
    generation: int
    place: str
    tables: dict[str, TableProgress]

    def is_of(self, identity: DatabaseIdentity | None) -> bool:
        """Check whether this is a copy of a database as it is now."""
        return identity is not None and (self.identity, self.generation) == (
            identity.identity,
            identity.generation,
        )


def create_progress(
    db: Connection, identity: DatabaseIdentity, place: str, tables: list[str]
) -> None:
    """Create the table, with a row for each of the tables to be copied."""
    db.execute(text(_CREATE))
    shared = {"identity": identity.identity, "generation": identity.generation, "place": place}
    db.execute(
        _INSERT, [{"name": name, "checksum": "0", "state": COPYING, **shared} for name in tables]
    )


def load_progress(db: Connection) -> CopyProgress:
    rows = db.execute(_SELECT).all()
    tables = {
        row.name: TableProgress(
            row.name,
            row.row_count,
            tuple(json.loads(row.last_key)) if row.last_key else None,
            int(row.checksum, 16),
            row.state,
        )
        for row in rows
    }
    return CopyProgress(rows[0].identity, rows[0].generation, rows[0].place, tables)


def save_progress(db: Connection, before: TableProgress, after: TableProgress) -> None:
    """Save the progress of a table. Raises ConcurrencyError if another process has copied rows of
    it since `before`."""
    values = {
        "name": after.name,
        "rows": after.rows,
        "last_key": json.dumps(after.last_key) if after.last_key is not None else "",
        "checksum": f"{after.checksum:x}",
        "state": after.state,
        "former_rows": before.rows,
    }
    if db.execute(_UPDATE, values).rowcount != 1:
        raise ConcurrencyError(
            f"another process is copying to this database (table {after.name})",
            hint="let it finish",
        )


def drop_progress(db: Connection) -> None:
    db.execute(text(f"DROP TABLE {COPY_TABLE}"))
