"""Members change their frequency at any moment, and miss no story and get none twice."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from mailer import articles, digests, editions
from mailer.audience import preferences, subscribers
from mailer.audience.imports.bulk import change_members
from mailer.model.deliveries import DeliveryState, Exclusion
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition, EditionBody
from mailer.model.imports import ImportRow
from mailer.model.lists import Frequency
from mailer.model.segments import BulkChange
from mailer.outbox import explain_outcome
from mailer.store import SqlTransaction, Store
from mailer.store.schema import delivery, past_frequency
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, HOUR, NOW

FREQUENCIES = (Frequency.EVERY, Frequency.IMMEDIATE, Frequency.DAILY, Frequency.MONTHLY)
READERS = ("ana@example.org", "ben@example.org", "cleo@example.org")
READER_TOPICS = {READERS[0]: (), READERS[1]: ("health",), READERS[2]: ("health", "climate")}
DAILY_TOPICS = ("health", "migration")
"""The only topics of the daily digest; the other digests take all stories."""


@dataclass(frozen=True)
class QueueStory:
    topic: str


@dataclass(frozen=True)
class Assemble:
    frequency: Frequency


@dataclass(frozen=True)
class Send:
    """Send the oldest unsent edition, or cancel it."""

    is_cancelled: bool
    is_urgent: bool


@dataclass(frozen=True)
class Choose:
    reader: str
    frequency: Frequency


frequencies = st.sampled_from(FREQUENCIES)
steps = st.one_of(
    st.builds(QueueStory, st.sampled_from(["health", "climate", "migration", ""])),
    st.builds(Assemble, frequencies),
    st.builds(Send, st.sampled_from([False] * 4 + [True]), st.sampled_from([False] * 5 + [True])),
    st.builds(Choose, st.sampled_from(READERS), frequencies),
    st.builds(Choose, st.sampled_from(READERS), frequencies),
)


def takes(frequency: Frequency, topic: str) -> bool:
    return frequency is not Frequency.DAILY or topic in DAILY_TOPICS


def wants(reader: str, topic: str) -> bool:
    return not READER_TOPICS[reader] or not topic or topic in READER_TOPICS[reader]


@dataclass
class Oracle:
    """The rule in plain Python: who gets which story of an edition."""

    topics: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, Frequency] = field(
        default_factory=lambda: dict.fromkeys(READERS, Frequency.EVERY)
    )
    had_since: dict[tuple[str, str], set[Frequency]] = field(default_factory=dict)
    """The frequencies that a reader has had since a story was queued."""
    had_at_first: dict[tuple[str, str], Frequency] = field(default_factory=dict)
    sent: set[tuple[Frequency, str]] = field(default_factory=set)
    received: set[tuple[str, str]] = field(default_factory=set)

    def queue_story(self, slug: str, topic: str) -> None:
        self.topics[slug] = topic
        for reader, frequency in self.chosen.items():
            self.had_since[reader, slug] = {frequency}
            self.had_at_first[reader, slug] = frequency

    def choose(self, reader: str, frequency: Frequency) -> None:
        self.chosen[reader] = frequency
        for slug in self.topics:
            self.had_since[reader, slug].add(frequency)

    def send(
        self, frequency: Frequency, slugs: tuple[str, ...], *, is_urgent: bool
    ) -> set[tuple[str, str]]:
        """Return (reader, slug) of the stories that the edition brings."""
        pairs = set()
        for reader, chosen in self.chosen.items():
            for slug in slugs:
                will_come = takes(chosen, self.topics[slug]) and (chosen, slug) not in self.sent
                is_owed = frequency in self.had_since[reader, slug] and not will_come
                if (
                    wants(reader, self.topics[slug])
                    and (reader, slug) not in self.received
                    and (is_urgent or chosen is frequency or is_owed)
                ):
                    pairs.add((reader, slug))
        self.sent |= {(frequency, slug) for slug in slugs}
        self.received |= pairs
        return pairs


class Office:
    """The same with a database. Each step takes an hour."""

    def __init__(self, tx: SqlTransaction) -> None:
        self.tx = tx
        self.now = NOW
        self.oracle = Oracle()
        self.unsent: list[Edition] = []
        self.counts: Counter[tuple[str, str]] = Counter()

    def take(self, step: object) -> None:
        self.now += HOUR
        match step:
            case QueueStory(topic):
                self.queue_story(topic)
            case Assemble(frequency):
                self.assemble(frequency)
            case Send(is_cancelled, is_urgent) if self.unsent:
                edition = self.unsent.pop(0)
                if is_cancelled:
                    editions.cancel_edition(self.tx, STAFF, edition, self.now)
                else:
                    self.send(edition, is_urgent=is_urgent)
            case Choose(reader, frequency):
                self.choose(reader, frequency)

    def queue_story(self, topic: str) -> None:
        slug = f"story-{len(self.oracle.topics)}"
        content = factories.make_content(slug, *filter(None, [topic]))
        articles.add_article(self.tx, STAFF, content, self.now)
        self.oracle.queue_story(slug, topic)

    def assemble(self, frequency: Frequency) -> bool:
        edition, _ = digests.assemble_edition(self.tx, STAFF, frequency.value, self.now)
        if edition.state is EditionState.SKIPPED:
            return False
        self.unsent.append(edition)
        return True

    def send(self, edition: Edition, *, is_urgent: bool = False) -> None:
        if is_urgent:
            edition = self.tx.editions.update_edition(
                edition, replace(edition, urgent_reasons={"en": "The dam may break."})
            )
        mask = (1 << len(edition.stories)) - 1
        edition = self.tx.editions.freeze_edition(
            edition, [EditionBody("en", "s", "t", "h", "z", mask)], edition.stories, "0" * 64
        )
        expected = self.oracle.send(edition.frequency, edition.stories, is_urgent=is_urgent)
        statuses = {
            reader: self.tx.outbox.get_recipient_status(edition, reader) for reader in READERS
        }
        plan = self.tx.outbox.plan_deliveries(edition, self.now)
        masks = {
            delivery.address: delivery.stories
            for delivery in self.tx.outbox.list_deliveries(edition)
        }
        pairs = {
            (reader, slug)
            for reader, mask in masks.items()
            for bit, slug in enumerate(edition.stories)
            if mask >> bit & 1
        }
        assert pairs == expected
        assert plan.planned + sum(plan.excluded.values()) == len(READERS)
        for reader in READERS:
            is_reader = reader in masks
            status = statuses[reader]
            assert is_reader == (bool(status.stories) and not status.is_for_others)
            if is_reader:
                assert status.stories == masks[reader]
        self.counts.update(pairs)

    def choose(self, reader: str, frequency: Frequency) -> None:
        preferences.change_membership(
            self.tx,
            STAFF,
            subscribers.get_subscriber(self.tx, reader),
            factories.get_mailing_list(self.tx),
            {"frequency": frequency},
            self.now,
        )
        self.oracle.choose(reader, frequency)

    def finish(self) -> None:
        """Send what is unsent, then what each digest still has."""
        while self.unsent or any(map(self.assemble, FREQUENCIES)):
            self.now += HOUR
            self.send(self.unsent.pop(0))


@pytest.fixture
def news_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        for frequency in FREQUENCIES:
            topics = DAILY_TOPICS if frequency is Frequency.DAILY else ()
            factories.add_digest(tx, frequency.value, frequency=frequency, topics=topics)
        for reader in READERS:
            factories.add_subscriber(tx, reader, *READER_TOPICS[reader])
    return store


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=st.lists(steps, min_size=5, max_size=25))
def test_changed_frequency_neither_repeats_nor_loses_a_story(
    news_store: Store, program: list[object]
) -> None:
    with news_store.begin() as tx:
        office = Office(tx)
        for step in program:
            office.take(step)
        office.finish()
        oracle = office.oracle
        for reader in READERS:
            for slug, topic in oracle.topics.items():
                count = office.counts[reader, slug]
                assert count <= 1
                if wants(reader, topic) and takes(oracle.had_at_first[reader, slug], topic):
                    assert count == 1, f"{reader} never got {slug}"
        tx.rollback()


# ---- single cases -------------------------------------------------------------------------------


def start_monthly_change(tx: SqlTransaction) -> Office:
    """Ana changes from monthly to every edition, after it has run a story that she waits for."""
    office = Office(tx)
    office.choose(READERS[0], Frequency.MONTHLY)
    office.take(QueueStory("health"))
    office.take(Assemble(Frequency.EVERY))
    office.take(Send(is_cancelled=False, is_urgent=False))
    office.take(Choose(READERS[0], Frequency.EVERY))
    return office


def assemble_next(office: Office, frequency: Frequency) -> Edition:
    assert office.assemble(frequency)
    edition = office.unsent.pop(0)
    mask = (1 << len(edition.stories)) - 1
    return office.tx.editions.freeze_edition(
        edition, [EditionBody("en", "s", "t", "h", "z", mask)], edition.stories, "0" * 64
    )


def test_explain_says_that_given_up_frequency_still_brings_a_missed_story(
    news_store: Store,
) -> None:
    with news_store.begin() as tx:
        office = start_monthly_change(tx)
        edition = assemble_next(office, Frequency.MONTHLY)
        outcomes = [explain_outcome(tx, edition, READERS[0])]
        assert tx.outbox.count_audience(edition).excluded == {Exclusion.FREQUENCY: 2}
        plan = tx.outbox.plan_deliveries(edition, office.now)
        assert (plan.planned, plan.excluded) == (1, {Exclusion.FREQUENCY: 2})
        outcomes.append(explain_outcome(tx, edition, READERS[0]))
        for outcome in outcomes:
            assert "Although they chose the regular editions, they chose a mail a month" in outcome
            assert "this edition has what they would otherwise miss" in outcome
        other_outcome = explain_outcome(tx, edition, READERS[1])
        assert "they chose the regular editions, and it goes to others of the list" in other_outcome


def test_explain_says_that_a_reader_has_the_stories_already(news_store: Store) -> None:
    with news_store.begin() as tx:
        office = Office(tx)
        office.take(QueueStory("health"))
        office.take(Assemble(Frequency.EVERY))
        office.take(Send(is_cancelled=False, is_urgent=False))
        office.take(Choose(READERS[0], Frequency.MONTHLY))
        edition = assemble_next(office, Frequency.MONTHLY)
        outcome = explain_outcome(tx, edition, READERS[0])
        assert "they have got its stories in other editions" in outcome
        excluded = {Exclusion.FREQUENCY: 2, Exclusion.HAS_IT: 1}
        assert tx.outbox.plan_deliveries(edition, office.now).excluded == excluded


def test_story_is_not_repeated_to_a_new_address(news_store: Store) -> None:
    with news_store.begin() as tx:
        office = Office(tx)
        office.take(QueueStory("health"))
        office.take(Assemble(Frequency.EVERY))
        office.take(Send(is_cancelled=False, is_urgent=False))
        office.take(Choose(READERS[0], Frequency.MONTHLY))
        ana = subscribers.get_subscriber(tx, READERS[0])
        preferences.change_address(tx, STAFF, ana, "ana@example.net", office.now)
        edition = assemble_next(office, Frequency.MONTHLY)
        assert tx.outbox.plan_deliveries(edition, office.now).planned == 0


def merge_into_former_reader(office: Office) -> str:
    """Merge Ana into an address that left the list before she joined, and return the address."""
    tx, address = office.tx, "zoe@example.org"
    survivor = factories.add_subscriber(tx, address, joined=NOW - 2 * DAY)
    news = factories.get_mailing_list(tx)
    subscribers.unsubscribe_person(tx, STAFF, survivor, news, NOW - DAY)
    ana = subscribers.get_subscriber(tx, READERS[0])
    preferences.merge_subscribers(tx, STAFF, ana, survivor, office.now)
    return address


def test_merged_person_is_owed_what_their_other_address_waited_for(news_store: Store) -> None:
    with news_store.begin() as tx:
        office = start_monthly_change(tx)
        address = merge_into_former_reader(office)
        edition = assemble_next(office, Frequency.MONTHLY)
        assert tx.outbox.plan_deliveries(edition, office.now).planned == 1
        assert "would otherwise miss" in explain_outcome(tx, edition, address)


def test_story_is_not_repeated_to_person_who_got_it_before_being_merged(
    news_store: Store,
) -> None:
    with news_store.begin() as tx:
        office = Office(tx)
        office.take(QueueStory("health"))
        office.take(Assemble(Frequency.EVERY))
        office.take(Send(is_cancelled=False, is_urgent=False))
        office.take(Choose(READERS[0], Frequency.MONTHLY))
        address = merge_into_former_reader(office)
        edition = assemble_next(office, Frequency.MONTHLY)
        assert "they have got its stories in other editions" in explain_outcome(
            tx, edition, address
        )
        assert tx.outbox.plan_deliveries(edition, office.now).planned == 0


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.SENT])
def test_story_of_failed_delivery_comes_by_the_new_frequency(
    news_store: Store, state: DeliveryState
) -> None:
    with news_store.begin() as tx:
        office = Office(tx)
        office.take(QueueStory("health"))
        office.take(Assemble(Frequency.EVERY))
        office.take(Send(is_cancelled=False, is_urgent=False))
        for step in (DeliveryState.CLAIMED, DeliveryState.ON_WIRE, state):
            tx.connection.execute(update(delivery).values(state=step.value))
        office.take(Choose(READERS[0], Frequency.MONTHLY))
        edition = assemble_next(office, Frequency.MONTHLY)
        planned = tx.outbox.plan_deliveries(edition, office.now).planned
        assert planned == (state is DeliveryState.FAILED)


def test_every_way_to_change_frequency_is_remembered(news_store: Store) -> None:
    with news_store.begin() as tx:
        mailing_list = factories.get_mailing_list(tx)
        ana, ben, cleo = (subscribers.get_subscriber(tx, reader) for reader in READERS)
        change = BulkChange(frozenset(), frequency=Frequency.MONTHLY)
        change_members(tx, STAFF, mailing_list, [ana.id], change, NOW, source="test")
        subscribers.subscribe_person(
            tx, STAFF, ben.person, mailing_list, (), NOW, frequency=Frequency.MONTHLY
        )
        row = ImportRow(2, cleo.person, frequency=Frequency.MONTHLY, joined_at=NOW + HOUR)
        tx.import_rows.import_people(STAFF, [row], mailing_list, "test", NOW + HOUR)
        for subscriber in (ana, ben, cleo):
            (membership,) = tx.subscribers.list_memberships(subscriber)
            assert membership.frequency is Frequency.MONTHLY
        rows = tx.connection.execute(select(past_frequency)).all()
        assert {(row.subscriber_id, row.frequency) for row in rows} == {
            (subscriber.id, "every") for subscriber in (ana, ben, cleo)
        }
