"""Changing many members in the database; a member who leaves during the change has left."""

import threading

import pytest

from mailer.audience import segments, subscribers
from mailer.audience.imports import bulk
from mailer.model.imports import ImportRow
from mailer.model.lists import Frequency
from mailer.model.segments import All, BulkChange, BulkOutcome
from mailer.model.subscribers import ConsentAction, Membership, MembershipState, Person
from mailer.store import SqlTransaction, Store
from mailer.store.audience import bulk as stored
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, NOW

TOPICS = frozenset(factories.TOPICS)


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "press")
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
        factories.add_subscriber(
            tx, "ana@example.org", "health", tags=("donor", "staff"), country="GB"
        )
        factories.add_subscriber(tx, "bo@example.org", country="GB", language="fr")
        factories.add_subscriber(tx, "cy@example.org", "health", "climate", country="FR")
        factories.add_subscriber(tx, "di@example.org", "health", state=MembershipState.UNSUBSCRIBED)
        factories.add_subscriber(tx, "ed@example.org", "health", list_slug="press")
    return store


def get_membership(tx: SqlTransaction, address: str, list_slug: str = "news") -> Membership:
    subscriber = subscribers.get_subscriber(tx, address)
    membership = subscribers.find_membership(tx, subscriber, list_slug)
    assert membership is not None
    return membership


def list_member_ids(tx: SqlTransaction, text: str = "") -> list[int]:
    tree = segments.check_filter(tx, text) if text else All(())
    return list(tx.segments.list_member_ids(factories.get_mailing_list(tx), tree, 0))


def change_members(
    tx: SqlTransaction, bulk_change: BulkChange, text: str = ""
) -> list[BulkOutcome]:
    news = factories.get_mailing_list(tx)
    ids = list_member_ids(tx, text)
    results = bulk.change_members(tx, STAFF, news, ids, bulk_change, NOW + DAY, source="desk")
    return [result.outcome for result in results]


def test_bulk_change_applies_to_active_members_of_one_list(
    seeded_store: Store,
) -> None:
    bulk_change = BulkChange(
        TOPICS,
        remove_topics=frozenset({"health"}),
        add_topics=frozenset({"housing"}),
        add_tags=frozenset({"vip"}),
        remove_tags=frozenset({"donor", "none such"}),
        language="ar",
        frequency=Frequency.WEEKLY,
    )
    with seeded_store.begin() as tx:
        before = get_membership(tx, "di@example.org"), get_membership(tx, "ed@example.org", "press")
        assert change_members(tx, bulk_change) == [BulkOutcome.CHANGED] * 3
        assert change_members(tx, bulk_change) == [BulkOutcome.UNCHANGED] * 3
    with seeded_store.read() as tx:
        addresses = [f"{name}@example.org" for name in ("ana", "bo", "cy")]
        assert [get_membership(tx, address).topics for address in addresses] == [
            ("housing",),
            ("climate", "housing", "migration"),
            ("climate", "housing"),
        ]
        membership = get_membership(tx, "ana@example.org")
        assert (membership.language, membership.frequency, membership.joined_at) == (
            "ar",
            Frequency.WEEKLY,
            NOW,
        )
        ana = subscribers.get_subscriber(tx, "ana@example.org")
        assert ana.person.tags == ("staff", "vip")
        assert (
            get_membership(tx, "di@example.org"),
            get_membership(tx, "ed@example.org", "press"),
        ) == before
        last = tx.subscribers.list_consent_entries("ana@example.org")[-1]
    assert (last.act, last.source, last.at) == (ConsentAction.CHANGED, "desk", NOW + DAY)
    assert last.detail == "topics: housing; language: ar; frequency: weekly"


def test_bulk_change_applies_only_to_filtered_members(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        bulk_change = BulkChange(TOPICS, add_topics=frozenset({"housing"}))
        assert change_members(tx, bulk_change, "country = GB and tag = donor") == [
            BulkOutcome.CHANGED
        ]
        assert change_members(tx, bulk_change, "language = fr") == [BulkOutcome.UNCHANGED], (
            "follows all"
        )
        assert get_membership(tx, "cy@example.org").topics == ("climate", "health")


def test_bulk_unsubscribe_is_logged_as_left(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        assert (
            change_members(tx, BulkChange(TOPICS, unsubscribe=True), "country = GB")
            == [BulkOutcome.CHANGED] * 2
        )
        left = get_membership(tx, "bo@example.org")
        assert (left.state, left.left_at) == (MembershipState.UNSUBSCRIBED, NOW + DAY)
        assert len(list_member_ids(tx)) == 1


def test_bulk_change_reads_members_in_pages(
    seeded_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PAGE", 7)
    with seeded_store.begin() as tx:
        rows = [ImportRow(n, Person(f"r{n}@example.org")) for n in range(20)]
        tx.import_rows.import_people(STAFF, rows, factories.get_mailing_list(tx), "test", NOW)
        member_ids: list[int] = []
        while page := tx.segments.list_member_ids(
            factories.get_mailing_list(tx), All(()), member_ids[-1] if member_ids else 0
        ):
            assert len(page) <= 7
            member_ids += page
    assert member_ids == sorted(set(member_ids))
    assert len(member_ids) == 23


@pytest.mark.parametrize("how", ["change", "import"])
def test_leaving_during_bulk_change_is_final(seeded_store: Store, how: str) -> None:
    """No other transaction writes a member between reading and writing: otherwise the member would
    be on the list again."""
    has_read, has_left = threading.Event(), threading.Event()

    def unsubscribe_ana() -> None:
        has_read.wait(10)
        with seeded_store.begin() as tx:
            factories.unsubscribe_address(tx, "ana@example.org", now=NOW + DAY)
        has_left.set()

    thread = threading.Thread(target=unsubscribe_ana)
    thread.start()
    with seeded_store.begin() as tx:
        news = factories.get_mailing_list(tx)
        ids = list_member_ids(tx)
        if how == "change":
            tx.segments.list_members(news, ids)
        else:
            tx.import_rows._find_known_people(["ana@example.org"], news)
        has_read.set()
        assert not has_left.wait(0.3), "it waits"
        if how == "change":
            bulk_change = BulkChange(TOPICS, add_topics=frozenset({"housing"}))
            bulk.change_members(tx, STAFF, news, ids, bulk_change, NOW, source="desk")
        else:
            row = ImportRow(2, Person("ana@example.org"), ("health", "housing"))
            tx.import_rows.import_people(STAFF, [row], news, "a file", NOW)
    thread.join(10)
    with seeded_store.read() as tx:
        membership = get_membership(tx, "ana@example.org")
    assert (membership.state, membership.topics) == (
        MembershipState.UNSUBSCRIBED,
        ("health", "housing"),
    )
