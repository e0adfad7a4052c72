"""Moves of deliveries, each in a transaction of its own."""

from collections.abc import Sequence

from mailer.editions import Edition
from mailer.outbox import Claim, DeliveryState, Settlement
from mailer.store import Store
from tests.integration.office import addresses, deliveries

READERS = addresses(5)


def claimed(store: Store, edition: Edition, by: int, limit: int = 9) -> list[Claim]:
    with store.begin() as tx:
        return tx.queue.claim(edition.id, by, limit)


def gated(store: Store, by: int, some: Sequence[Claim]) -> set[int]:
    with store.begin() as tx:
        return tx.queue.gate(by, [claim.id for claim in some])


def looked_at_again(store: Store, by: int, some: Sequence[Claim]) -> set[int]:
    with store.begin() as tx:
        return tx.queue.look_again(by, [claim.id for claim in some])


def let_out(store: Store, edition: Edition, by: int, limit: int = 9) -> list[Claim]:
    """Claimed, and past the gate."""
    some = claimed(store, edition, by, limit)
    assert gated(store, by, some) == {claim.id for claim in some}
    return some


def turned_away(store: Store, by: int, some: Sequence[Claim]) -> int:
    with store.begin() as tx:
        found = tx.queue.states(sorted({claim.edition_id for claim in some}))
        return tx.queue.turn_away(by, [claim.id for claim in some], found)


def settled(store: Store, *some: Settlement) -> None:
    with store.begin() as tx:
        tx.queue.settle(some)


def all_are(store: Store, edition: Edition, state: DeliveryState, attempt: int) -> bool:
    found = deliveries(store, edition).values()
    return {(row.state, row.attempt) for row in found} == {(state, attempt)}
