"""The transaction, which is the first parameter of every verb, and the database that opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

# Imported only for types: every verb's module imports this one, and needs few of the nouns.
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mailer.model.stores.audience import (
        ImportRowStore,
        ListStore,
        MembershipCountStore,
        SegmentStore,
        SignUpStore,
        SubscriberStore,
    )
    from mailer.model.stores.content import (
        ArticleStore,
        AssetStore,
        EmbargoStore,
        ReleaseStore,
        SourceStore,
    )
    from mailer.model.stores.recovery import RecoveryStore, SigningKeyStore
    from mailer.model.stores.reports import ClickStore, ReportStore
    from mailer.model.stores.sending import (
        DigestStore,
        EditionStore,
        NoticeStore,
        OutboxStore,
        ScheduleStore,
        ServiceMailStore,
    )
    from mailer.model.stores.upkeep import LeaseStore, RetentionStore


class Transaction(Protocol):
    """An open transaction, with the store of each noun.

    Commands, pages and the worker open and commit transactions; verbs and stores never do."""

    @property
    def articles(self) -> ArticleStore: ...
    @property
    def assets(self) -> AssetStore: ...
    @property
    def embargoes(self) -> EmbargoStore: ...
    @property
    def releases(self) -> ReleaseStore: ...
    @property
    def sources(self) -> SourceStore: ...
    @property
    def lists(self) -> ListStore: ...
    @property
    def subscribers(self) -> SubscriberStore: ...
    @property
    def membership_counts(self) -> MembershipCountStore: ...
    @property
    def import_rows(self) -> ImportRowStore: ...
    @property
    def segments(self) -> SegmentStore: ...
    @property
    def sign_ups(self) -> SignUpStore: ...
    @property
    def digests(self) -> DigestStore: ...
    @property
    def schedules(self) -> ScheduleStore: ...
    @property
    def editions(self) -> EditionStore: ...
    @property
    def outbox(self) -> OutboxStore: ...
    @property
    def notices(self) -> NoticeStore: ...
    @property
    def service_mails(self) -> ServiceMailStore: ...
    @property
    def leases(self) -> LeaseStore: ...
    @property
    def retention(self) -> RetentionStore: ...
    @property
    def clicks(self) -> ClickStore: ...
    @property
    def reports(self) -> ReportStore: ...
    @property
    def recovery(self) -> RecoveryStore: ...
    @property
    def signing_keys(self) -> SigningKeyStore: ...
    @property
    def reader_time_zones(self) -> list[str]:
        """The time zones of subscribers, and the defaults of lists."""

    def lock_releases(self) -> None:
        """Lock stories, embargoes, releases and sources against other writers until the transaction
        ends."""

    def open_savepoint(self) -> AbstractContextManager[None]:
        """Open a savepoint. An error within it undoes only the changes since the savepoint."""


class Database(Protocol):
    """A database that opens transactions."""

    def begin(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that may write."""

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads."""

    def stop_waiting(self) -> None:
        """End every wait for the database at once; transactions fail from now on."""
