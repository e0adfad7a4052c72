"""The lease of the worker that ticks."""

from functools import partial

from mailer.model.leases import Lease
from mailer.store import SqlTransaction, Store
from tests.integration.factories import HOUR, NOW
from tests.integration.store.occurrences.factories import ROUNDS, run_concurrently


def take_lease(tx: SqlTransaction, holder: str, seen: Lease | None) -> int | None:
    return tx.leases.take_lease("tick", holder, seen, NOW)


def update_heartbeat(tx: SqlTransaction, epoch: int) -> int:
    return tx.leases.update_heartbeat("tick", epoch, NOW)


def test_free_lease_is_taken_once(store: Store) -> None:
    with store.begin() as tx:
        assert tx.leases.find_lease("tick") is None
        assert tx.leases.take_lease("tick", "one", None, NOW) == 1
        assert tx.leases.take_lease("tick", "other", None, NOW) is None
        assert tx.leases.find_lease("tick") == Lease(1, "one", 0, NOW)
        assert tx.leases.take_lease("another", "other", None, NOW) == 1


def test_heartbeat_shows_holder_alive(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take_lease("tick", "one", None, NOW)
        assert tx.leases.update_heartbeat("tick", 1, NOW + HOUR)
        assert tx.leases.update_heartbeat("tick", 1, NOW + 2 * HOUR)
        assert tx.leases.find_lease("tick") == Lease(1, "one", 2, NOW + 2 * HOUR)
        assert not tx.leases.update_heartbeat("another", 1, NOW)


def test_lease_takeover_needs_unchanged_heartbeat(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take_lease("tick", "one", None, NOW)
        seen = tx.leases.find_lease("tick")
        tx.leases.update_heartbeat("tick", 1, NOW)
        assert tx.leases.take_lease("tick", "other", seen, NOW) is None
        seen = tx.leases.find_lease("tick")
        assert tx.leases.take_lease("tick", "other", seen, NOW + HOUR) == 2
        assert tx.leases.find_lease("tick") == Lease(2, "other", 0, NOW + HOUR)
        assert tx.leases.take_lease("tick", "third", seen, NOW) is None


def test_lost_lease_is_noticed_at_next_heartbeat(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take_lease("tick", "one", None, NOW)
        tx.leases.take_lease("tick", "other", tx.leases.find_lease("tick"), NOW)
        before = tx.leases.find_lease("tick")
        assert not tx.leases.update_heartbeat("tick", 1, NOW + HOUR)
        tx.leases.release_lease("tick", 1)
        assert tx.leases.find_lease("tick") == before, "nor can it give up what is another's"
        assert tx.leases.update_heartbeat("tick", 2, NOW)


def test_released_lease_can_be_taken(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take_lease("tick", "one", None, NOW)
        tx.leases.release_lease("tick", 1)
        lease = tx.leases.find_lease("tick")
        assert lease == Lease(1, "", 0, NOW)
        assert not tx.leases.update_heartbeat("tick", 1, NOW + HOUR), "nor has whoever gave it up"
        assert tx.leases.find_lease("tick") == lease
        assert tx.leases.take_lease("tick", "other", lease, NOW) == 2


def test_concurrent_lease_takes_have_one_winner(store: Store) -> None:
    seen: Lease | None = None
    for number in range(1, ROUNDS + 1):
        won = run_concurrently(
            store,
            partial(take_lease, holder="one", seen=seen),
            partial(take_lease, holder="other", seen=seen),
        )
        assert sorted(won, key=str) == [number, None]
        with store.read() as tx:
            seen = tx.leases.find_lease("tick")
        assert seen == Lease(number, "one" if won[0] else "other", 0, NOW)


def test_heartbeat_and_takeover_have_one_winner(store: Store) -> None:
    with store.begin() as tx:
        tx.leases.take_lease("tick", "one", None, NOW)
    for _ in range(ROUNDS):
        with store.read() as tx:
            seen = tx.leases.find_lease("tick")
        assert seen is not None
        updated_rows, new_epoch = run_concurrently(
            store,
            partial(update_heartbeat, epoch=seen.epoch),
            partial(take_lease, holder="other", seen=seen),
        )
        assert bool(updated_rows) is not bool(new_epoch)
