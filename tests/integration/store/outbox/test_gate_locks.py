"""The gate beside a transaction that is still open, on PostgreSQL."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from mailer.model.editions import Edition
from mailer.store import SqlTransaction, Store
from tests.integration import factories
from tests.integration.store.outbox.transitions import READERS, claim_deliveries

COUNT_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture(autouse=True)
def _skip_sqlite(backend: str) -> None:
    if backend == "sqlite":
        pytest.skip("SQLite has one writer at a time")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def unsubscribe_reader(tx: SqlTransaction) -> None:
    factories.unsubscribe_address(tx, READERS[0])


def suppress_reader(tx: SqlTransaction) -> None:
    factories.suppress_address(tx, READERS[0])


def pause_reader(tx: SqlTransaction) -> None:
    tx.connection.execute(
        text(
            "UPDATE membership SET paused_until = now() + interval '1 day' WHERE subscriber_id = "
            "(SELECT id FROM subscriber WHERE address = :address)"
        ),
        {"address": READERS[0]},
    )


def change_address(tx: SqlTransaction) -> None:
    tx.connection.execute(
        text("UPDATE subscriber SET address_key = 'another' WHERE address = :address"),
        {"address": READERS[0]},
    )


def remove_membership(tx: SqlTransaction) -> None:
    tx.connection.execute(
        text(
            "DELETE FROM membership WHERE subscriber_id = "
            "(SELECT id FROM subscriber WHERE address = :address)"
        ),
        {"address": READERS[0]},
    )


@pytest.mark.parametrize(
    "action",
    [unsubscribe_reader, suppress_reader, pause_reader, change_address, remove_membership],
)
def test_gate_waits_for_open_unsubscribe_and_refuses(
    store: Store,
    edition: Edition,
    worker_id: int,
    action: Callable[[SqlTransaction], None],
    executor: ThreadPoolExecutor,
) -> None:
    """The gate's statement begins before the unsubscribe is committed, and still obeys it."""
    claims = claim_deliveries(store, edition, worker_id)

    def check_gate() -> set[int]:
        with store.begin() as tx:
            tx.outbox.lock_edition_states([edition.id])
            return tx.outbox.gate_deliveries(worker_id, [claim.id for claim in claims])

    with store.begin() as tx:
        action(tx)
        gate = executor.submit(check_gate)
        deadline = time.monotonic() + 20
        while not tx.connection.scalar(COUNT_WAITING):
            assert not gate.done(), "the gate did not wait"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    refused = [claim.address for claim in claims if claim.id not in gate.result(20)]
    assert refused == [READERS[0]]
