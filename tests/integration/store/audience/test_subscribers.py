"""Subscribers and their memberships in the database."""

import threading
from pathlib import Path

import pytest

from mailer.audience import erasure, preferences, subscribers, suppressions
from mailer.audience.imports.topic_names import index_topics
from mailer.errors import NotFound, Refused
from mailer.intake import table
from mailer.intake.row_format import ImportChoices
from mailer.model.imports import ImportRow
from mailer.model.lists import Frequency
from mailer.model.subscribers import (
    ExportedSubscriber,
    ListedSubscriber,
    MembershipState,
    Person,
)
from mailer.model.suppressions import Suppression, SuppressionReason
from mailer.store import Store
from mailer.store.audience.exports import EXPORT_BATCH
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, HOUR, NOW

ANA = "ana@example.org"


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "press")
    return store


def test_subscriber_round_trip(seeded_store: Store) -> None:
    person = Person(ANA, "Ana Ní Bhriain", "fr", "GB", "Europe/London", ("donor", "trustee"))
    with seeded_store.begin() as tx:
        added = factories.add_subscriber(
            tx,
            ANA,
            "health",
            name="Ana  Ní Bhriain ",
            language="FR",
            country="gb",
            time_zone="Europe/London",
            tags=("trustee", "donor", "donor"),
        )
    with seeded_store.read() as tx:
        saved = subscribers.get_subscriber(tx, ANA)
    assert saved == added
    assert saved.person == person


def test_subscribing_again_changes_topics_and_keeps_fields(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, "health", name="Ana", tags=("donor",))
        factories.add_subscriber(
            tx, ANA, "climate", "housing", country="FR", joined=NOW + DAY, tags=("vip",)
        )
        saved = subscribers.get_subscriber(tx, ANA)
        (membership,) = tx.subscribers.list_memberships(saved)
    assert saved.person == Person(ANA, "Ana", country="FR", tags=("donor", "vip"))
    assert membership.topics == ("climate", "housing")
    assert membership.joined_at == NOW


def test_each_list_has_its_own_consent(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, "health")
        factories.add_subscriber(tx, ANA, "climate", list_slug="press")
        factories.unsubscribe_address(tx, ANA, list_slug="press", now=NOW + HOUR)
        news, press = tx.subscribers.list_memberships(subscribers.get_subscriber(tx, ANA))
    assert (news.state, news.topics) == (MembershipState.ACTIVE, ("health",))
    assert (press.state, press.topics) == (MembershipState.UNSUBSCRIBED, ("climate",))
    assert press.left_at == NOW + HOUR


def test_resubscribe_needs_request_of_person(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA)
        factories.unsubscribe_address(tx, ANA)
        factories.unsubscribe_address(tx, ANA, now=NOW + DAY)
        ana = subscribers.get_subscriber(tx, ANA)
        (left,) = tx.subscribers.list_memberships(ana)
        assert left.left_at == NOW, "leaving twice is leaving once"
        with pytest.raises(Refused, match="unsubscribed from the list 'news'"):
            factories.add_subscriber(tx, ANA)
        _, back = subscribers.subscribe_person(
            tx, STAFF, Person(ANA), factories.get_mailing_list(tx), (), NOW + DAY, rejoin=True
        )
        assert (back.state, back.left_at) == (MembershipState.ACTIVE, None)
        assert tx.subscribers.list_memberships(ana) == [back]


def test_active_member_never_becomes_pending(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA)
        ana = factories.add_subscriber(tx, ANA, state=MembershipState.PENDING)
        (membership,) = tx.subscribers.list_memberships(ana)
    assert membership.state is MembershipState.ACTIVE


def test_unsubscribe_without_membership_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA)
        with pytest.raises(NotFound, match="not on the list 'press'"):
            factories.unsubscribe_address(tx, ANA, list_slug="press")


