"""Deliveries refused for our reasons go back to the queue, once for each signature."""

from mailer import editions
from mailer.delivery.history import HistoryWatch
from mailer.delivery.ledger_transaction import ActiveEdition, LedgerBatch, write_batch
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.editions import Edition
from mailer.store import Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW, read_deliveries
from tests.integration.store.outbox.transitions import (
    claim_and_gate,
    claim_deliveries,
    settle_deliveries,
)

QUEUED, FAILED, SENT = DeliveryState.QUEUED, DeliveryState.FAILED, DeliveryState.SENT

BLOCKED = "550 5.7.1 blocked"


def refuse(delivery_id: int, worker_id: int, signature: str = BLOCKED) -> Settlement:
    return Settlement(delivery_id, worker_id, FAILED, "550 5.7.1 no", signature=signature)


def put_off(delivery_id: int, worker_id: int) -> Settlement:
    return Settlement(delivery_id, worker_id, QUEUED, "550 5.7.1 no", 900.0, False, BLOCKED)


def test_refused_deliveries_are_queued_again_once(
    store: Store, edition: Edition, worker_id: int
) -> None:
    first, second, third, *others = claim_and_gate(store, edition, worker_id)
    settle_deliveries(
        store,
        refuse(first.id, worker_id),
        put_off(second.id, worker_id),
        refuse(third.id, worker_id, "another"),
        *[Settlement(other.id, worker_id, SENT, "250 ok") for other in others],
    )
    with store.begin() as tx:
        assert tx.outbox.queue_refused_again(edition.id, [BLOCKED]) == 1
        assert tx.outbox.count_due_deliveries(edition.id) == 2
    rows = read_deliveries(store, edition)
    for claim in (first, second):
        assert (rows[claim.address].state, rows[claim.address].attempt) == (QUEUED, 0)
    assert rows[third.address].state is FAILED
    again = claim_and_gate(store, edition, worker_id)
    assert {claim.requeued_for for claim in again} == {BLOCKED}
    settle_deliveries(store, *[refuse(claim.id, worker_id) for claim in again])
    with store.begin() as tx:
        assert tx.outbox.queue_refused_again(edition.id, [BLOCKED]) == 0
        assert not tx.outbox.has_deliveries_in(edition.id, QUEUED)
        assert tx.outbox.has_deliveries_in(edition.id, QUEUED, FAILED)


def test_only_put_off_deliveries_are_left(store: Store, edition: Edition, worker_id: int) -> None:
    claims = claim_and_gate(store, edition, worker_id)

    def has_only_refused_left() -> bool:
        with store.read() as tx:
            return tx.outbox.has_only_refused_left(edition.id, [BLOCKED])

    settle_deliveries(store, *[put_off(claim.id, worker_id) for claim in claims[1:]])
    assert not has_only_refused_left(), "one is on the wire"
    settle_deliveries(store, Settlement(claims[0].id, worker_id, QUEUED, "450 later", 300.0))
    assert not has_only_refused_left(), "one was deferred"
    with store.begin() as tx:
        tx.outbox.make_deliveries_due(edition)
    (*_, due_claim) = claim_and_gate(store, edition, worker_id)
    assert due_claim
    settle_deliveries(
        store,
        *[put_off(claim.id, worker_id) for claim in claims[1:]],
        Settlement(claims[0].id, worker_id, SENT, "250 ok"),
    )
    assert has_only_refused_left()


def test_retried_delivery_remembers_its_signature(
    store: Store, edition: Edition, worker_id: int
) -> None:
    (first, *others) = claim_and_gate(store, edition, worker_id)
    sent = [Settlement(other.id, worker_id, SENT, "250 ok") for other in others]
    settle_deliveries(store, refuse(first.id, worker_id), *sent)
    with store.begin() as tx:
        assert tx.outbox.return_to_queue(edition.id, [FAILED]) == 1
    (claim,) = claim_deliveries(store, edition, worker_id)
    assert claim.requeued_for == BLOCKED


def test_other_domains_of_an_edition_are_found(store: Store, edition: Edition) -> None:
    domains = {row.partition("@")[2] for row in read_deliveries(store, edition)}
    with store.read() as tx:
        for domain in domains:
            assert tx.outbox.has_other_domain(edition.id, domain) is (len(domains) > 1)
        assert tx.outbox.has_other_domain(edition.id, "100%_other.example")


def test_late_refusal_is_queued_again_after_another_workers_pause(
    store: Store, edition: Edition, worker_id: int, other_worker_id: int
) -> None:
    claims = claim_and_gate(store, edition, worker_id)
    with store.begin() as tx:
        current = factories.reload_edition(tx, edition)
        editions.pause_edition(tx, STAFF, current, NOW, reason="alike", signatures=[BLOCKED])
    batch = LedgerBatch(
        [refuse(claims[0].id, worker_id), refuse(claims[1].id, worker_id, "another")],
        [],
        [],
        [],
        [],
        {edition.id: ActiveEdition(edition, {})},
    )
    history = HistoryWatch()
    with store.begin() as tx:
        worker = tx.outbox.find_worker(worker_id)
        assert worker is not None
        history.note_commit(worker_id, worker.heartbeat)
        write_batch(tx, batch, worker_id, {}, NOW, history)
    rows = read_deliveries(store, edition)
    assert batch.requeued_count == 1
    assert rows[claims[0].address].state is QUEUED
    assert rows[claims[1].address].state is FAILED


def test_pause_signatures_add_up(store: Store, edition: Edition) -> None:
    with store.begin() as tx:
        current = factories.reload_edition(tx, edition)
        for signatures in (["a"], ["b", "a"]):
            paused = editions.pause_edition(tx, STAFF, current, NOW, signatures=signatures)
            current = editions.resume_edition(tx, STAFF, paused, NOW)
        assert current.pause_signatures == ("a", "b")
