"""Suppressions in the database."""

import pytest
from sqlalchemy import select, update

from mailer.audience import erasure, suppressions
from mailer.audience.imports import decisions
from mailer.errors import NotFound, Refused
from mailer.model.subscribers import ConsentAction
from mailer.model.suppressions import Suppression, SuppressionReason
from mailer.store import Store, schema
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, NOW


def test_suppression_keeps_first_reason(store: Store) -> None:
    with store.begin() as tx:
        first, new = suppressions.suppress_address(
            tx, STAFF, " ana@EXAMPLE.org", SuppressionReason.BOUNCE, "550 no such user", NOW
        )
        assert new
        assert first.address == "ana@example.org"
        second, new = suppressions.suppress_address(
            tx, STAFF, "ana@example.org", SuppressionReason.MANUAL, "", NOW + DAY
        )
        assert (second, new) == (first, False)
        assert tx.subscribers.list_suppressions() == ([first], "")


def test_suppressed_address_cannot_subscribe(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.suppress_address(tx, "ana@example.org")
        with pytest.raises(Refused, match="must not be mailed"):
            factories.add_subscriber(tx, "ana@example.org")
        assert (
            suppressions.lift_suppression(tx, STAFF, "ana@example.org", factories.NOW)
            == "ana@example.org"
        )
        factories.add_subscriber(tx, "ana@example.org")
        with pytest.raises(NotFound, match="is not suppressed"):
            suppressions.lift_suppression(tx, STAFF, "ana@example.org", factories.NOW)


def test_suppression_outlives_erasure_of_address(store: Store) -> None:
    """Only the keyed hash is left, and it is enough."""
    with store.begin() as tx:
        factories.suppress_address(tx, "ana@example.org")
        tx.connection.execute(update(schema.suppression).values(address=None))
        assert tx.subscribers.find_suppression_reason("ana@example.org") == "manual"
        ((suppression,), _) = tx.subscribers.list_suppressions()
        assert suppression.address == ""
        (key,) = tx.connection.scalars(select(schema.suppression.c.address_key))
        assert "ana" not in key


def test_many_suppressions_keep_first_reasons(store: Store) -> None:
    bounces = [
        Suppression(f"r{n}@example.org", SuppressionReason.BOUNCE, "", NOW) for n in range(2500)
    ]
    with store.begin() as tx:
        factories.suppress_address(tx, "r7@example.org")
        rows = list(enumerate([*bounces[:10], bounces[3]]))
        results = decisions.suppress_rows(tx, STAFF, rows, NOW, source="a file")
        assert [suppression.outcome.value for suppression in results] == [
            "unchanged" if n in {7, 10} else "suppressed" for n in range(11)
        ]
        assert tx.subscribers.find_suppression_reason("r7@example.org") == "manual"
        decisions.suppress_rows(tx, STAFF, list(enumerate(bounces[10:])), NOW + DAY, source="more")
    with store.read() as tx:
        assert {suppression.address for suppression in tx.subscribers.iterate_suppressions()} == {
            suppression.address for suppression in bounces
        }
        ((manual,), _) = tx.subscribers.list_suppressions(SuppressionReason.MANUAL)
        assert manual.address == "r7@example.org"
        first_page, after = tx.subscribers.list_suppressions(SuppressionReason.BOUNCE, 2490)
        last_page, end = tx.subscribers.list_suppressions(SuppressionReason.BOUNCE, 2490, after)
        assert (len(first_page), len(last_page), end) == (2490, 9, "")
        both_pages = [*first_page, *last_page]
        assert len({suppression.address for suppression in both_pages}) == 2499
        moments = [suppression.created_at for suppression in both_pages]
        assert moments == sorted(moments, reverse=True)
        (entry,) = tx.subscribers.list_consent_entries("r9@example.org")
    assert (entry.act, entry.source, entry.detail, entry.at) == (
        ConsentAction.SUPPRESSED,
        "a file",
        "bounce",
        NOW,
    )


def test_pages_of_suppressions_continue_after_a_hash(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        for number in range(3):
            factories.add_subscriber(tx, f"r{number}@example.org")
            erasure.erase_person(tx, STAFF, f"r{number}@example.org", NOW)
    with store.read() as tx:
        after, count = "", 0
        for _ in range(3):
            (suppression,), after = suppressions.list_suppressions(tx, after=after, limit=1)
            count += suppression.address == ""
        assert (after, count) == ("", 3)
        with pytest.raises(NotFound, match=r"zoe@example\.org is not suppressed"):
            suppressions.list_suppressions(tx, after="zoe@example.org")
