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
from mailer.store.archive import ArchiveQueries
from mailer.store.articles import ArticleQueries
from mailer.store.audience.bulk import BulkQueries
from mailer.store.audience.confirmations import AllowanceQueries, ConfirmationQueries
from mailer.store.audience.contacts import ContactQueries
from mailer.store.audience.import_rows import SqlImportRowStore
from mailer.store.audience.lists import SqlListStore
from mailer.store.audience.segments import SegmentQueries
from mailer.store.audience.subscribers import SubscriberQueries
from mailer.store.audience.suppressions import SuppressionQueries
from mailer.store.audience.time_zones import (
    list_mailing_list_time_zones,
    list_subscriber_time_zones,
)
from mailer.store.digests import SqlDigestStore
from mailer.store.editions import EditionQueries
from mailer.store.leases import SqlLeaseStore
from mailer.store.locks import lock_releases
from mailer.store.outbox.notices import SqlNoticeStore
from mailer.store.outbox.plan import PlanQueries
from mailer.store.outbox.queue import QueueQueries
from mailer.store.outbox.reports import ReportQueries
from mailer.store.outbox.service_mails import SqlServiceMailStore
from mailer.store.outbox.workers import WorkerQueries
from mailer.store.releases.embargoes import SqlEmbargoStore
from mailer.store.releases.files import BoilerplateQueries, FileQueries, KillQueries
from mailer.store.releases.pages import ReleasePageQueries
from mailer.store.retention import SqlRetentionStore
from mailer.store.schedules import SqlScheduleStore
from mailer.store.sources import SqlSourceStore

__all__ = ["Store", "Transaction"]


@dataclass(frozen=True)
class Transaction:
    """One transaction, seen through the store of each noun. `key` makes the keyed hash of an
    address."""

    connection: Connection
    key: bytes

    @property
    def articles(self) -> ArticleQueries:
        return ArticleQueries(self.connection)

    @property
    def lists(self) -> SqlListStore:
        return SqlListStore(self.connection)

    @property
    def subscribers(self) -> SubscriberQueries:
        return SubscriberQueries(self.connection, self.key)

    @property
    def contacts(self) -> ContactQueries:
        return ContactQueries(self.connection, self.key)

    @property
    def embargoes(self) -> SqlEmbargoStore:
        return SqlEmbargoStore(self.connection)

    @property
    def boilerplates(self) -> BoilerplateQueries:
        return BoilerplateQueries(self.connection)

    @property
    def kills(self) -> KillQueries:
        return KillQueries(self.connection)

    @property
    def files(self) -> FileQueries:
        return FileQueries(self.connection)

    @property
    def confirmations(self) -> ConfirmationQueries:
        return ConfirmationQueries(self.connection, self.key)

    @property
    def allowances(self) -> AllowanceQueries:
        return AllowanceQueries(self.connection, self.key)

    @property
    def segments(self) -> SegmentQueries:
        return SegmentQueries(self.connection)

    @property
    def suppressions(self) -> SuppressionQueries:
        return SuppressionQueries(self.connection, self.key)

    @property
    def import_rows(self) -> SqlImportRowStore:
        return SqlImportRowStore(self.connection, self.key)

    @property
    def bulk(self) -> BulkQueries:
        return BulkQueries(self.connection, self.key)

    @property
    def digests(self) -> SqlDigestStore:
        return SqlDigestStore(self.connection)

    @property
    def schedules(self) -> SqlScheduleStore:
        return SqlScheduleStore(self.connection)

    @property
    def editions(self) -> EditionQueries:
        return EditionQueries(self.connection)

    @property
    def archive(self) -> ArchiveQueries:
        return ArchiveQueries(self.connection)

    @property
    def sources(self) -> SqlSourceStore:
        return SqlSourceStore(self.connection)

    @property
    def release_pages(self) -> ReleasePageQueries:
        return ReleasePageQueries(self.connection)

    @property
    def leases(self) -> SqlLeaseStore:
        return SqlLeaseStore(self.connection)

    @property
    def service_mails(self) -> SqlServiceMailStore:
        return SqlServiceMailStore(self.connection, self.key)

    @property
    def notices(self) -> SqlNoticeStore:
        return SqlNoticeStore(self.connection, self.key)

    @property
    def reader_time_zones(self) -> list[str]:
        """The time zones that readers are in: those of subscribers, and those that lists have for
        members who gave none."""
        return sorted(
            {
                *list_subscriber_time_zones(self.connection),
                *list_mailing_list_time_zones(self.connection),
            }
        )

    @property
    def plans(self) -> PlanQueries:
        return PlanQueries(self.connection)

    @property
    def workers(self) -> WorkerQueries:
        return WorkerQueries(self.connection)

    @property
    def queue(self) -> QueueQueries:
        return QueueQueries(self.connection)

    @property
    def outbox(self) -> ReportQueries:
        return ReportQueries(self.connection, self.key)

    @property
    def retention(self) -> SqlRetentionStore:
        return SqlRetentionStore(self.connection)

    def lock_releases(self) -> None:
        """Keep others from stories, embargoes, releases and sources until the transaction ends."""
        lock_releases(self.connection)

    @contextmanager
    def open_savepoint(self) -> Iterator[None]:
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
        self.engine: Engine = _engine.build_engine(url, lease)
        self.key = key

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A transaction that may write: committed at the end of the block, undone by an error."""
        with _engine.begin_transaction(self.engine) as connection:
            yield Transaction(connection, self.key)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that only reads: it waits for no writer and keeps none waiting."""
        with _engine.begin_transaction(self.engine, reading=True) as connection:
            yield Transaction(connection, self.key)

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
