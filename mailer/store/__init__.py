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
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailer.store import engine as _engine

if TYPE_CHECKING:  # few commands need many nouns: a transaction imports a store when it is used
    from sqlalchemy import Connection, Engine

    from mailer.store.archive import SqlArchiveStore
    from mailer.store.articles import SqlArticleStore
    from mailer.store.audience.bulk import SqlBulkStore
    from mailer.store.audience.confirmations import SqlAllowanceStore, SqlConfirmationStore
    from mailer.store.audience.contacts import SqlContactStore
    from mailer.store.audience.import_rows import SqlImportRowStore
    from mailer.store.audience.lists import SqlListStore
    from mailer.store.audience.segments import SqlSegmentStore
    from mailer.store.audience.subscribers import SqlSubscriberStore
    from mailer.store.audience.suppressions import SqlSuppressionStore
    from mailer.store.digests import SqlDigestStore
    from mailer.store.editions.records import SqlEditionStore
    from mailer.store.leases import SqlLeaseStore
    from mailer.store.outbox.notices import SqlNoticeStore
    from mailer.store.outbox.plan import SqlPlanStore
    from mailer.store.outbox.queue import SqlQueueStore
    from mailer.store.outbox.reports import SqlOutboxStore
    from mailer.store.outbox.service_mails import SqlServiceMailStore
    from mailer.store.outbox.workers import SqlWorkerStore
    from mailer.store.releases.embargoes import SqlEmbargoStore
    from mailer.store.releases.files import SqlBoilerplateStore, SqlFileStore, SqlKillStore
    from mailer.store.releases.pages import SqlReleasePageStore
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
    def articles(self) -> SqlArticleStore:
        from mailer.store.articles import SqlArticleStore

        return SqlArticleStore(self.connection)

    @property
    def lists(self) -> SqlListStore:
        from mailer.store.audience.lists import SqlListStore

        return SqlListStore(self.connection)

    @property
    def subscribers(self) -> SqlSubscriberStore:
        from mailer.store.audience.subscribers import SqlSubscriberStore

        return SqlSubscriberStore(self.connection, self.key)

    @property
    def contacts(self) -> SqlContactStore:
        from mailer.store.audience.contacts import SqlContactStore

        return SqlContactStore(self.connection, self.key)

    @property
    def embargoes(self) -> SqlEmbargoStore:
        from mailer.store.releases.embargoes import SqlEmbargoStore

        return SqlEmbargoStore(self.connection)

    @property
    def boilerplates(self) -> SqlBoilerplateStore:
        from mailer.store.releases.files import SqlBoilerplateStore

        return SqlBoilerplateStore(self.connection)

    @property
    def kills(self) -> SqlKillStore:
        from mailer.store.releases.files import SqlKillStore

        return SqlKillStore(self.connection)

    @property
    def files(self) -> SqlFileStore:
        from mailer.store.releases.files import SqlFileStore

        return SqlFileStore(self.connection)

    @property
    def confirmations(self) -> SqlConfirmationStore:
        from mailer.store.audience.confirmations import SqlConfirmationStore

        return SqlConfirmationStore(self.connection, self.key)

    @property
    def allowances(self) -> SqlAllowanceStore:
        from mailer.store.audience.confirmations import SqlAllowanceStore

        return SqlAllowanceStore(self.connection, self.key)

    @property
    def segments(self) -> SqlSegmentStore:
        from mailer.store.audience.segments import SqlSegmentStore

        return SqlSegmentStore(self.connection)

    @property
    def suppressions(self) -> SqlSuppressionStore:
        from mailer.store.audience.suppressions import SqlSuppressionStore

        return SqlSuppressionStore(self.connection, self.key)

    @property
    def import_rows(self) -> SqlImportRowStore:
        from mailer.store.audience.import_rows import SqlImportRowStore

        return SqlImportRowStore(self.connection, self.key)

    @property
    def bulk(self) -> SqlBulkStore:
        from mailer.store.audience.bulk import SqlBulkStore

        return SqlBulkStore(self.connection, self.key)

    @property
    def digests(self) -> SqlDigestStore:
        from mailer.store.digests import SqlDigestStore

        return SqlDigestStore(self.connection)

    @property
    def schedules(self) -> SqlScheduleStore:
        from mailer.store.schedules import SqlScheduleStore

        return SqlScheduleStore(self.connection)

    @property
    def editions(self) -> SqlEditionStore:
        from mailer.store.editions.records import SqlEditionStore

        return SqlEditionStore(self.connection)

    @property
    def archive(self) -> SqlArchiveStore:
        from mailer.store.archive import SqlArchiveStore

        return SqlArchiveStore(self.connection)

    @property
    def sources(self) -> SqlSourceStore:
        from mailer.store.sources import SqlSourceStore

        return SqlSourceStore(self.connection)

    @property
    def release_pages(self) -> SqlReleasePageStore:
        from mailer.store.releases.pages import SqlReleasePageStore

        return SqlReleasePageStore(self.connection)

    @property
    def leases(self) -> SqlLeaseStore:
        from mailer.store.leases import SqlLeaseStore

        return SqlLeaseStore(self.connection)

    @property
    def service_mails(self) -> SqlServiceMailStore:
        from mailer.store.outbox.service_mails import SqlServiceMailStore

        return SqlServiceMailStore(self.connection, self.key)

    @property
    def notices(self) -> SqlNoticeStore:
        from mailer.store.outbox.notices import SqlNoticeStore

        return SqlNoticeStore(self.connection, self.key)

    @property
    def reader_time_zones(self) -> list[str]:
        """The time zones that readers are in: those of subscribers, and those that lists have for
        members who gave none."""
        from mailer.store.audience.time_zones import (
            list_mailing_list_time_zones,
            list_subscriber_time_zones,
        )

        return sorted(
            {
                *list_subscriber_time_zones(self.connection),
                *list_mailing_list_time_zones(self.connection),
            }
        )

    @property
    def plans(self) -> SqlPlanStore:
        from mailer.store.outbox.plan import SqlPlanStore

        return SqlPlanStore(self.connection)

    @property
    def workers(self) -> SqlWorkerStore:
        from mailer.store.outbox.workers import SqlWorkerStore

        return SqlWorkerStore(self.connection)

    @property
    def queue(self) -> SqlQueueStore:
        from mailer.store.outbox.queue import SqlQueueStore

        return SqlQueueStore(self.connection)

    @property
    def outbox(self) -> SqlOutboxStore:
        from mailer.store.outbox.reports import SqlOutboxStore

        return SqlOutboxStore(self.connection, self.key)

    @property
    def retention(self) -> SqlRetentionStore:
        from mailer.store.retention import SqlRetentionStore

        return SqlRetentionStore(self.connection)

    def lock_releases(self) -> None:
        """Keep others from stories, embargoes, releases and sources until the transaction ends."""
        from mailer.store.locks import lock_releases

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
