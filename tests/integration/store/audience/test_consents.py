"""The log of consent, on both databases: only an erasure removes rows from it, and the
database itself refuses every other change."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from mailer.audience import erasure, subscribers
from mailer.model.subscribers import ConsentAction, Evidence, Person, Wording
from mailer.store import Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW

ANA = "ana@example.org"
WORDING = Wording("en", "I agree that Example Office sends me mails.")

CHANGES = (
    "UPDATE consent SET act = 'added'",
    "UPDATE consent SET at = '2020-01-01 00:00:00+00'",
    "UPDATE consent SET source = 'elsewhere'",
    "UPDATE consent SET list = 'press'",
    "UPDATE consent SET basis = 'public_task'",
    "UPDATE consent SET detail = 'topics: others'",
    "UPDATE consent SET wording_id = NULL",
    "UPDATE consent SET reason = 'other'",
    "UPDATE consent SET subscriber_id = subscriber_id + 1",
    "UPDATE consent SET address = 'somebody@example.org'",
    "UPDATE consent SET address_key = 'ffffffffffffffffffffffffffffffff'",
    "UPDATE consent SET id = id + 1000",
    "UPDATE consent SET address = NULL, act = 'added'",
    "UPDATE consent SET address = NULL, detail = 'topics: others'",
    "DELETE FROM consent",
    "DELETE FROM consent WHERE act = 'confirmed'",
)
_AGAIN = """
INTO consent (id, at, act, subscriber_id, address_key, source)
SELECT id, at, 'added', subscriber_id, address_key, source FROM consent WHERE true
"""
ONLY = {
    "sqlite": (
        f"INSERT OR REPLACE {_AGAIN}",
        f"REPLACE {_AGAIN}",
        f"INSERT {_AGAIN} ON CONFLICT (id) DO UPDATE SET act = excluded.act",
        "UPDATE OR REPLACE consent SET act = 'added'",
    ),
    "postgresql": (
        f"INSERT {_AGAIN} ON CONFLICT (id) DO UPDATE SET act = excluded.act",
        "TRUNCATE consent",
        "TRUNCATE consent RESTART IDENTITY CASCADE",
    ),
}
"""Words that only one of them knows."""


@pytest.fixture
def store_with_consents(store: Store) -> Store:
    """A store whose log says that a person has confirmed and then left."""
    with store.begin() as tx:
        news = factories.add_mailing_list(tx)
        evidence = Evidence(ConsentAction.CONFIRMED, "sign-up page", None, WORDING)
        ana, _ = subscribers.subscribe_person(
            tx, STAFF, Person(ANA), news, (), NOW, evidence=evidence
        )
        subscribers.unsubscribe_person(tx, STAFF, ana, news, NOW, source="unsubscribe page")
    return store


def _read_consent_rows(store: Store) -> list[tuple[object, ...]]:
    with store.read() as tx:
        return [tuple(row) for row in tx.connection.execute(text("SELECT * FROM consent"))]


@pytest.mark.parametrize("change", CHANGES)
def test_consent_entries_cannot_be_changed_or_deleted(
    store_with_consents: Store, change: str
) -> None:
    before = _read_consent_rows(store_with_consents)
    with (
        pytest.raises(DatabaseError, match="the log of consent is append-only"),
        store_with_consents.begin() as tx,
    ):
        tx.connection.execute(text(change))
    assert _read_consent_rows(store_with_consents) == before


def test_consent_log_is_protected_from_raw_sql(store_with_consents: Store, backend: str) -> None:
    before = _read_consent_rows(store_with_consents)
    for change in ONLY[backend]:
        with (
            pytest.raises(DatabaseError, match="the log of consent is append-only"),
            store_with_consents.begin() as tx,
        ):
            tx.connection.execute(text(change))
        assert _read_consent_rows(store_with_consents) == before, change


def test_erasure_keeps_consent_entries_under_hash(store_with_consents: Store) -> None:
    before = _read_consent_rows(store_with_consents)
    with store_with_consents.begin() as tx:
        erasure.erase_person(tx, STAFF, ANA, NOW)
        left = tx.subscribers.list_consent_entries(ANA)
    assert [one.act for one in left] == [
        ConsentAction.CONFIRMED,
        ConsentAction.LEFT,
        ConsentAction.ERASED,
    ]
    assert left[0].wording == WORDING
    assert {one.address for one in left} == {""}
    after = _read_consent_rows(store_with_consents)
    assert ANA not in str(after)
    assert len(after) == len(before) + 1


def test_erased_consent_entries_are_deleted_after_retention(store_with_consents: Store) -> None:
    with store_with_consents.begin() as tx:
        erasure.erase_person(tx, STAFF, ANA, NOW)
        assert tx.connection.execute(text("DELETE FROM consent")).rowcount == 3
    assert _read_consent_rows(store_with_consents) == []


def test_erased_consent_entry_never_gets_address_again(store_with_consents: Store) -> None:
    with store_with_consents.begin() as tx:
        erasure.erase_person(tx, STAFF, ANA, NOW)
    with (
        pytest.raises(DatabaseError, match="the log of consent is append-only"),
        store_with_consents.begin() as tx,
    ):
        tx.connection.execute(text(f"UPDATE consent SET address = '{ANA}'"))  # noqa: S608
