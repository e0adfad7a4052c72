"""What the public pages are asked about here: an office with lists, topics and people who stand in
every way to them, and the links that they have in their mails."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, MetaData, select

from mailer.app import Mailer
from mailer.audience import choices, confirmations, erasure, links, lists, subscribers
from mailer.audience.confirmations import ConfirmationState, Wishes
from mailer.audience.limits import Limit
from mailer.audience.links import MemberLink, Purpose
from mailer.audience.lists import Frequency, MailingList, Visibility
from mailer.audience.subscribers import MembershipState, Subscriber
from mailer.store import Store, Transaction
from tests.integration import office
from tests.integration.office import NOW

ADDRESSES = {
    "known": "known@readers.example.org",
    "unknown": "nobody@readers.example.org",
    "suppressed": "suppressed@readers.example.org",
    "erased": "erased@readers.example.org",
    "left": "left@readers.example.org",
    "pending": "pending@readers.example.org",
    "paused": "paused@readers.example.org",
}
"""Somebody for each way to stand to the office."""

NO_LIMIT = Limit("test", 0)


@dataclass(frozen=True)
class Stage:
    """The office, once it is furnished."""

    mailer: Mailer
    news: MailingList
    press: MailingList
    staff: MailingList

    @property
    def store(self) -> Store:
        return self.mailer.store

    def person(self, address: str, *, to: str = "news", **fields: Any) -> Subscriber:
        with self.store.begin() as tx:
            return office.person(tx, address, to=to, **fields)

    def known(self, address: str) -> Subscriber | None:
        with self.store.read() as tx:
            return tx.subscribers.find_subscriber(address)

    def state(self, address: str, on: str = "news") -> MembershipState | None:
        with self.store.read() as tx:
            person = tx.subscribers.find_subscriber(address)
            found = person and subscribers.membership_of(tx.subscribers, person, on)
            return found.state if found else None

    # ---- links ----------------------------------------------------------------------------------

    def unsubscribe(self, person: Subscriber, from_: MailingList | None = None) -> str:
        link = MemberLink(person.id, (from_ or self.news).id)
        return "/u/" + links.sign_member(self.store.key, Purpose.UNSUBSCRIBE, link)

    def preferences(self, person: Subscriber) -> str:
        link = MemberLink(person.id, self.news.id)
        return "/p/" + links.sign_member(self.store.key, Purpose.PREFERENCES, link)

    def confirm(self, number: int) -> str:
        return "/c/" + links.sign_confirmation(self.store.key, number)

    def asked(
        self,
        address: str,
        *on: str,
        now: datetime = NOW,
        state: ConfirmationState = ConfirmationState.MAILED,
        **wishes: Any,
    ) -> int:
        """The number of a sign-up that waits for its owner's answer."""
        with self.store.begin() as tx:
            wanted = Wishes(lists=on or ("news",), **wishes)
            new = confirmations.sign_up(tx.lists, address, wishes=wanted, language="en", source="x")
            confirmations.ask(tx.confirmations, tx.allowances, NO_LIMIT, new, now)
            made = tx.confirmations.of_address(new.address)[-1]
            if state is not ConfirmationState.ASKED:
                confirmations.move(tx.confirmations, made, state, now)
        return made.id

    def waiting(self, address: str) -> list[confirmations.Confirmation]:
        """What its owner is to be asked, or was."""
        with self.store.read() as tx:
            return tx.confirmations.of_address(address)


def furnish(mailer: Mailer) -> Stage:
    """Three lists, one of them private, topics, a weekly digest, and :data:`ADDRESSES`."""
    with mailer.store.begin() as tx:
        office.topics(tx)
        news = office.mailing_list(tx, "news")
        press = office.mailing_list(tx, "press")
        staff = lists.add_list(tx.lists, "staff", "Staff", NOW, visibility=Visibility.PRIVATE)
        office.digest(tx, "the-week", frequency=Frequency.WEEKLY)
        _people(tx)
    stage = Stage(mailer, news, press, staff)
    stage.asked(ADDRESSES["pending"])
    return stage


def _people(tx: Transaction) -> None:
    office.person(tx, ADDRESSES["known"], "health", name="Known Reader", country="GB")
    office.person(tx, ADDRESSES["suppressed"])
    office.suppress(tx, ADDRESSES["suppressed"])
    office.person(tx, ADDRESSES["erased"])
    erasure.erase(tx.subscribers, ADDRESSES["erased"], NOW)
    office.person(tx, ADDRESSES["left"], state=MembershipState.UNSUBSCRIBED)
    paused = office.person(tx, ADDRESSES["paused"])
    news = office.the_list(tx)
    choices.pause(tx.subscribers, paused, [news], timedelta(weeks=4), NOW)


# ---- all that the database holds --------------------------------------------------------------


_tables: WeakKeyDictionary[Engine, MetaData] = WeakKeyDictionary()


def dump(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the database, ours or not."""
    with store.read() as tx:
        if store.engine not in _tables:
            _tables[store.engine] = found = MetaData()
            found.reflect(tx.connection)
        tables = _tables[store.engine]
        return {
            name: sorted((tuple(row) for row in tx.connection.execute(select(table))), key=repr)
            for name, table in tables.tables.items()
        }


def found_in(held: Mapping[str, Sequence[tuple[Any, ...]]], *words: str) -> Iterator[str]:
    """Where any of these words stands, in whatever case."""
    for table, rows in held.items():
        for row in rows:
            for value in row:
                text = str(value).casefold()
                for word in words:
                    if word.casefold() in text:
                        yield f"{word} in {table}: {row}"
