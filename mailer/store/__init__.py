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

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from mailer.store import engine as _engine
from mailer.store.alone import alone
from mailer.store.archive import Archives
from mailer.store.articles import Articles
from mailer.store.audience.bulk import Bulk
from mailer.store.audience.confirmations import Allowances, Confirmations
from mailer.store.audience.contacts import Contacts
from mailer.store.audience.lists import Lists
from mailer.store.audience.rows import Rows
from mailer.store.audience.segments import Segments
from mailer.store.audience.subscribers import Subscribers
from mailer.store.audience.suppressions import Suppressions
from mailer.store.audience.time_zones import list_time_zones, time_zones
from mailer.store.digests import Digests
from mailer.store.editions import Editions
from mailer.store.embargoes import Embargoes
from mailer.store.leases import Leases
from mailer.store.outbox.letters import Letters
from mailer.store.outbox.notices import Notices
from mailer.store.outbox.plan import Plans
from mailer.store.outbox.queue import Queue
from mailer.store.outbox.reports import Outbox
from mailer.store.outbox.senders import Senders
from mailer.store.press import Boilerplates, Files, Kills
from mailer.store.retention import Retention
from mailer.store.schedules import Schedules
from mailer.store.sheets import Sheets
from mailer.store.sources import Sources

__all__ = ["Store", "Transaction"]


@dataclass(frozen=True)
class Transaction:
    """One transaction, seen through the store of each noun. `key` makes the keyed hash of an
    address."""

    connection: Connection
    key: bytes

    @property
    def articles(self) -> Articles:
        return Articles(self.connection)

    @property
    def lists(self) -> Lists:
        return Lists(self.connection)

    @property
    def subscribers(self) -> Subscribers:
        return Subscribers(self.connection, self.key)

    @property
    def contacts(self) -> Contacts:
        return Contacts(self.connection, self.key)

    @property
    def embargoes(self) -> Embargoes:
        return Embargoes(self.connection)

    @property
    def boilerplates(self) -> Boilerplates:
        return Boilerplates(self.connection)

    @property
    def kills(self) -> Kills:
        return Kills(self.connection)

    @property
    def files(self) -> Files:
        return Files(self.connection)

    @property
    def confirmations(self) -> Confirmations:
        return Confirmations(self.connection, self.key)

    @property
    def allowances(self) -> Allowances:
        return Allowances(self.connection, self.key)

    @property
    def segments(self) -> Segments:
        return Segments(self.connection)

    @property
    def suppressions(self) -> Suppressions:
        return Suppressions(self.connection, self.key)

    @property
    def rows(self) -> Rows:
        return Rows(self.connection, self.key)

    @property
    def bulk(self) -> Bulk:
        return Bulk(self.connection, self.key)

    @property
    def digests(self) -> Digests:
        return Digests(self.connection)

    @property
    def schedules(self) -> Schedules:
        return Schedules(self.connection)

    @property
    def editions(self) -> Editions:
        return Editions(self.connection)

    @property
    def archive(self) -> Archives:
        return Archives(self.connection)

    @property
    def sources(self) -> Sources:
        return Sources(self.connection)

    @property
    def sheets(self) -> Sheets:
        return Sheets(self.connection)

    @property
    def leases(self) -> Leases:
        return Leases(self.connection)

    @property
    def letters(self) -> Letters:
        return Letters(self.connection, self.key)

    @property
    def notices(self) -> Notices:
        return Notices(self.connection, self.key)

    @property
    def reader_zones(self) -> list[str]:
        """The time zones that readers are in: those of subscribers, and those that lists have for
        members who gave none."""
        return sorted({*time_zones(self.connection), *list_time_zones(self.connection)})

    @property
    def plans(self) -> Plans:
        return Plans(self.connection)

    @property
    def senders(self) -> Senders:
        return Senders(self.connection)

    @property
    def queue(self) -> Queue:
        return Queue(self.connection)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.connection, self.key)

    @property
    def retention(self) -> Retention:
        return Retention(self.connection)

    def alone(self) -> None:
        """Keep others from stories, embargoes, releases and sources until the transaction ends."""
        alone(self.connection)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that an error undoes, and it alone."""
        with self.connection.begin_nested():
            yield

    def rollback(self) -> None:
        """Undo all of it, as a dry run does."""
        self.connection.rollback()


class Store:
    """A database. Making one opens nothing. `lease`: seconds after which a process that is silent
    within a transaction counts as dead, and PostgreSQL ends its session."""

    def __init__(self, url: str, key: bytes, lease: float = 60.0) -> None:
        self.engine: Engine = _engine.make_engine(url, lease)
        self.key = key

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A transaction that may write: committed at the end of the block, undone by an error."""
        with _engine.begin(self.engine) as connection:
            yield Transaction(connection, self.key)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that only reads: it waits for no writer and keeps none waiting."""
        with _engine.begin(self.engine, reading=True) as connection:
            yield Transaction(connection, self.key)

    @property
    def where(self) -> str:
        """The database as errors name it, without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    def check_schema(self) -> None:
        """Raises SchemaError unless the database is of this program's schema."""
        _engine.check_schema(self.engine)

    def revision(self) -> str | None:
        """The schema's revision, None where there is no database of ours."""
        return _engine.revision(self.engine)

    def upgrade(self) -> tuple[str | None, str]:
        """Bring the database to this program's schema; its revision before and after."""
        return _engine.upgrade(self.engine)

    def close(self) -> None:
        self.engine.dispose()
