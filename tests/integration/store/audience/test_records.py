"""Records about a person: an erasure finds all of them, and none of another person."""

from datetime import timedelta

import pytest
from sqlalchemy import MetaData, String, Text, select, update

from mailer.app import Mailer
from mailer.audience import consent, erasure, preferences, subscribers, suppressions
from mailer.audience.signup import confirmations
from mailer.errors import Refused
from mailer.model.signup import MailLimit, SignUpWishes
from mailer.model.subscribers import ConsentAction
from mailer.model.suppressions import SuppressionReason
from mailer.store import SqlTransaction, Store, schema
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, NOW

ANA, NEW, OLD = "ana@example.org", "ana@example.net", "ana@old.example"
LIMIT = MailLimit(0)


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "press")
    return store


def list_columns_with(tx: SqlTransaction, word: str) -> list[str]:
    """Each column of the database that holds a word somewhere."""
    names = []
    metadata: MetaData = schema.metadata
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, String | Text):
                texts = tx.connection.scalars(select(column).where(column.contains(word)))
                names += [f"{table.name}.{column.name}"] * len(list(texts))
    return sorted(names)


def test_erasure_leaves_only_hash_of_each_address(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, "zoe@old.example", "health", name="Zoe")
        factories.add_subscriber(tx, "zoe@example.net", list_slug="press", name="Zoe Quay")
        zoe = subscribers.get_subscriber(tx, "zoe@old.example")
        zoe = preferences.change_address(tx, STAFF, zoe, "zoe@example.org", NOW)
        other = subscribers.get_subscriber(tx, "zoe@example.net")
        zoe = preferences.merge_subscribers(tx, STAFF, other, zoe, NOW + DAY)
        address_change = confirmations.build_address_change(
            tx, zoe.id, "zoe@next.example", "en", "page"
        )
        confirmations.request_confirmation(tx, STAFF, LIMIT, address_change, NOW)
        suppressions.suppress_address(
            tx, STAFF, "zoe@old.example", SuppressionReason.BOUNCE, "550 zoe@old.example", NOW
        )
        assert len(list_columns_with(tx, "zoe@")) > 8
        assert erasure.erase_person(tx, STAFF, "zoe@example.org", NOW + DAY)
        assert list_columns_with(tx, "zoe@") == []
        assert list_columns_with(tx, "Zoe") == []
        for address in ("zoe@old.example", "zoe@example.net", "zoe@example.org"):
            assert tx.subscribers.find_suppression_reason(address) in {"erased", "bounce"}
            with pytest.raises(Refused, match="must not be mailed"):
                factories.add_subscriber(tx, address)
        acts = [address.act for address in consent.list_consent_entries(tx, "zoe@example.org")]
        assert acts == [ConsentAction.NEW_ADDRESS, ConsentAction.MERGED, ConsentAction.ERASED]


def test_erasure_with_may_return_suppresses_no_hash(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA)
        erasure.erase_person(tx, STAFF, ANA, NOW, may_return=True)
        assert tx.subscribers.find_suppression_reason(ANA) is None
        factories.add_subscriber(tx, ANA)


def test_erasure_keeps_former_address_of_new_owner(seeded_store: Store) -> None:
    """Mail providers give addresses of people who have gone to others."""
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, OLD, "health")
        first = subscribers.get_subscriber(tx, OLD)
        preferences.change_address(tx, STAFF, first, NEW, NOW)
        second = factories.add_subscriber(tx, OLD, "climate")
        erasure.erase_person(tx, STAFF, NEW, NOW + DAY)
        assert tx.subscribers.find_suppression_reason(OLD) is None
        assert subscribers.get_subscriber(tx, OLD) == second
        logged = tx.subscribers.list_consent_entries(OLD)
        assert {one.address for one in logged if one.subscriber_id == second.id} == {OLD}
        assert {one.address for one in logged if one.subscriber_id == first.id} == {""}


def test_personal_data_export_has_all_records(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, "health", name="Ana", list_slug="press")
        subscriber = subscribers.get_subscriber(tx, ANA)
        address_change = confirmations.build_address_change(tx, subscriber.id, NEW, "en", "page")
        confirmations.request_confirmation(tx, STAFF, LIMIT, address_change, NOW)
        wishes = SignUpWishes(("news",), ("climate",))
        sign_up = confirmations.build_sign_up(tx, ANA, wishes, "en", "page")
        confirmations.request_confirmation(tx, STAFF, LIMIT, sign_up, NOW + timedelta(hours=1))
        personal_data = erasure.collect_personal_data(tx, subscriber)
    assert (personal_data["address"], personal_data["name"], personal_data["suppressed"]) == (
        ANA,
        "Ana",
        None,
    )
    assert [one["list"] for one in personal_data["lists"]] == ["press"]
    assert [one["act"] for one in personal_data["consent"]] == ["added"]
    assert [(one["kind"], one["address"]) for one in personal_data["waiting"]] == [
        ("new_address", NEW),
        ("sign_up", ANA),
    ]
    assert personal_data["waiting"][1]["wishes"]["topics"] == ("climate",)


def test_personal_data_lists_editions_of_own_addresses(store: Store, mailer: Mailer) -> None:
    edition = factories.begin_edition(mailer, ANA, "bo@example.org")
    with store.begin() as tx:
        ana = subscribers.get_subscriber(tx, ANA)
        preferences.change_address(tx, STAFF, ana, NEW, NOW)
        moved = subscribers.get_subscriber(tx, NEW)
        assert [one.edition for one in tx.subscribers.list_mailed_editions(moved)] == [edition.name]
        another = factories.add_subscriber(tx, ANA)
        assert tx.subscribers.list_mailed_editions(another) == []
        erasure.erase_person(tx, STAFF, NEW, NOW)
    assert [one.partition(":")[0] for one in factories.read_deliveries(store, edition)] == [
        "bo@example.org",
        "erased",
    ]


@pytest.mark.parametrize("by_retention", [False, True])
def test_erasure_removes_international_address_from_replies(
    mailer: Mailer, by_retention: bool
) -> None:
    """A relay repeats the domain in A-labels, as it was given."""
    zoe = "zoe@b\u00fccher.example"
    edition = factories.begin_edition(mailer, zoe)
    with mailer.store.begin() as tx:
        relay_reply = f"250 2.1.5 <zoe@xn--bcher-kva.example> or {zoe}"
        tx.connection.execute(update(schema.delivery).values(reply=relay_reply))
        if by_retention:
            assert tx.retention.clear_addresses(edition.id, "", 10, NOW)[0] == 1
        else:
            assert erasure.erase_person(tx, STAFF, zoe, NOW)
        (reply,) = tx.connection.scalars(select(schema.delivery.c.reply))
    assert reply == "250 2.1.5 <(erased)> or (erased)"
