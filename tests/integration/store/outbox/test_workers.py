"""Who delivers: a sender's row moves while it lives, and what a dead one held is taken back."""

from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState
from mailer.store import Store
from tests.integration import factories
from tests.integration.factories import NOW, begin_edition, make_addresses, read_deliveries

READERS = make_addresses(5)


def test_each_sender_has_a_number_that_is_never_used_again(store: Store) -> None:
    numbers = []
    for name in ("one", "two", "two"):
        with store.begin() as tx:
            numbers.append(tx.outbox.register_worker(name, NOW))
        with store.begin() as tx:
            tx.outbox.remove_worker(numbers[-1])
    assert numbers == sorted(set(numbers))
    with store.read() as tx:
        assert tx.outbox.list_workers() == []


def test_a_beat_moves(store: Store) -> None:
    with store.begin() as tx:
        number = tx.outbox.register_worker("one", NOW)
        assert tx.outbox.update_heartbeat(number)
        (first,) = tx.outbox.list_workers()
        assert (first.id, first.name) == (number, "one")
        assert tx.outbox.update_heartbeat(number)
        (second,) = tx.outbox.list_workers()
    assert second.heartbeat > first.heartbeat


def test_who_was_taken_for_dead_is_told_at_its_next_beat(store: Store) -> None:
    with store.begin() as tx:
        number = factories.register_worker(tx)
        other = factories.register_worker(tx)
        assert factories.take_over_worker(tx, number) == (0, 0)
        assert not tx.outbox.update_heartbeat(number)
        assert tx.outbox.update_heartbeat(other)


def test_who_has_moved_since_it_was_seen_is_not_taken_over(mailer: Mailer, store: Store) -> None:
    edition = begin_edition(mailer, *READERS)
    with store.begin() as tx:
        number = factories.register_worker(tx)
        tx.outbox.claim_deliveries(edition.id, number, 9)
        (seen,) = tx.outbox.list_workers()
        tx.outbox.update_heartbeat(number)
    with store.begin() as tx:
        assert tx.outbox.reclaim_deliveries(seen) is None
        assert tx.outbox.update_heartbeat(number)
    assert {row.state for row in read_deliveries(store, edition).values()} == {
        DeliveryState.CLAIMED
    }


def test_a_sender_is_taken_over_once(store: Store) -> None:
    with store.begin() as tx:
        factories.register_worker(tx)
        (seen,) = tx.outbox.list_workers()
        assert tx.outbox.reclaim_deliveries(seen) == (0, 0)
        assert tx.outbox.reclaim_deliveries(seen) is None


def test_what_a_dead_sender_held_is_taken_back(mailer: Mailer, store: Store) -> None:
    edition = begin_edition(mailer, *READERS)
    with store.begin() as tx:
        dead, alive = factories.register_worker(tx), factories.register_worker(tx)
        some = tx.outbox.claim_deliveries(edition.id, dead, 3)
        theirs = tx.outbox.claim_deliveries(edition.id, alive, 9)
        tx.outbox.gate_deliveries(dead, [some[0].id])
        tx.outbox.gate_deliveries(alive, [theirs[0].id])
        assert factories.take_over_worker(tx, dead) == (2, 1)
    found = read_deliveries(store, edition)
    doubted = found[some[0].address]
    assert doubted.state is DeliveryState.IN_DOUBT
    assert doubted.reply == "the sender died after the message was let out"
    assert doubted.attempt == 1
    for claim in some[1:]:
        row = found[claim.address]
        assert (row.state, row.attempt) == (DeliveryState.QUEUED, 0)
    assert found[theirs[0].address].state is DeliveryState.ON_WIRE
    assert found[theirs[1].address].state is DeliveryState.CLAIMED


def test_who_leaves_gives_back_what_it_holds(mailer: Mailer, store: Store) -> None:
    edition = begin_edition(mailer, *READERS)
    with store.begin() as tx:
        number = factories.register_worker(tx)
        tx.outbox.claim_deliveries(edition.id, number, 9)
        tx.outbox.remove_worker(number)
        assert tx.outbox.list_workers() == []
    found = read_deliveries(store, edition).values()
    assert {(row.state, row.attempt) for row in found} == {(DeliveryState.QUEUED, 0)}
