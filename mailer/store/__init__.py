"""All SQL. One file for each noun; what leaves is frozen records, never rows or ORM objects.

    engine.py      opening a database, the transaction, the schema's revision
    schema/        the tables
    migrations/    Alembic's, from the first table on
    articles.py · embargoes.py · audience/ · digests.py · schedules.py · editions/ · archive.py ·
    sheets.py · sources.py · outbox/
    press.py       boilerplate, the files of releases, kills
    leases.py      which worker ticks
    alone.py       what one at a time may do
    retention.py   what has been kept long enough
    upsert.py      INSERT … ON CONFLICT, on both databases
    ids.py         a record's id by its slug
    prepared.py    statements of the hot paths
    void.py        putting an edition back to draft

The edge opens the transaction (:meth:`Store.begin`) and it commits when the block ends; the stores
of the nouns never commit. Delivery alone runs several short transactions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mailer.store import engine as _engine
from mailer.store.transaction import SqlTransaction

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["SqlTransaction", "Store"]


class Store:
    """A database. Making one opens nothing. `lease`: seconds after which a process that is silent
    within a transaction counts as dead, and PostgreSQL ends its session."""

    def __init__(self, url: str, key: bytes, lease: float = 60.0) -> None:
        self.engine: Engine = _engine.build_engine(url, lease)
        self.key = key

    @contextmanager
    def begin(self) -> Iterator[SqlTransaction]:
        """A transaction that may write: committed at the end of the block, undone by an error."""
        with _engine.begin_transaction(self.engine) as connection:
            yield SqlTransaction(connection, self.key)

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """A transaction that only reads: it waits for no writer and keeps none waiting."""
        with _engine.begin_transaction(self.engine, reading=True) as connection:
            yield SqlTransaction(connection, self.key)

    @property
    def display_url(self) -> str:
        """The database as errors name it, without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    def check_schema(self) -> None:
        """Raises SchemaError unless the database is of this program's schema."""
        _engine.check_schema(self.engine)

    def read_revision(self) -> str | None:
        """The schema's revision, None where there is no database of ours."""
        return _engine.read_revision(self.engine)

    def upgrade_schema(self) -> tuple[str | None, str]:
        """Bring the database to this program's schema; its revision before and after."""
        return _engine.upgrade_schema(self.engine)

    def close(self) -> None:
        self.engine.dispose()