def test_subscriber_fields_are_edited(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, name="Ana", tags=("donor",))
        factories.add_subscriber(tx, "bo@example.org")
        moved = preferences.change_address(
            tx, STAFF, subscribers.get_subscriber(tx, ANA), "ana@EXAMPLE.net", NOW
        )
        edited, changed = subscribers.edit_subscriber(tx, STAFF, moved.address, {"tags": ("vip",)})
        assert changed
        assert subscribers.get_subscriber(tx, "ana@example.net") == edited
        assert edited.person.tags == ("vip",)
        with pytest.raises(NotFound):
            subscribers.get_subscriber(tx, ANA)
        assert subscribers.edit_subscriber(tx, STAFF, "ana@example.net", {"name": "Ana"}) == (
            edited,
            False,
        )


def test_removed_subscriber_leaves_no_rows(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, "health", tags=("donor",))
        erasure.erase_person(tx, STAFF, ANA, NOW, may_return=True)
        assert list(tx.subscribers.iterate_subscribers()) == []
        with pytest.raises(NotFound):
            subscribers.get_subscriber(tx, ANA)


def test_subscribers_are_read_once_in_batches(seeded_store: Store) -> None:
    count = EXPORT_BATCH + 3
    with seeded_store.begin() as tx:
        people = [
            ImportRow(
                n, Person(f"r{n}@example.org", tags=(f"t{n % 3}",)), (factories.TOPICS[n % 4],)
            )
            for n in range(count)
        ]
        tx.import_rows.import_people(STAFF, people, factories.get_mailing_list(tx), "test", NOW)
        factories.add_subscriber(tx, "alone@example.org", list_slug="press")
    with seeded_store.read() as tx:
        news = factories.get_mailing_list(tx)
        all_subscribers = list(tx.subscribers.iterate_subscribers())
        readers = list(tx.subscribers.iterate_subscribers(news))
        all_exported = list(tx.subscribers.iterate_exported())
        exported_readers = list(tx.subscribers.iterate_exported(news))
    assert (
        len({record.subscriber.address for record in all_subscribers})
        == len(all_subscribers)
        == count + 1
    )
    assert all(record.membership is None for record in all_subscribers)
    assert len(readers) == count
    assert all_exported == list(map(export_record, all_subscribers))
    assert exported_readers == list(map(export_record, readers))
    for record in readers:
        subscriber, membership = record.subscriber, record.membership
        number = int(subscriber.address[1:].partition("@")[0])
        assert subscriber.person.tags == (f"t{number % 3}",)
        assert membership is not None
        assert membership.topics == (factories.TOPICS[number % 4],)


def export_record(record: ListedSubscriber) -> ExportedSubscriber:
    """Return what an export should have of a record that was read in another way."""
    person, membership = record.subscriber.person, record.membership
    exported = ExportedSubscriber(
        person.address, person.name, person.language, person.country, person.time_zone, person.tags
    )
    if membership is not None:
        exported = exported._replace(
            topics=membership.topics,
            joined_at=membership.joined_at.isoformat(),
            state=membership.state.value,
            left_at=membership.left_at.isoformat() if membership.left_at else "",
            list_language=membership.language,
            frequency=membership.frequency.value,
            paused_until=membership.paused_until.isoformat() if membership.paused_until else "",
        )
    return exported._replace(suppressed=record.suppressed or None)


def test_export_has_every_field_of_members(seeded_store: Store) -> None:
    moment = NOW.replace(microsecond=1200)
    with seeded_store.begin() as tx:
        factories.add_subscriber(
            tx, ANA, "health", "housing", name="Ana", language="fr", country="GB",
            time_zone="Asia/Tokyo", tags=("b", "a"), joined=moment - DAY,
        )  # fmt: skip
        factories.add_subscriber(tx, "bo@example.org", state=MembershipState.UNSUBSCRIBED)
        factories.add_subscriber(tx, "cy@example.org")
        factories.add_subscriber(tx, "di@example.org", list_slug="press", tags=("c",))
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
        news = factories.get_mailing_list(tx)
        ana = subscribers.get_subscriber(tx, ANA)
        changes = {"frequency": Frequency.WEEKLY, "language": "ar"}
        preferences.change_membership(tx, STAFF, ana, news, changes, NOW)
        preferences.pause_memberships(tx, STAFF, ana, [news], 30 * DAY, moment)
        suppression = Suppression("cy@example.org", SuppressionReason.BOUNCE, "", NOW)
        suppressions.suppress_addresses(tx.subscribers, STAFF, [suppression], NOW, source="test")
    with seeded_store.read() as tx:
        members = list(tx.subscribers.iterate_exported(news))
        records = list(tx.subscribers.iterate_subscribers(news))
        everyone = list(tx.subscribers.iterate_exported())
        all_records = list(tx.subscribers.iterate_subscribers())
    assert members == list(map(export_record, records))
    assert everyone == list(map(export_record, all_records))
    assert [person.tags for person in everyone] == [("a", "b"), (), (), ("c",)]
    assert members[0].joined_at == (moment - DAY).isoformat()
    assert members[0].paused_until == (moment + 30 * DAY).isoformat()
    assert (members[1].state, members[2].suppressed) == ("unsubscribed", "bounce")


