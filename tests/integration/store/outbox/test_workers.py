"""Workers: heartbeats of live ones, and the deliveries reclaimed from dead ones."""

from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState
from mailer.store import Store
from tests.integration import factories
from tests.integration.factories import NOW, begin_edition, make_addresses, read_deliveries

READERS = make_addresses(5)


def test_worker_ids_are_never_reused(store: Store) -> None:
    worker_ids = []
    for name in ("one", "two", "two"):
        with store.begin() as tx:
            worker_ids.append(tx.outbox.register_worker(name, NOW))
        with store.begin() as tx:
            tx.outbox.remove_worker(worker_ids[-1])
    assert worker_ids == sorted(set(worker_ids))
    with store.read() as tx:
        assert tx.outbox.list_workers() == []


def test_update_heartbeat_increases_heartbeat(store: Store) -> None:
    with store.begin() as tx:
        worker_id = tx.outbox.register_worker("one", NOW)
        assert tx.outbox.update_heartbeat(worker_id)
        (first,) = tx.outbox.list_workers()
        assert (first.id, first.name) == (worker_id, "one")
        assert tx.outbox.update_heartbeat(worker_id)
        (second,) = tx.outbox.list_workers()
    assert second.heartbeat > first.heartbeat


def test_reclaimed_worker_fails_next_heartbeat(store: Store) -> None:
    with store.begin() as tx:
        worker_id = factories.register_worker(tx)
        other_worker_id = factories.register_worker(tx)
        assert factories.take_over_worker(tx, worker_id) == (0, 0)
        assert not tx.outbox.update_heartbeat(worker_id)
        assert tx.outbox.update_heartbeat(other_worker_id)


def test_worker_with_newer_heartbeat_is_not_reclaimed(mailer: Mailer, store: Store) -> None:
    edition = begin_edition(mailer, *READERS)
    with store.begin() as tx:
        worker_id = factories.register_worker(tx)
        tx.outbox.claim_deliveries(edition.id, worker_id, 9)
        (seen_worker,) = tx.outbox.list_workers()
        tx.outbox.update_heartbeat(worker_id)
    with store.begin() as tx:
        assert tx.outbox.reclaim_deliveries(seen_worker) is None
        assert tx.outbox.update_heartbeat(worker_id)
    assert {row.state for row in read_deliveries(store, edition).values()} == {
        DeliveryState.CLAIMED
    }


def test_dead_worker_is_reclaimed_once(store: Store) -> None:
    with store.begin() as tx:
        factories.register_worker(tx)
        (seen_worker,) = tx.outbox.list_workers()
        assert tx.outbox.reclaim_deliveries(seen_worker) == (0, 0)
        assert tx.outbox.reclaim_deliveries(seen_worker) is None


def test_reclaim_requeues_claims_and_doubts_sent_messages(mailer: Mailer, store: Store) -> None:
    edition = begin_edition(mailer, *READERS)
    with store.begin() as tx:
        dead_worker, live_worker = factories.register_worker(tx), factories.register_worker(tx)
        dead_claims = tx.outbox.claim_deliveries(edition.id, dead_worker, 3)
        live_claims = tx.outbox.claim_deliveries(edition.id, live_worker, 9)
        tx.outbox.gate_deliveries(dead_worker, [dead_claims[0].id])
        tx.outbox.gate_deliveries(live_worker, [live_claims[0].id])
        assert factories.take_over_worker(tx, dead_worker) == (2, 1)
    rows = read_deliveries(store, edition)
    in_doubt_row = rows[dead_claims[0].address]
    assert in_doubt_row.state is DeliveryState.IN_DOUBT
    assert in_doubt_row.reply == "the worker died after the message passed the gate"
    assert in_doubt_row.attempt == 1
    for claim in dead_claims[1:]:
        row = rows[claim.address]
        assert (row.state, row.attempt) == (DeliveryState.QUEUED, 0)
    assert rows[live_claims[0].address].state is DeliveryState.ON_WIRE
    assert rows[live_claims[1].address].state is DeliveryState.CLAIMED


def test_removed_worker_returns_its_claims(mailer: Mailer, store: Store) -> None:
    edition = begin_edition(mailer, *READERS)
    with store.begin() as tx:
        worker_id = factories.register_worker(tx)
        tx.outbox.claim_deliveries(edition.id, worker_id, 9)
        tx.outbox.remove_worker(worker_id)
        assert tx.outbox.list_workers() == []
    rows = read_deliveries(store, edition).values()
    assert {(row.state, row.attempt) for row in rows} == {(DeliveryState.QUEUED, 0)}
