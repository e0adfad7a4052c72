"""Retries of failed, expired and in-doubt deliveries, by the edition's rule or on request."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from mailer import editions, outbox
from mailer.app import Mailer, get_utc_now
from mailer.errors import Refused
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.model.editions import Edition
from mailer.store import Store
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import read_deliveries, read_delivery_states
from tests.integration.store.outbox.transitions import claim_and_gate, settle_deliveries

QUEUED, SENT, FAILED, IN_DOUBT = (
    DeliveryState.QUEUED,
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.IN_DOUBT,
)


@pytest.fixture
def in_doubt_address(store: Store, edition: Edition, worker_id: int) -> str:
    """The address of a delivery in doubt; of the others two are sent, one failed, one expired."""
    claims = claim_and_gate(store, edition, worker_id)
    outcomes = (IN_DOUBT, SENT, SENT, FAILED, DeliveryState.EXPIRED)
    settle_deliveries(
        store,
        *[
            Settlement(claim.id, worker_id, state, f"it is {state}")
            for claim, state in zip(claims, outcomes, strict=True)
        ],
    )
    return claims[0].address


def test_resend_rule_requeues_in_doubt_delivery(
    store: Store, edition: Edition, in_doubt_address: str
) -> None:
    with store.begin() as tx:
        assert tx.outbox.has_unfinished_deliveries(edition), (
            "a delivery to send again is unfinished"
        )
        assert tx.outbox.apply_in_doubt_rule(edition, get_utc_now()) == 1
        assert any(event.event_type == "in doubt" for event in tx.editions.list_events(edition))
    row = read_deliveries(store, edition)[in_doubt_address]
    assert (row.state, row.attempt) == (QUEUED, 1)


def test_hold_rule_keeps_delivery_in_doubt(
    store: Store, edition: Edition, in_doubt_address: str
) -> None:
    with store.begin() as tx:
        tx.connection.execute(text("UPDATE edition SET in_doubt = 'hold'"))
        held_edition = factories.reload_edition(tx, edition)
        assert tx.outbox.apply_in_doubt_rule(held_edition, get_utc_now()) == 0
        assert not tx.outbox.has_unfinished_deliveries(held_edition)
    assert read_delivery_states(store, edition)[in_doubt_address] is IN_DOUBT


def test_rule_changed_while_sending_counts_for_edition_read_before(
    store: Store, edition: Edition, in_doubt_address: str
) -> None:
    with store.begin() as tx:
        tx.editions.set_in_doubt_policy(edition, InDoubtPolicy.KEEP_IN_DOUBT)
        assert edition.in_doubt is InDoubtPolicy.RESEND
        assert tx.outbox.apply_in_doubt_rule(edition, get_utc_now()) == 0
    assert read_delivery_states(store, edition)[in_doubt_address] is IN_DOUBT


def test_retry_failed_requeues_and_resumes_edition(
    store: Store, edition: Edition, in_doubt_address: str
) -> None:
    with store.begin() as tx:
        sent_edition = tx.editions.set_state(edition, EditionState.SENT, get_utc_now(), STAFF)
        assert (
            outbox.retry_failed_deliveries(
                tx,
                AMINA,
                sent_edition,
                get_utc_now(),
            )
            == 2
        )
        resumed_edition = factories.reload_edition(tx, edition)
        assert (resumed_edition.state, resumed_edition.finished_at) == (EditionState.SENDING, None)
        events = [
            event for event in tx.editions.list_events(edition) if event.event_type == "retry"
        ]
        assert [(event.actor, event.detail) for event in events] == [
            ("Amina", "2 failed and expired queued again")
        ]
        assert outbox.retry_failed_deliveries(tx, STAFF, resumed_edition, get_utc_now()) == 0
    states = read_delivery_states(store, edition)
    assert list(states.values()).count(QUEUED) == 2
    assert states[in_doubt_address] is IN_DOUBT


def test_send_in_doubt_again_requeues_delivery(
    store: Store, edition: Edition, in_doubt_address: str
) -> None:
    with store.begin() as tx:
        assert (
            outbox.send_in_doubt_again(
                tx,
                AMINA,
                edition,
                get_utc_now(),
            )
            == 1
        )
    assert read_delivery_states(store, edition)[in_doubt_address] is QUEUED


def test_resolve_in_doubt_as_sent_ends_edition(
    store: Store, edition: Edition, in_doubt_address: str
) -> None:
    with store.begin() as tx:
        assert (
            outbox.resolve_in_doubt_as_sent(
                tx,
                AMINA,
                edition,
                get_utc_now(),
            )
            == 1
        )
        assert factories.reload_edition(tx, edition).state is EditionState.SENT, (
            "no delivery is left"
        )
    row = read_deliveries(store, edition)[in_doubt_address]
    assert (row.state, row.reply) == (SENT, "assumed to be accepted, by Amina")


@pytest.mark.parametrize(
    "verb",
    [outbox.retry_failed_deliveries, outbox.send_in_doubt_again, outbox.resolve_in_doubt_as_sent],
)
def test_cancelled_edition_refuses_retry(
    mailer: Mailer,
    store: Store,
    edition: Edition,
    in_doubt_address: str,
    verb: Callable[..., int],
) -> None:
    with store.begin() as tx:
        cancelled_edition = editions.cancel_edition(tx, AMINA, edition, mailer.clock(), reason="")
        with pytest.raises(Refused, match="was cancelled"):
            verb(tx, STAFF, cancelled_edition, get_utc_now())


@pytest.mark.parametrize(
    "verb",
    [outbox.retry_failed_deliveries, outbox.send_in_doubt_again, outbox.resolve_in_doubt_as_sent],
)
def test_unstarted_edition_refuses_retry(
    store: Store, edition: Edition, verb: Callable[..., int]
) -> None:
    with store.begin() as tx:
        factories.add_story(tx, "roads")
        with pytest.raises(Refused, match="has not started"):
            verb(tx, STAFF, factories.create_edition(tx, "roads"), get_utc_now())
