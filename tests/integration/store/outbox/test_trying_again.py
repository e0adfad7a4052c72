"""What has failed, has expired or is in doubt is sent again, by the edition's rule or by somebody's
word."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from mailer import editions, outbox
from mailer.app import Mailer, get_utc_now
from mailer.errors import BadTransition, Refused
from mailer.model.deliveries import DELIVERY_TRANSITIONS, DeliveryState, Settlement
from mailer.model.edition_states import EditionState
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
def doubted(store: Store, edition: Edition, one: int) -> str:
    """The address of one in doubt; two were sent, one has failed, one has expired."""
    some = claim_and_gate(store, edition, one)
    outcomes = (IN_DOUBT, SENT, SENT, FAILED, DeliveryState.EXPIRED)
    settle_deliveries(
        store,
        *[Settlement(c.id, one, to, f"it is {to}") for c, to in zip(some, outcomes, strict=True)],
    )
    return some[0].address


def test_by_the_rule_what_is_in_doubt_is_sent_again(
    store: Store, edition: Edition, doubted: str
) -> None:
    with store.begin() as tx:
        assert tx.outbox.has_unfinished_deliveries(edition), "what is to be sent again isn't done"
        assert tx.outbox.apply_in_doubt_rule(edition, get_utc_now()) == 1
        assert any(event.what == "in doubt" for event in tx.editions.list_events(edition))
    kept = read_deliveries(store, edition)[doubted]
    assert (kept.state, kept.attempt) == (QUEUED, 1)


def test_by_the_other_rule_what_is_in_doubt_is_held(
    store: Store, edition: Edition, doubted: str
) -> None:
    with store.begin() as tx:
        tx.connection.execute(text("UPDATE edition SET in_doubt = 'hold'"))
        held = factories.reload_edition(tx, edition)
        assert tx.outbox.apply_in_doubt_rule(held, get_utc_now()) == 0
        assert not tx.outbox.has_unfinished_deliveries(held)
    assert read_delivery_states(store, edition)[doubted] is IN_DOUBT


def test_what_has_failed_or_expired_is_tried_again_and_the_edition_goes_on(
    store: Store, edition: Edition, doubted: str
) -> None:
    with store.begin() as tx:
        over = tx.editions.set_state(edition, EditionState.SENT, get_utc_now(), STAFF)
        assert outbox.retry_failed_deliveries(tx, AMINA, over, get_utc_now()) == 2
        going_on = factories.reload_edition(tx, edition)
        assert (going_on.state, going_on.finished_at) == (EditionState.SENDING, None)
        said = [event for event in tx.editions.list_events(edition) if event.what == "retry"]
        assert [(event.actor, event.detail) for event in said] == [
            ("Amina", "2 failed and expired queued again")
        ]
        assert outbox.retry_failed_deliveries(tx, STAFF, going_on, get_utc_now()) == 0
    found = read_delivery_states(store, edition)
    assert list(found.values()).count(QUEUED) == 2
    assert found[doubted] is IN_DOUBT


def test_what_is_in_doubt_is_sent_again_when_somebody_says_so(
    store: Store, edition: Edition, doubted: str
) -> None:
    with store.begin() as tx:
        assert outbox.send_in_doubt_again(tx, AMINA, edition, get_utc_now()) == 1
    assert read_delivery_states(store, edition)[doubted] is QUEUED


def test_what_is_in_doubt_is_taken_for_accepted_when_somebody_says_so(
    store: Store, edition: Edition, doubted: str
) -> None:
    with store.begin() as tx:
        assert outbox.resolve_in_doubt_as_sent(tx, AMINA, edition, get_utc_now()) == 1
        assert factories.reload_edition(tx, edition).state is EditionState.SENT, "nothing is left"
    kept = read_deliveries(store, edition)[doubted]
    assert (kept.state, kept.reply) == (SENT, "assumed to be accepted, by Amina")


@pytest.mark.parametrize(
    "verb",
    [outbox.retry_failed_deliveries, outbox.send_in_doubt_again, outbox.resolve_in_doubt_as_sent],
)
def test_an_edition_that_was_cancelled_is_not_tried_again(
    mailer: Mailer,
    store: Store,
    edition: Edition,
    doubted: str,
    verb: Callable[..., int],
) -> None:
    with store.begin() as tx:
        over = editions.cancel_edition(tx, AMINA, edition, mailer.clock(), reason="")
        with pytest.raises(Refused, match="was cancelled"):
            verb(tx, STAFF, over, get_utc_now())


@pytest.mark.parametrize(
    "verb",
    [outbox.retry_failed_deliveries, outbox.send_in_doubt_again, outbox.resolve_in_doubt_as_sent],
)
def test_an_edition_that_has_not_begun_is_not_tried_again(
    store: Store, edition: Edition, verb: Callable[..., int]
) -> None:
    with store.begin() as tx:
        factories.add_story(tx, "roads")
        with pytest.raises(Refused, match="has not begun"):
            verb(tx, STAFF, factories.create_edition(tx, "roads"), get_utc_now())


def test_only_the_transition_table_leads_deliveries_back_to_the_queue(
    store: Store, edition: Edition
) -> None:
    for state in DeliveryState:
        with store.begin() as tx:
            if DeliveryState.QUEUED in DELIVERY_TRANSITIONS[state]:
                tx.outbox.return_to_queue(edition.id, [state])
            else:
                with pytest.raises(BadTransition, match="can't be queued again"):
                    tx.outbox.return_to_queue(edition.id, [state])
