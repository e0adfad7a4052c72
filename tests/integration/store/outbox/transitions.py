"""Helpers that move deliveries, each in its own transaction."""

from collections.abc import Sequence

from mailer.model.deliveries import Claim, DeliveryState, Settlement
from mailer.model.editions import Edition
from mailer.store import Store
from tests.integration.factories import make_addresses, read_deliveries

READERS = make_addresses(5)


def claim_deliveries(store: Store, edition: Edition, worker_id: int, limit: int = 9) -> list[Claim]:
    with store.begin() as tx:
        return tx.outbox.claim_deliveries(edition.id, worker_id, limit)


def gate_deliveries(store: Store, worker_id: int, claims: Sequence[Claim]) -> set[int]:
    with store.begin() as tx:
        return tx.outbox.gate_deliveries(worker_id, [claim.id for claim in claims])


def check_gate_again(store: Store, worker_id: int, claims: Sequence[Claim]) -> set[int]:
    with store.begin() as tx:
        return tx.outbox.check_gate_again(worker_id, [claim.id for claim in claims])


def claim_and_gate(store: Store, edition: Edition, worker_id: int, limit: int = 9) -> list[Claim]:
    """Claim deliveries and let them pass the gate."""
    claims = claim_deliveries(store, edition, worker_id, limit)
    assert gate_deliveries(store, worker_id, claims) == {claim.id for claim in claims}
    return claims


def settle_refused_deliveries(store: Store, worker_id: int, claims: Sequence[Claim]) -> int:
    with store.begin() as tx:
        edition_states = tx.outbox.lock_edition_states(
            sorted({claim.edition_id for claim in claims})
        )
        return sum(
            tx.outbox.settle_refused_deliveries(
                worker_id, [claim.id for claim in claims], edition_states
            )
        )


def settle_deliveries(store: Store, *settlements: Settlement) -> None:
    with store.begin() as tx:
        tx.outbox.settle_deliveries(settlements)


def are_all_in_state(store: Store, edition: Edition, state: DeliveryState, attempt: int) -> bool:
    rows = read_deliveries(store, edition).values()
    return {(row.state, row.attempt) for row in rows} == {(state, attempt)}
