"""The transaction of the database: all stores on one connection.

Verbs know the transaction as the Protocol :class:`mailer.model.transaction.Transaction`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

# A command needs few nouns, so the transaction imports a store only when it is used.
if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mailer.store.article_store import SqlArticleStore
    from mailer.store.assets import SqlAssetStore
    from mailer.store.audience.import_rows import SqlImportRowStore
    from mailer.store.audience.lists import SqlListStore
    from mailer.store.audience.membership_counts import SqlMembershipCountStore
    from mailer.store.audience.segment_store import SqlSegmentStore
    from mailer.store.audience.sign_up_store import SqlSignUpStore
    from mailer.store.audience.subscriber_store import SqlSubscriberStore
    from mailer.store.clicks import SqlClickStore
    from mailer.store.digests import SqlDigestStore
    from mailer.store.editions.edition_store import SqlEditionStore
    from mailer.store.leases import SqlLeaseStore
    from mailer.store.outbox.notices import SqlNoticeStore
    from mailer.store.outbox.outbox_store import SqlOutboxStore
    from mailer.store.outbox.service_mails import SqlServiceMailStore
    from mailer.store.recovery import SqlRecoveryStore
    from mailer.store.releases.embargoes import SqlEmbargoStore
    from mailer.store.releases.release_store import SqlReleaseStore
    from mailer.store.reports import SqlReportStore
    from mailer.store.retention import SqlRetentionStore
    from mailer.store.schedules import SqlScheduleStore
    from mailer.store.signing_keys import SqlSigningKeyStore
    from mailer.store.sources import SqlSourceStore


@dataclass(frozen=True)
class SqlTransaction:
    """A transaction of the database. `key` is the key for the hashes of addresses;
    `safe_recipients`: see ``Store``."""

    connection: Connection
    key: bytes
    safe_recipients: tuple[str, ...] = ()

    @property
    def articles(self) -> SqlArticleStore:
        from mailer.store.article_store import SqlArticleStore

        return SqlArticleStore(self.connection, self.key)

    @property
    def assets(self) -> SqlAssetStore:
        from mailer.store.assets import SqlAssetStore

        return SqlAssetStore(self.connection, self.key)

    @property
    def lists(self) -> SqlListStore:
        from mailer.store.audience.lists import SqlListStore

        return SqlListStore(self.connection, self.key)

    @property
    def subscribers(self) -> SqlSubscriberStore:
        from mailer.store.audience.subscriber_store import SqlSubscriberStore

        return SqlSubscriberStore(self.connection, self.key)

    @property
    def membership_counts(self) -> SqlMembershipCountStore:
        from mailer.store.audience.membership_counts import SqlMembershipCountStore

        return SqlMembershipCountStore(self.connection, self.key)

    @property
    def clicks(self) -> SqlClickStore:
        from mailer.store.clicks import SqlClickStore

        return SqlClickStore(self.connection, self.key)

    @property
    def reports(self) -> SqlReportStore:
        from mailer.store.reports import SqlReportStore

        return SqlReportStore(self.connection, self.key)

    @property
    def releases(self) -> SqlReleaseStore:
        from mailer.store.releases.release_store import SqlReleaseStore

        return SqlReleaseStore(self.connection, self.key)

    @property
    def sign_ups(self) -> SqlSignUpStore:
        from mailer.store.audience.sign_up_store import SqlSignUpStore

        return SqlSignUpStore(self.connection, self.key)

    @property
    def embargoes(self) -> SqlEmbargoStore:
        from mailer.store.releases.embargoes import SqlEmbargoStore

        return SqlEmbargoStore(self.connection, self.key)

    @property
    def segments(self) -> SqlSegmentStore:
        from mailer.store.audience.segment_store import SqlSegmentStore

        return SqlSegmentStore(self.connection, self.key)

    @property
    def import_rows(self) -> SqlImportRowStore:
        from mailer.store.audience.import_rows import SqlImportRowStore

        return SqlImportRowStore(self.connection, self.key)

    @property
    def digests(self) -> SqlDigestStore:
        from mailer.store.digests import SqlDigestStore

        return SqlDigestStore(self.connection, self.key)

    @property
    def schedules(self) -> SqlScheduleStore:
        from mailer.store.schedules import SqlScheduleStore

        return SqlScheduleStore(self.connection, self.key)

    @property
    def editions(self) -> SqlEditionStore:
        from mailer.store.editions.edition_store import SqlEditionStore

        return SqlEditionStore(self.connection, self.key)

    @property
    def sources(self) -> SqlSourceStore:
        from mailer.store.sources import SqlSourceStore

        return SqlSourceStore(self.connection, self.key)

    @property
    def leases(self) -> SqlLeaseStore:
        from mailer.store.leases import SqlLeaseStore

        return SqlLeaseStore(self.connection, self.key)

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
        """The time zones of readers: those of subscribers, and the lists' default zones for members
        who gave no zone."""
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
    def outbox(self) -> SqlOutboxStore:
        from mailer.store.outbox.outbox_store import SqlOutboxStore

        return SqlOutboxStore(self.connection, self.key, self.safe_recipients)

    @property
    def recovery(self) -> SqlRecoveryStore:
        from mailer.store.recovery import SqlRecoveryStore

        return SqlRecoveryStore(self.connection, self.key)

    @property
    def signing_keys(self) -> SqlSigningKeyStore:
        from mailer.store.signing_keys import SqlSigningKeyStore

        return SqlSigningKeyStore(self.connection, self.key)

    @property
    def retention(self) -> SqlRetentionStore:
        from mailer.store.retention import SqlRetentionStore

        return SqlRetentionStore(self.connection, self.key)

    def lock_releases(self) -> None:
        """Lock stories, embargoes, releases and sources against other writers until the transaction
        ends."""
        from mailer.store.locks import lock_releases

        lock_releases(self.connection)

    @contextmanager
    def open_savepoint(self) -> Iterator[None]:
        """Open a savepoint. An error within it undoes only the changes since the savepoint."""
        with self.connection.begin_nested():
            yield

    def rollback(self) -> None:
        """Undo the whole transaction, as a dry run does."""
        self.connection.rollback()
