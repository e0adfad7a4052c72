"""Deliveries that go back to the queue: returned, postponed, cancelled or requeued claims."""

from mailer import editions
from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.store import Store
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import (
    read_deliveries,
    read_delivery_states,
)
from tests.integration.store.outbox.transitions import (
    check_gate_again,
    claim_and_gate,
    claim_deliveries,
    gate_deliveries,
    settle_deliveries,
)

QUEUED, CLAIMED, ON_WIRE, SENT, FAILED, IN_DOUBT, SUPPRESSED = (
    DeliveryState.QUEUED,
    DeliveryState.CLAIMED,
    DeliveryState.ON_WIRE,
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.IN_DOUBT,
    DeliveryState.SUPPRESSED,
)


# ---- back to the queue ------------------------------------------------------------------------


def test_return_claims_touches_only_own_claims(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    own_claims = claim_deliveries(store, edition, worker_id, limit=3)
    claim_deliveries(store, edition, other_worker_id)
    gate_deliveries(store, worker_id, own_claims[:1])
    with store.begin() as tx:
        assert tx.outbox.return_claims(edition.id, worker_id, keep_ids=[own_claims[1].id]) == 1
    rows = read_deliveries(store, edition)
    assert rows[own_claims[0].address].state is ON_WIRE
    assert rows[own_claims[1].address].state is CLAIMED
    assert (rows[own_claims[2].address].state, rows[own_claims[2].address].attempt) == (QUEUED, 0)
    assert [row.state for row in rows.values()].count(CLAIMED) == 3


def test_postponed_delivery_is_due_after_delay(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    claims = claim_deliveries(store, edition, worker_id)
    with store.begin() as tx:
        tx.outbox.postpone_deliveries(worker_id, [(claims[0].id, 0), (claims[1].id, 3600)])
        tx.outbox.postpone_deliveries(other_worker_id, [(claims[2].id, 0)])
        assert tx.outbox.count_due_deliveries(edition.id) == 1
    rows = read_deliveries(store, edition)
    for claim in claims[:2]:
        assert (rows[claim.address].state, rows[claim.address].attempt) == (QUEUED, 0)
    assert [row.state for row in rows.values()].count(CLAIMED) == 3
    assert [claim.id for claim in claim_deliveries(store, edition, other_worker_id)] == [
        claims[0].id
    ]


def test_cancel_takes_every_unsent_delivery(
    mailer: Mailer, store: Store, edition: Edition, worker_id: int
) -> None:
    claims = claim_deliveries(store, edition, worker_id, limit=3)
    gate_deliveries(store, worker_id, claims[:1])
    with store.begin() as tx:
        editions.cancel_edition(
            tx, AMINA, factories.reload_edition(tx, edition), mailer.clock(), reason=""
        )
    rows = read_deliveries(store, edition)
    assert rows.pop(claims[0].address).state is ON_WIRE
    assert {(row.state, row.attempt) for row in rows.values()} == {(DeliveryState.CANCELLED, 0)}
    assert check_gate_again(store, worker_id, claims) == set()
    settle_deliveries(store, Settlement(claims[0].id, worker_id, SENT, "250 ok"))
    assert read_delivery_states(store, edition)[claims[0].address] is SENT


def test_return_to_queue_restores_attempt(store: Store, edition: Edition, worker_id: int) -> None:
    claims = claim_and_gate(store, edition, worker_id)
    settle_deliveries(
        store, *[Settlement(claim.id, worker_id, FAILED, "550 5.7.1 no") for claim in claims[:3]]
    )
    with store.begin() as tx:
        assert (
            tx.outbox.return_to_queue(edition.id, [FAILED], [claim.id for claim in claims[1:]]) == 2
        )
    rows = read_deliveries(store, edition)
    assert rows[claims[0].address].state is FAILED
    assert (rows[claims[1].address].state, rows[claims[1].address].attempt) == (QUEUED, 0)


# ---- several editions -------------------------------------------------------------------------


def test_editions_do_not_affect_each_other(
    mailer: Mailer, store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    with store.begin() as tx:
        factories.add_story(tx, "roads")
        approved_edition = editions.approve_edition(
            tx, AMINA, factories.create_edition(tx, "roads"), mailer.renderer, mailer.clock()
        )
        other_edition, _ = editions.start_edition(
            tx, STAFF, approved_edition, mailer.renderer, mailer.clock()
        )
    claim_deliveries(store, edition, worker_id)
    with store.begin() as tx:
        assert tx.outbox.return_claims(other_edition.id, worker_id) == 0
        assert tx.outbox.has_unfinished_deliveries(other_edition)
        assert tx.outbox.is_claimed_by_others([edition.id, other_edition.id], other_worker_id)
        assert not tx.outbox.is_claimed_by_others([edition.id], worker_id)
        assert not tx.outbox.is_claimed_by_others([other_edition.id], other_worker_id)
        assert tx.outbox.lock_edition_states([edition.id, other_edition.id, 99]) == {
            edition.id: EditionState.SENDING,
            other_edition.id: EditionState.SENDING,
        }
    assert len(claim_deliveries(store, other_edition, other_worker_id)) == 5
