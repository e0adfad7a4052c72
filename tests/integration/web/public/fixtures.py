"""An office for tests of the public pages: lists, topics, people in every state, and the links of
their mails."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, MetaData, select

from mailer.app import Mailer
from mailer.audience import erasure, links, lists, preferences, subscribers
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.audience.signup import confirmations
from mailer.model.lists import Frequency, MailingList, Visibility
from mailer.model.signup import Confirmation, ConfirmationState, MailLimit, SignUpWishes
from mailer.model.subscribers import MembershipState, Subscriber
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW

ADDRESSES = {
    "known": "known@readers.example.org",
    "unknown": "nobody@readers.example.org",
    "suppressed": "suppressed@readers.example.org",
    "erased": "erased@readers.example.org",
    "left": "left@readers.example.org",
    "pending": "pending@readers.example.org",
    "paused": "paused@readers.example.org",
}
"""An address for each state that a person can be in."""

NO_LIMIT = MailLimit(0)


@dataclass(frozen=True)
class SeededOffice:
    """An office with lists and people."""

    mailer: Mailer
    news: MailingList
    press: MailingList
    staff: MailingList

    @property
    def store(self) -> Store:
        return self.mailer.store

    def add_person(self, address: str, *, list_slug: str = "news", **fields: Any) -> Subscriber:
        with self.store.begin() as tx:
            return factories.add_subscriber(tx, address, list_slug=list_slug, **fields)

    def find_subscriber(self, address: str) -> Subscriber | None:
        with self.store.read() as tx:
            return tx.subscribers.find_subscriber(address)

    def find_membership_state(
        self, address: str, list_slug: str = "news"
    ) -> MembershipState | None:
        with self.store.read() as tx:
            subscriber = tx.subscribers.find_subscriber(address)
            membership = subscriber and subscribers.find_membership(tx, subscriber, list_slug)
            return membership.state if membership else None

    # ---- links ----------------------------------------------------------------------------------

    def build_unsubscribe_path(
        self,
        subscriber: Subscriber,
        mailing_list: MailingList | None = None,
        edition_id: int = 0,
    ) -> str:
        link = MemberLink(subscriber.id, (mailing_list or self.news).id, edition_id)
        return "/u/" + links.sign_member_link(self.store.key, LinkPurpose.UNSUBSCRIBE, link)

    def build_preferences_path(self, subscriber: Subscriber) -> str:
        link = MemberLink(subscriber.id, self.news.id)
        return "/p/" + links.sign_member_link(self.store.key, LinkPurpose.PREFERENCES, link)

    def build_confirm_path(self, confirmation_id: int) -> str:
        return "/c/" + links.sign_confirmation_link(self.store.key, confirmation_id)

    def add_sign_up(
        self,
        address: str,
        *list_slugs: str,
        now: datetime = NOW,
        state: ConfirmationState = ConfirmationState.MAILED,
        **wishes: Any,
    ) -> int:
        """Add a sign-up that waits for its owner's answer, and return its id."""
        with self.store.begin() as tx:
            sign_up_wishes = SignUpWishes(lists=list_slugs or ("news",), **wishes)
            sign_up = confirmations.build_sign_up(
                tx, address, wishes=sign_up_wishes, language="en", source="x"
            )
            confirmations.request_confirmation(tx, STAFF, NO_LIMIT, sign_up, now)
            confirmation = tx.sign_ups.list_for_address(sign_up.address)[-1]
            if state is not ConfirmationState.ASKED:
                confirmations.move_confirmation(tx, STAFF, confirmation, state, now)
        return confirmation.id

    def list_confirmations(self, address: str) -> list[Confirmation]:
        """Return the confirmations of an address, open or answered."""
        with self.store.read() as tx:
            return tx.sign_ups.list_for_address(address)


def seed_office(mailer: Mailer) -> SeededOffice:
    """Add three lists, one of them private, topics, a weekly digest, and :data:`ADDRESSES`."""
    with mailer.store.begin() as tx:
        factories.add_topics(tx)
        news = factories.add_mailing_list(tx, "news")
        press = factories.add_mailing_list(tx, "press")
        staff = lists.add_list(tx, STAFF, "staff", "Staff", NOW, visibility=Visibility.PRIVATE)
        factories.add_digest(tx, "the-week", frequency=Frequency.WEEKLY)
        _add_people(tx)
    seeded_office = SeededOffice(mailer, news, press, staff)
    seeded_office.add_sign_up(ADDRESSES["pending"])
    return seeded_office


def _add_people(tx: SqlTransaction) -> None:
    factories.add_subscriber(tx, ADDRESSES["known"], "health", name="Known Reader", country="GB")
    factories.add_subscriber(tx, ADDRESSES["suppressed"])
    factories.suppress_address(tx, ADDRESSES["suppressed"])
    factories.add_subscriber(tx, ADDRESSES["erased"])
    erasure.erase_person(tx, STAFF, ADDRESSES["erased"], NOW)
    factories.add_subscriber(tx, ADDRESSES["left"], state=MembershipState.UNSUBSCRIBED)
    paused_subscriber = factories.add_subscriber(tx, ADDRESSES["paused"])
    news = factories.get_mailing_list(tx)
    preferences.pause_memberships(tx, STAFF, paused_subscriber, [news], timedelta(weeks=4), NOW)


# ---- the database's contents ------------------------------------------------------------------


_tables: WeakKeyDictionary[Engine, MetaData] = WeakKeyDictionary()


def dump_tables(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of the database, by table."""
    with store.read() as tx:
        if store.engine not in _tables:
            _tables[store.engine] = metadata = MetaData()
            metadata.reflect(tx.connection)
        reflected = _tables[store.engine]
        return {
            name: sorted((tuple(row) for row in tx.connection.execute(select(table))), key=repr)
            for name, table in reflected.tables.items()
        }


def find_words(
    rows_by_table: Mapping[str, Sequence[tuple[Any, ...]]], *words: str
) -> Iterator[str]:
    """Yield each place where one of the words stands, in any case."""
    for table, rows in rows_by_table.items():
        for row in rows:
            for value in row:
                text = str(value).casefold()
                for word in words:
                    if word.casefold() in text:
                        yield f"{word} in {table}: {row}"
