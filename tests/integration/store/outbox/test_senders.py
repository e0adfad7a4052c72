"""Who delivers: a sender's row moves while it lives, and what a dead one held is taken back."""

from mailer.app import Mailer
from mailer.outbox import DeliveryState
from mailer.store import Store
from tests.integration import office
from tests.integration.office import NOW, addresses, begun, deliveries

READERS = addresses(5)


def test_each_sender_has_a_number_that_is_never_used_again(store: Store) -> None:
    numbers = []
    for name in ("one", "two", "two"):
        with store.begin() as tx:
            numbers.append(tx.senders.sign_on(name, NOW))
        with store.begin() as tx:
            tx.senders.sign_off(numbers[-1])
    assert numbers == sorted(set(numbers))
    with store.read() as tx:
        assert tx.senders.senders() == []


def test_a_beat_moves(store: Store) -> None:
    with store.begin() as tx:
        number = tx.senders.sign_on("one", NOW)
        assert tx.senders.beat(number)
        (first,) = tx.senders.senders()
        assert (first.id, first.name) == (number, "one")
        assert tx.senders.beat(number)
        (second,) = tx.senders.senders()
    assert second.beat > first.beat


def test_who_was_taken_for_dead_is_told_at_its_next_beat(store: Store) -> None:
    with store.begin() as tx:
        number = office.sender(tx)
        other = office.sender(tx)
        assert office.take_over(tx, number) == (0, 0)
        assert not tx.senders.beat(number)
        assert tx.senders.beat(other)


def test_who_has_moved_since_it_was_seen_is_not_taken_over(mailer: Mailer, store: Store) -> None:
    edition = begun(mailer, *READERS)
    with store.begin() as tx:
        number = office.sender(tx)
        tx.queue.claim(edition.id, number, 9)
        (seen,) = tx.senders.senders()
        tx.senders.beat(number)
    with store.begin() as tx:
        assert tx.senders.take_over(seen) is None
        assert tx.senders.beat(number)
    assert {row.state for row in deliveries(store, edition).values()} == {DeliveryState.CLAIMED}


def test_a_sender_is_taken_over_once(store: Store) -> None:
    with store.begin() as tx:
        office.sender(tx)
        (seen,) = tx.senders.senders()
        assert tx.senders.take_over(seen) == (0, 0)
        assert tx.senders.take_over(seen) is None


def test_what_a_dead_sender_held_is_taken_back(mailer: Mailer, store: Store) -> None:
    edition = begun(mailer, *READERS)
    with store.begin() as tx:
        dead, alive = office.sender(tx), office.sender(tx)
        some = tx.queue.claim(edition.id, dead, 3)
        theirs = tx.queue.claim(edition.id, alive, 9)
        tx.queue.gate(dead, [some[0].id])
        tx.queue.gate(alive, [theirs[0].id])
        assert office.take_over(tx, dead) == (2, 1)
    found = deliveries(store, edition)
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
    edition = begun(mailer, *READERS)
    with store.begin() as tx:
        number = office.sender(tx)
        tx.queue.claim(edition.id, number, 9)
        tx.senders.sign_off(number)
        assert tx.senders.senders() == []
    found = deliveries(store, edition).values()
    assert {(row.state, row.attempt) for row in found} == {(DeliveryState.QUEUED, 0)}
