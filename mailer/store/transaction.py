"""The transaction of the database: all stores on one connection.

Verbs see it as :class:`mailer.model.transaction.Transaction`. Stores that only the edge needs
(leases, rows of an import, service mails, notices, retention) are here and not in that Protocol.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from mailer.store.archive import ArchiveQueries
from mailer.store.articles import ArticleQueries
from mailer.store.audience.bulk import BulkQueries
from mailer.store.audience.confirmations import AllowanceQueries, ConfirmationQueries
from mailer.store.audience.import_rows import SqlImportRowStore
from mailer.store.audience.lists import SqlListStore
from mailer.store.audience.segments import SegmentQueries
from mailer.store.audience.subscriber_store import SqlSubscriberStore
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


class SqlArticleStore(ArticleQueries, BoilerplateQueries):
    """Implements :class:`mailer.model.stores.content.ArticleStore`."""


class SqlReleaseStore(ReleasePageQueries, KillQueries, FileQueries):
    """Implements :class:`mailer.model.stores.content.ReleaseStore`: press pages, kills and
    files."""


class SqlSegmentStore(SegmentQueries, BulkQueries):
    """Implements :class:`mailer.model.stores.audience.SegmentStore`."""


class SqlSignUpStore(ConfirmationQueries, AllowanceQueries):
    """Implements :class:`mailer.model.stores.audience.SignUpStore`."""


class SqlEditionStore(EditionQueries, ArchiveQueries):
    """Implements :class:`mailer.model.stores.sending.EditionStore`, with the archive."""


class SqlOutboxStore(PlanQueries, QueueQueries, ReportQueries, WorkerQueries):
    """Implements :class:`mailer.model.stores.sending.OutboxStore`: deliveries, their plan and
    reports, and the workers that claim them."""


@dataclass(frozen=True)
class SqlTransaction:
    """A transaction of the database. `key` makes the keyed hash of an address."""

    connection: Connection
    key: bytes

    @property
    def articles(self) -> SqlArticleStore:
        return SqlArticleStore(self.connection, self.key)

    @property
    def lists(self) -> SqlListStore:
        return SqlListStore(self.connection, self.key)

    @property
    def subscribers(self) -> SqlSubscriberStore:
        return SqlSubscriberStore(self.connection, self.key)

    @property
    def releases(self) -> SqlReleaseStore:
        return SqlReleaseStore(self.connection, self.key)

    @property
    def sign_ups(self) -> SqlSignUpStore:
        return SqlSignUpStore(self.connection, self.key)

    @property
    def embargoes(self) -> SqlEmbargoStore:
        return SqlEmbargoStore(self.connection, self.key)

    @property
    def segments(self) -> SqlSegmentStore:
        return SqlSegmentStore(self.connection, self.key)

    @property
    def import_rows(self) -> SqlImportRowStore:
        return SqlImportRowStore(self.connection, self.key)

    @property
    def digests(self) -> SqlDigestStore:
        return SqlDigestStore(self.connection, self.key)

    @property
    def schedules(self) -> SqlScheduleStore:
        return SqlScheduleStore(self.connection, self.key)

    @property
    def editions(self) -> SqlEditionStore:
        return SqlEditionStore(self.connection, self.key)

    @property
    def sources(self) -> SqlSourceStore:
        return SqlSourceStore(self.connection, self.key)

    @property
    def leases(self) -> SqlLeaseStore:
        return SqlLeaseStore(self.connection, self.key)

    @property
    def service_mails(self) -> SqlServiceMailStore:
        return SqlServiceMailStore(self.connection, self.key)

    @property
    def notices(self) -> SqlNoticeStore:
        return SqlNoticeStore(self.connection, self.key)

    @property
    def reader_time_zones(self) -> list[str]:
        """The time zones of readers: those of subscribers, and the defaults of lists for members
        who gave none."""
        return sorted(
            {
                *list_subscriber_time_zones(self.connection),
                *list_mailing_list_time_zones(self.connection),
            }
        )

    @property
    def outbox(self) -> SqlOutboxStore:
        return SqlOutboxStore(self.connection, self.key)

    @property
    def retention(self) -> SqlRetentionStore:
        return SqlRetentionStore(self.connection, self.key)

    def lock_releases(self) -> None:
        """Lock stories, embargoes, releases and sources against other writers until the transaction
        ends."""
        lock_releases(self.connection)

    @contextmanager
    def open_savepoint(self) -> Iterator[None]:
        """Open a savepoint: an error within it undoes only the changes since."""
        with self.connection.begin_nested():
            yield

    def rollback(self) -> None:
        """Undo the whole transaction, as a dry run does."""
        self.connection.rollback()
