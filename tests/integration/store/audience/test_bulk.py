"""Changing many members in the database; a member who leaves during the change has left."""

import threading

import pytest

from mailer.audience import segments, subscribers
from mailer.audience.imports import bulk
from mailer.audience.imports.rows import ImportRow
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
def ready(store: Store) -> Store:
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


def standing(tx: SqlTransaction, address: str, of: str = "news") -> Membership:
    known = subscribers.get_subscriber(tx, address)
    found = subscribers.find_membership(tx, known, of)
    assert found is not None
    return found


def everyone(tx: SqlTransaction, text: str = "") -> list[int]:
    tree = segments.check_filter(tx, text) if text else All(())
    return list(tx.segments.list_member_ids(factories.get_mailing_list(tx), tree, 0))


def do(tx: SqlTransaction, wanted: BulkChange, text: str = "") -> list[BulkOutcome]:
    news = factories.get_mailing_list(tx)
    ids = everyone(tx, text)
    results = bulk.change_members(tx, STAFF, news, ids, wanted, NOW + DAY, source="desk")
    return [one.outcome for one in results]


def test_bulk_change_applies_to_active_members_of_one_list(
    ready: Store,
) -> None:
    wanted = BulkChange(
        TOPICS,
        remove_topics=frozenset({"health"}),
        add_topics=frozenset({"housing"}),
        add_tags=frozenset({"vip"}),
        remove_tags=frozenset({"donor", "none such"}),
        language="ar",
        frequency=Frequency.WEEKLY,
    )
    with ready.begin() as tx:
        before = standing(tx, "di@example.org"), standing(tx, "ed@example.org", "press")
        assert do(tx, wanted) == [BulkOutcome.CHANGED] * 3
        assert do(tx, wanted) == [BulkOutcome.UNCHANGED] * 3
    with ready.read() as tx:
        assert [standing(tx, f"{who}@example.org").topics for who in ("ana", "bo", "cy")] == [
            ("housing",), ("climate", "housing", "migration"), ("climate", "housing"),
        ]  # fmt: skip
        kept = standing(tx, "ana@example.org")
        assert (kept.language, kept.frequency, kept.joined_at) == ("ar", Frequency.WEEKLY, NOW)
        ana = subscribers.get_subscriber(tx, "ana@example.org")
        assert ana.person.tags == ("staff", "vip")
        assert (standing(tx, "di@example.org"), standing(tx, "ed@example.org", "press")) == before
        last = tx.subscribers.list_consent_entries("ana@example.org")[-1]
    assert (last.act, last.source, last.at) == (ConsentAction.CHANGED, "desk", NOW + DAY)
    assert last.detail == "topics: housing; language: ar; frequency: weekly"


def test_bulk_change_applies_only_to_filtered_members(ready: Store) -> None:
    with ready.begin() as tx:
        wanted = BulkChange(TOPICS, add_topics=frozenset({"housing"}))
        assert do(tx, wanted, "country = GB and tag = donor") == [BulkOutcome.CHANGED]
        assert do(tx, wanted, "language = fr") == [BulkOutcome.UNCHANGED], "follows all"
        assert standing(tx, "cy@example.org").topics == ("climate", "health")


def test_bulk_unsubscribe_is_logged_as_left(ready: Store) -> None:
    with ready.begin() as tx:
        assert (
            do(tx, BulkChange(TOPICS, unsubscribe=True), "country = GB")
            == [BulkOutcome.CHANGED] * 2
        )
        left = standing(tx, "bo@example.org")
        assert (left.state, left.left_at) == (MembershipState.UNSUBSCRIBED, NOW + DAY)
        assert len(everyone(tx)) == 1


def test_bulk_change_reads_members_in_pages(ready: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "PAGE", 7)
    with ready.begin() as tx:
        rows = [ImportRow(n, Person(f"r{n}@example.org")) for n in range(20)]
        tx.import_rows.import_people(STAFF, rows, factories.get_mailing_list(tx), "test", NOW)
        found: list[int] = []
        while page := tx.segments.list_member_ids(
            factories.get_mailing_list(tx), All(()), found[-1] if found else 0
        ):
            assert len(page) <= 7
            found += page
    assert found == sorted(set(found))
    assert len(found) == 23


@pytest.mark.parametrize("how", ["change", "import"])
def test_leaving_during_bulk_change_is_final(ready: Store, how: str) -> None:
    """No other transaction writes a member between reading and writing: otherwise the member would
    be on the list again."""
    held, done = threading.Event(), threading.Event()

    def leaves() -> None:
        held.wait(10)
        with ready.begin() as tx:
            factories.unsubscribe_address(tx, "ana@example.org", now=NOW + DAY)
        done.set()

    leaving = threading.Thread(target=leaves)
    leaving.start()
    with ready.begin() as tx:
        news = factories.get_mailing_list(tx)
        ids = everyone(tx)
        if how == "change":
            tx.segments.list_members(news, ids)
        else:
            tx.import_rows._find_known_people(["ana@example.org"], news)
        held.set()
        assert not done.wait(0.3), "it waits"
        if how == "change":
            wanted = BulkChange(TOPICS, add_topics=frozenset({"housing"}))
            bulk.change_members(tx, STAFF, news, ids, wanted, NOW, source="desk")
        else:
            row = ImportRow(2, Person("ana@example.org"), ("health", "housing"))
            tx.import_rows.import_people(STAFF, [row], news, "a file", NOW)
    leaving.join(10)
    with ready.read() as tx:
        kept = standing(tx, "ana@example.org")
    assert (kept.state, kept.topics) == (MembershipState.UNSUBSCRIBED, ("health", "housing"))
