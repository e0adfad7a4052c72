"""Suppressions in the database."""

import pytest
from sqlalchemy import select, update

from mailer.audience import suppressions
from mailer.audience.suppressions import Reason
from mailer.errors import NotFound, Refused
from mailer.store import Store, schema
from tests.integration import office
from tests.integration.office import DAY, NOW


def test_the_first_reason_stays(store: Store) -> None:
    with store.begin() as tx:
        first, new = suppressions.suppress(
            tx.suppressions, " ana@EXAMPLE.org", Reason.BOUNCE, "550 no such user", NOW
        )
        assert new
        assert first.address == "ana@example.org"
        second, new = suppressions.suppress(
            tx.suppressions, "ana@example.org", Reason.MANUAL, "", NOW + DAY
        )
        assert (second, new) == (first, False)
        assert tx.suppressions.suppressions() == [first]


def test_one_who_is_suppressed_cannot_join(store: Store) -> None:
    with store.begin() as tx:
        office.mailing_list(tx)
        office.suppress(tx, "ana@example.org")
        with pytest.raises(Refused, match="must not be mailed"):
            office.person(tx, "ana@example.org")
        assert (
            suppressions.release(tx.suppressions, "ana@example.org", office.NOW)
            == "ana@example.org"
        )
        office.person(tx, "ana@example.org")
        with pytest.raises(NotFound, match="is not suppressed"):
            suppressions.release(tx.suppressions, "ana@example.org", office.NOW)


def test_a_suppression_outlives_its_address(store: Store) -> None:
    """Only the keyed hash is left, and it is enough."""
    with store.begin() as tx:
        office.suppress(tx, "ana@example.org")
        tx.connection.execute(update(schema.suppression).values(address=None))
        assert tx.subscribers.suppression_reason("ana@example.org") == "manual"
        (kept,) = tx.suppressions.suppressions()
        assert kept.address == ""
        (key,) = tx.connection.scalars(select(schema.suppression.c.address_key))
        assert "ana" not in key
