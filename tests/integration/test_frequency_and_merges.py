"""No reader misses a story, or gets one twice, when topics or people are merged."""

from collections.abc import Callable
from threading import Event

import pytest

from mailer import digests, editions
from mailer.app import Mailer
from mailer.audience import preferences, subscribers, topics
from mailer.model.lists import Frequency
from mailer.model.subscribers import Person
from mailer.store import SqlTransaction
from tests.actors import AMINA, STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.factories import NOW

ANA, BEN, NEW_BEN = "ana@example.org", "ben@example.org", "ben@example.net"

Send = Callable[[str], list[str]]


@pytest.fixture
def send(mailer: Mailer, relay: Relay) -> Send:
    """A function that sends the next edition of a digest, and returns who got it."""

    def send_next(digest_slug: str) -> list[str]:
        relay.received.clear()
        with mailer.store.begin() as tx:
            now = mailer.clock()
            edition, _ = digests.assemble_edition(tx, STAFF, digest_slug, now)
            edition = editions.approve_edition(tx, AMINA, edition, mailer.renderer, now)
            edition, _ = editions.start_edition(tx, AMINA, edition, mailer.renderer, now)
        mailer.deliver_editions([edition], Event())
        return sorted(received.recipient for received in relay.received)

    return send_next


def add_office(tx: SqlTransaction) -> None:
    factories.add_topics(tx)
    factories.add_mailing_list(tx)
    for address in (ANA, BEN):
        factories.add_subscriber(tx, address)


def choose(tx: SqlTransaction, address: str, frequency: Frequency, mailer: Mailer) -> None:
    preferences.change_membership(
        tx,
        STAFF,
        subscribers.get_subscriber(tx, address),
        factories.get_mailing_list(tx),
        {"frequency": frequency},
        mailer.clock(),
    )


def merge_ben(tx: SqlTransaction, mailer: Mailer) -> None:
    """Merge Ben into a subscriber who is on no list."""
    survivor = tx.subscribers.find_subscriber(NEW_BEN) or tx.subscribers.add_subscriber(
        Person(NEW_BEN), "", mailer.clock()
    )
    ben = subscribers.get_subscriber(tx, BEN)
    preferences.merge_subscribers(tx, STAFF, ben, survivor, mailer.clock())


def test_story_that_a_digest_passed_over_comes_as_chosen_before(mailer: Mailer, send: Send) -> None:
    """The weekly digest takes the topic of the story after the merge, but passes the story over, so
    Ben, who changes to weekly, gets it by the regular edition."""
    with mailer.store.begin() as tx:
        add_office(tx)
        factories.add_digest(tx, "regular", topics=("climate",))
        factories.add_digest(tx, "weekly", frequency=Frequency.WEEKLY, topics=("health",))
        factories.add_story(tx, "storm", "climate")
        topics.merge_topics(tx, STAFF, "health", "climate", mailer.clock())
        choose(tx, BEN, Frequency.WEEKLY, mailer)
    assert send("regular") == [ANA, BEN]


def test_merged_person_gets_no_story_again(mailer: Mailer, send: Send) -> None:
    """Ben got the story at his earlier address, before he changed to weekly."""
    with mailer.store.begin() as tx:
        add_office(tx)
        factories.add_digest(tx, "regular")
        factories.add_digest(tx, "weekly", frequency=Frequency.WEEKLY)
        factories.add_story(tx, "storm", "climate")
    assert send("regular") == [ANA, BEN]
    with mailer.store.begin() as tx:
        choose(tx, ANA, Frequency.WEEKLY, mailer)
        choose(tx, BEN, Frequency.WEEKLY, mailer)
        merge_ben(tx, mailer)
        factories.add_subscriber(tx, "cleo@example.org")
        choose(tx, "cleo@example.org", Frequency.WEEKLY, mailer)
    assert send("weekly") == ["cleo@example.org"]


def test_merged_person_misses_no_story(mailer: Mailer, send: Send) -> None:
    """The weekly edition had the story before Ben changed to weekly, so the regular edition brings
    it, at the address that stays."""
    with mailer.store.begin() as tx:
        add_office(tx)
        factories.add_digest(tx, "regular")
        factories.add_digest(tx, "weekly", frequency=Frequency.WEEKLY)
        choose(tx, ANA, Frequency.WEEKLY, mailer)
        factories.add_story(tx, "storm", "climate")
    assert send("weekly") == [ANA]
    with mailer.store.begin() as tx:
        choose(tx, BEN, Frequency.WEEKLY, mailer)
        merge_ben(tx, mailer)
    assert send("regular") == [NEW_BEN]


def test_merge_of_two_members_counts_both_frequencies(mailer: Mailer, send: Send) -> None:
    """One address got the story by the regular edition; the other, which stays, is weekly."""
    with mailer.store.begin() as tx:
        add_office(tx)
        factories.add_digest(tx, "regular")
        factories.add_digest(tx, "weekly", frequency=Frequency.WEEKLY)
        for address in (NEW_BEN, "cleo@example.org"):
            factories.add_subscriber(tx, address, joined=NOW)
            choose(tx, address, Frequency.WEEKLY, mailer)
        factories.add_story(tx, "storm", "climate")
    assert send("regular") == [ANA, BEN]
    with mailer.store.begin() as tx:
        merge_ben(tx, mailer)
    assert send("weekly") == ["cleo@example.org"]
