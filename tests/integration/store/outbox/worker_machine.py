"""Workers register, claim, gate and settle an edition's deliveries in any order: the rules that
``test_queue_machine.py`` completes with those of people and of the edition.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
)
from sqlalchemy import select

from mailer.app import get_utc_now
from mailer.model.deliveries import IN_FLIGHT_STATES, DeliveryState, DeliveryWorker, Settlement
from mailer.model.edition_states import EditionState
from mailer.model.editions import EditionBody
from mailer.store import SqlTransaction, Store
from mailer.store.schema import delivery
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, make_addresses

READERS = make_addresses(4)

QUEUED = DeliveryState.QUEUED

roles = st.sampled_from(["one", "two"])
readers = st.sampled_from(READERS)
index_sets = st.sets(st.integers(0, len(READERS) - 1), min_size=1)
outcomes = st.sampled_from(
    [DeliveryState.FAILED, DeliveryState.QUEUED, DeliveryState.IN_DOUBT, DeliveryState.EXPIRED]
)


class WorkerMachine(RuleBasedStateMachine):
    """The workers of an edition that is being sent. `make_store` makes an empty database.

    Each of the two roles is played by one worker after another."""

    make_store: Callable[[], Store]

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).make_store()
        with self.store.begin() as tx:
            factories.add_mailing_list(tx)
            for reader in READERS:
                factories.add_subscriber(tx, reader)
            factories.add_story(tx, "boats")
            edition = factories.create_edition(tx, "boats")
            body = EditionBody("en", "Subject", "Text", "<p>HTML</p>", "zmarker", 1)
            edition = tx.editions.freeze_edition(edition, [body], ["boats"], "0" * 64)
            edition = tx.editions.set_state(edition, EditionState.APPROVED, get_utc_now(), STAFF)
            assert tx.outbox.plan_deliveries(edition, get_utc_now() - DAY).planned == len(READERS)
            self.edition = tx.editions.set_state(
                edition, EditionState.SENDING, get_utc_now(), STAFF
            )
            self.ids = [delivery.id for delivery in tx.outbox.list_deliveries(self.edition)]
            self.addresses = {
                delivery.id: delivery.address
                for delivery in tx.outbox.list_deliveries(self.edition)
            }
            self.worker_ids = {role: factories.register_worker(tx, role) for role in ("one", "two")}
        self.live_worker_ids = set(self.worker_ids.values())
        self.seen_workers: list[DeliveryWorker] = []
        self.sent_out: set[tuple[int, int]] = set()
        """Each message that a worker gated and has not withdrawn, as (worker, delivery): the worker
        may still report that it was accepted."""
        self.blocked_addresses: set[str] = set()
        self.accepted_replies: dict[int, str] = {}

    def choose_ids(self, chosen_indexes: set[int]) -> list[int]:
        return [self.ids[index] for index in sorted(chosen_indexes)]

    def is_diverted(self, delivery_id: int) -> bool:
        """Check whether safe mode is on and does not let this delivery pass."""
        safe_addresses = self.store.safe_recipients
        return bool(safe_addresses) and self.addresses[delivery_id] not in safe_addresses

    def read_rows(self) -> dict[int, Any]:
        with self.store.read() as tx:
            rows = tx.connection.execute(select(delivery).order_by(delivery.c.id))
            return {row.id: row for row in rows}

    def update_heartbeat(self, tx: SqlTransaction, worker_id: int) -> bool:
        """Update the heartbeat, as at the start of each transaction of a worker."""
        is_alive = tx.outbox.update_heartbeat(worker_id) is not None
        assert is_alive == (worker_id in self.live_worker_ids)
        return is_alive

    # ---- workers --------------------------------------------------------------------------------

    @rule(role=roles)
    def register_worker(self, role: str) -> None:
        with self.store.begin() as tx:
            if self.update_heartbeat(tx, self.worker_ids[role]):
                return
            worker_id = factories.register_worker(tx, role)
        assert worker_id > max(self.worker_ids.values())
        self.worker_ids[role] = worker_id
        self.live_worker_ids.add(worker_id)

    @rule(role=roles)
    def remove_worker(self, role: str) -> None:
        with self.store.begin() as tx:
            tx.outbox.remove_worker(self.worker_ids[role])
        self.live_worker_ids.discard(self.worker_ids[role])

    @rule(role=roles)
    def send_heartbeat(self, role: str) -> None:
        with self.store.begin() as tx:
            self.update_heartbeat(tx, self.worker_ids[role])

    @rule()
    def list_workers(self) -> None:
        with self.store.read() as tx:
            self.seen_workers = tx.outbox.list_workers()
        assert {worker.id for worker in self.seen_workers} == self.live_worker_ids

    @precondition(lambda self: self.seen_workers)
    @rule(index=st.integers(0, 1))
    def reclaim_deliveries(self, index: int) -> None:
        """Reclaim from a worker that was seen, possibly long ago; a changed heartbeat saves it."""
        dead_worker = self.seen_workers[index % len(self.seen_workers)]
        rows_before = self.read_rows()
        with self.store.begin() as tx:
            has_moved = dead_worker not in tx.outbox.list_workers()
            reclaimed = tx.outbox.reclaim_deliveries(dead_worker)
        if has_moved:
            assert reclaimed is None
            return
        held_states = [row.state for row in rows_before.values() if row.worker_id == dead_worker.id]
        assert reclaimed == (
            held_states.count(DeliveryState.CLAIMED.value),
            held_states.count(DeliveryState.ON_WIRE.value),
        )
        self.live_worker_ids.discard(dead_worker.id)

    # ---- a worker's batch -----------------------------------------------------------------------

    @rule(role=roles, limit=st.integers(1, 4))
    def claim_deliveries(self, role: str, limit: int) -> None:
        worker_id = self.worker_ids[role]
        with self.store.begin() as tx:
            if self.update_heartbeat(tx, worker_id):
                assert len(tx.outbox.claim_deliveries(self.edition.id, worker_id, limit)) <= limit

    @rule(role=roles, chosen_indexes=index_sets)
    def gate_deliveries(self, role: str, chosen_indexes: set[int]) -> None:
        """Gate for the first time: a worker knows which of its claims passed already."""
        worker_id, rows_before = self.worker_ids[role], self.read_rows()
        ungated_ids = [
            delivery_id
            for delivery_id in self.choose_ids(chosen_indexes)
            if rows_before[delivery_id].state != DeliveryState.ON_WIRE
        ]
        with self.store.begin() as tx:
            passed_ids = tx.outbox.gate_deliveries(worker_id, ungated_ids)
        self.check_passed(worker_id, passed_ids, rows_before)
        assert all(
            rows_before[delivery_id].state == DeliveryState.CLAIMED for delivery_id in passed_ids
        )

    @rule(role=roles, chosen_indexes=index_sets)
    def check_gate_again(self, role: str, chosen_indexes: set[int]) -> None:
        worker_id, rows_before = self.worker_ids[role], self.read_rows()
        with self.store.begin() as tx:
            passed_ids = tx.outbox.check_gate_again(worker_id, self.choose_ids(chosen_indexes))
        self.check_passed(worker_id, passed_ids, rows_before)

    def check_passed(
        self, worker_id: int, passed_ids: set[int], rows_before: dict[int, Any]
    ) -> None:
        """Check that what passed belongs to the worker, to no blocked reader, and to an edition
        that is being sent."""
        rows_after = self.read_rows()
        for delivery_id in passed_ids:
            assert rows_before[delivery_id].state in IN_FLIGHT_STATES
            assert (
                rows_before[delivery_id].worker_id == rows_after[delivery_id].worker_id == worker_id
            )
            assert rows_after[delivery_id].state == DeliveryState.ON_WIRE
            assert self.addresses[delivery_id] not in self.blocked_addresses
            assert not self.is_diverted(delivery_id)
            self.sent_out.add((worker_id, delivery_id))
        assert not passed_ids or self.edition.state is EditionState.SENDING

    @rule(role=roles, chosen_indexes=index_sets)
    def settle_refused(self, role: str, chosen_indexes: set[int]) -> None:
        """Settle deliveries that the gate refused, the first time or the second."""
        worker_id, rows_before = self.worker_ids[role], self.read_rows()
        with self.store.begin() as tx:
            states = tx.outbox.lock_edition_states([self.edition.id])
            passed_ids = tx.outbox.check_gate_again(worker_id, self.choose_ids(chosen_indexes))
            refused_ids = [
                delivery_id
                for delivery_id in self.choose_ids(chosen_indexes)
                if delivery_id not in passed_ids
            ]
            refusals = tx.outbox.settle_refused_deliveries(worker_id, refused_ids, states)
        self.check_passed(worker_id, passed_ids, rows_before)
        self.sent_out -= {
            (worker_id, delivery_id)
            for delivery_id in refused_ids
            if rows_before[delivery_id].worker_id == worker_id
        }
        rows_after = self.read_rows()
        changed_ids = [
            delivery_id
            for delivery_id in refused_ids
            if rows_after[delivery_id].state != rows_before[delivery_id].state
        ]
        assert all(rows_before[delivery_id].worker_id == worker_id for delivery_id in changed_ids)
        new_states = [rows_after[delivery_id].state for delivery_id in changed_ids]
        diverted_count = new_states.count(DeliveryState.DIVERTED)
        turned_away_count = len(new_states) - diverted_count - new_states.count(QUEUED)
        assert refusals == (turned_away_count, diverted_count)
        for delivery_id in changed_ids:
            if rows_after[delivery_id].state == DeliveryState.SUPPRESSED:
                assert self.addresses[delivery_id] in self.blocked_addresses
            if rows_after[delivery_id].state == DeliveryState.DIVERTED:
                assert self.addresses[delivery_id] not in self.blocked_addresses
                assert self.is_diverted(delivery_id)

    @rule(role=roles, chosen_indexes=index_sets, outcome=outcomes, counts_as_attempt=st.booleans())
    def settle_deliveries(
        self, role: str, chosen_indexes: set[int], outcome: DeliveryState, counts_as_attempt: bool
    ) -> None:
        worker_id, rows_before = self.worker_ids[role], self.read_rows()
        counts_as_attempt = counts_as_attempt or outcome is not DeliveryState.QUEUED
        with self.store.begin() as tx:
            tx.outbox.settle_deliveries(
                [
                    Settlement(
                        delivery_id,
                        worker_id,
                        outcome,
                        f"{role} said",
                        counts_as_attempt=counts_as_attempt,
                    )
                    for delivery_id in self.choose_ids(chosen_indexes)
                ]
            )
        rows_after = self.read_rows()
        for delivery_id in self.ids:
            row = rows_before[delivery_id]
            was_in_flight = (row.state, row.worker_id) == (DeliveryState.ON_WIRE, worker_id)
            if was_in_flight and delivery_id in self.choose_ids(chosen_indexes):
                assert rows_after[delivery_id].state == outcome
                self.sent_out.discard((worker_id, delivery_id))
            else:
                assert rows_after[delivery_id] == rows_before[delivery_id]

    @precondition(lambda self: self.sent_out)
    @rule(index=st.integers(0, 30))
    def settle_acceptance(self, index: int) -> None:
        """Settle the acceptance of a message, by any worker that sent it, at any later time."""
        worker_id, delivery_id = sorted(self.sent_out)[index % len(self.sent_out)]
        self.sent_out.discard((worker_id, delivery_id))
        with self.store.begin() as tx:
            tx.outbox.settle_deliveries(
                [Settlement(delivery_id, worker_id, DeliveryState.SENT, f"250 to {worker_id}")]
            )
        row = self.read_rows()[delivery_id]
        assert row.state == DeliveryState.SENT
        assert row.reply == self.accepted_replies.setdefault(delivery_id, f"250 to {worker_id}")

    @rule(role=roles)
    def return_claims(self, role: str) -> None:
        worker_id = self.worker_ids[role]
        with self.store.begin() as tx:
            tx.outbox.return_claims(self.edition.id, worker_id)
        held_states = [row.state for row in self.read_rows().values() if row.worker_id == worker_id]
        assert DeliveryState.CLAIMED not in held_states

    @rule(role=roles, chosen_indexes=index_sets, delay=st.sampled_from([0.0, 600.0]))
    def postpone_deliveries(self, role: str, chosen_indexes: set[int], delay: float) -> None:
        worker_id = self.worker_ids[role]
        with self.store.begin() as tx:
            tx.outbox.postpone_deliveries(
                worker_id, [(delivery_id, delay) for delivery_id in self.choose_ids(chosen_indexes)]
            )
