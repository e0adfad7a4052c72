"""All SQL, with one file for each noun. Stores return frozen records, never rows or ORM objects.

    transaction.py          the transaction, with the store of each noun
    engine.py               the engine and its transactions
    write_queue.py          the queue of processes that want to write to SQLite
    schema_revision.py      the revision of the schema: read, checked and upgraded
    schema/                 the tables
    migrations/             Alembic's migrations, starting from an empty database
    articles.py, audience/, digests.py, schedules.py, editions/, archive.py, sources.py,
    releases/, outbox/      the stores of the nouns
    search/                 the indexes of searches, and conditions that use them
    leases.py               the lease that decides which worker ticks
    sqlstates.py            what an error of the database means
    database_link.py        bounded waits on the links to PostgreSQL
    locks.py                the lock for changes to stories, embargoes, releases and sources
    retention.py            the removal of data whose retention has ended
    recovery.py             the identity of the database, and what a restoration changes
    signing_keys.py         the keys that sign links
    copying/, fence.py      copies of a database to another one, which takes over
    backup/                 backups of both databases, written, verified and restored
    upsert.py               INSERT … ON CONFLICT on both databases
    slug_lookup.py          the id of a record by its slug
    prepared_statements.py  statements that run thousands of times a minute

Commands, pages and the worker open a transaction (:meth:`Store.begin`), which commits when the
block ends. The stores of the nouns never commit. Only delivery runs several short transactions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mailer.store import engine as _engine
from mailer.store import schema_revision as _schema_revision
from mailer.store.transaction import SqlTransaction

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["SqlTransaction", "Store"]


class Store:
    """A database. Creating the object does not open the database. `lease`: after so many seconds of
    silence within a transaction, a process counts as dead and PostgreSQL ends its session."""

    def __init__(self, url: str, key: bytes, lease: float = 60.0) -> None:
        self.engine: Engine
        self.engine, self._guard = _engine.build_engine(url, lease)
        self.key = key
        self.safe_recipients: tuple[str, ...] = ()
        """The only recipients of mail in safe mode: addresses, and domains that begin with an @.
        If there are none, the settings leave safe mode off."""

    def stop_waiting(self) -> None:
        """End every wait for the database at once, and let no new wait begin: transactions that
        wait then fail. A program that must end calls this; any thread may call it."""
        self._guard.stop_event.set()

    @contextmanager
    def begin(self) -> Iterator[SqlTransaction]:
        """Open a transaction that may write. It commits at the end of the block, and rolls back on
        an error."""
        with _engine.begin_transaction(self.engine) as connection:
            yield SqlTransaction(connection, self.key, self.safe_recipients)

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """Open a transaction that only reads. It does not wait for writers, and writers do not wait
        for it."""
        with _engine.begin_transaction(self.engine, reading=True) as connection:
            yield SqlTransaction(connection, self.key, self.safe_recipients)

    def translate_error(self, error: Exception) -> Exception:
        """Return the program's own error for an error of the database that was caught within a
        transaction. Any other error is returned unchanged."""
        return _engine.translate_error(self.engine, error)

    @property
    def display_url(self) -> str:
        """The database's URL without its password, for error messages."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def open_files(self) -> list[str]:
        """The files of a SQLite database that users outside the owner's group can read."""
        return _engine.list_open_files(self.engine.url)

    def check_schema(self) -> None:
        """Check that the database has this program's schema. Raises SchemaError."""
        _schema_revision.check_schema(self.engine)

    def read_revision(self) -> str | None:
        """Return the schema's revision, or None if there is no database of the mailer."""
        return _schema_revision.read_revision(self.engine)

    def check_upgradable(self, *, may_create: bool = True) -> str | None:
        """Check that an upgrade may change the database, and return its revision, or None for an
        empty or new database. Raises SchemaError if an upgrade may not change it. Without
        `may_create`, a missing file also raises SchemaError."""
        return _schema_revision.check_upgradable(self.engine, may_create=may_create)

    def upgrade_schema(self, *, may_create: bool = True) -> tuple[str | None, str]:
        """Upgrade the database to this program's schema. Returns (old revision, new revision).
        Raises SchemaError as :meth:`check_upgradable` does."""
        return _schema_revision.upgrade_schema(self.engine, may_create=may_create)

    def close(self) -> None:
        self.engine.dispose()