def test_empty_list_has_no_subscribers(seeded_store: Store) -> None:
    with seeded_store.read() as tx:
        assert list(tx.subscribers.iterate_exported(factories.get_mailing_list(tx))) == []
        assert list(tx.subscribers.iterate_subscribers(factories.get_mailing_list(tx))) == []


def test_exported_subscribers_can_be_imported(seeded_store: Store, tmp_path: Path) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(
            tx, ANA, "health", "housing", name='Ana "the, 3rd" Ní Bhriain', country="GB"
        )
        factories.add_subscriber(
            tx, "bo@bücher.example", name="船 𝒻", language="zh", tags=("a b", "c")
        )
        factories.add_subscriber(
            tx, "cy@example.org", time_zone="Asia/Tokyo", joined=NOW - 400 * DAY
        )
        factories.add_subscriber(tx, "di@example.org", "health", state=MembershipState.UNSUBSCRIBED)
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
        news = factories.get_mailing_list(tx)
        cy = subscribers.get_subscriber(tx, "cy@example.org")
        preferences.change_membership(
            tx, STAFF, cy, news, {"frequency": Frequency.WEEKLY, "language": "ar"}, NOW
        )
        preferences.pause_memberships(tx, STAFF, cy, [news], 30 * DAY, NOW)
        before = list(tx.subscribers.iterate_subscribers(factories.get_mailing_list(tx)))
        file = tmp_path / "people.csv"
        with file.open("w", encoding="utf-8") as out:
            exported = tx.subscribers.iterate_exported(factories.get_mailing_list(tx))
            assert table.write_subscribers(exported, out) == 4
        for record in before:
            erasure.erase_person(tx, STAFF, record.subscriber.address, NOW, may_return=True)
        (batch,) = table.read_table_file(
            file, ImportChoices(topics=index_topics(tx.lists.list_topics()))
        )
        assert batch.refused == ()
        results = tx.import_rows.import_people(
            STAFF, batch.rows, factories.get_mailing_list(tx), "back", NOW
        )
        assert [subscriber.outcome.value for subscriber in results] == [
            "added",
            "added",
            "added",
            "left",
        ]
        after = list(tx.subscribers.iterate_subscribers(factories.get_mailing_list(tx)))
    assert [(record.subscriber.person, record.membership) for record in after] == [
        (record.subscriber.person, record.membership) for record in before
    ]


def test_leaving_during_preference_change_is_final(seeded_store: Store) -> None:
    """Values read before the subscriber left must not put them back on the list."""
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, "health")
    has_read, has_left = threading.Event(), threading.Event()

    def unsubscribe_ana() -> None:
        has_read.wait(10)
        with seeded_store.begin() as tx:
            factories.unsubscribe_address(tx, ANA, now=NOW + DAY)
        has_left.set()

    thread = threading.Thread(target=unsubscribe_ana)
    thread.start()
    with seeded_store.begin() as tx:
        ana, news = subscribers.get_subscriber(tx, ANA), factories.get_mailing_list(tx)
        tx.subscribers.list_memberships(ana)
        has_read.set()
        assert not has_left.wait(0.3), "it waits"
        preferences.change_membership(tx, STAFF, ana, news, {"topics": ("housing",)}, NOW)
    thread.join(10)
    with seeded_store.read() as tx:
        (membership,) = tx.subscribers.list_memberships(ana)
    assert (membership.state, membership.topics) == (MembershipState.UNSUBSCRIBED, ("housing",))
