"""Workers act on an edition's deliveries in any order, and the table of transitions holds.

The database itself records each move (see ``conftest``). The machine checks the rest after each
step: an accepted delivery never moves, no two workers have the same delivery, a worker that was
declared dead has none, and no message passes the gate for an unsubscribed reader or a stopped
edition.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update

from mailer import editions, outbox
from mailer.app import get_utc_now
from mailer.model.deliveries import IN_FLIGHT_STATES, DeliveryState
from mailer.model.edition_states import EditionState, InDoubtPolicy
from mailer.store import Store
from mailer.store.schema import edition as edition_table
from tests.actors import STAFF
from tests.conftest import KEY, check_delivery_counts, check_state_changes
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.store.outbox.worker_machine import WorkerMachine, index_sets, readers


class QueueMachine(WorkerMachine):
    """The workers, and people who unsubscribe, retry, pause and cancel in the meantime."""

    # ---- trying again ---------------------------------------------------------------------------

    @rule()
    def apply_in_doubt_rule(self) -> None:
        with self.store.begin() as tx:
            queued = tx.outbox.apply_in_doubt_rule(self.edition, get_utc_now())
        assert not queued or self.edition.in_doubt is InDoubtPolicy.RESEND

    @rule(rule_=st.sampled_from(InDoubtPolicy))
    def change_in_doubt_rule(self, rule_: InDoubtPolicy) -> None:
        with self.store.begin() as tx:
            tx.connection.execute(update(edition_table).values(in_doubt=rule_.value))
            self.edition = factories.reload_edition(tx, self.edition)

    @precondition(lambda self: self.edition.state is not EditionState.CANCELLED)
    @rule(retries_failed=st.booleans())
    def retry_deliveries(self, *, retries_failed: bool) -> None:
        verb: Callable[..., int] = outbox.send_in_doubt_again
        if retries_failed:
            verb = outbox.retry_failed_deliveries
        with self.store.begin() as tx:
            verb(tx, STAFF, self.edition, NOW)
            self.edition = factories.reload_edition(tx, self.edition)

    @rule(chosen_indexes=index_sets)
    def requeue_failed(self, chosen_indexes: set[int]) -> None:
        with self.store.begin() as tx:
            tx.outbox.return_to_queue(
                self.edition.id, [DeliveryState.FAILED], self.choose_ids(chosen_indexes)
            )

    @rule()
    def make_deliveries_due(self) -> None:
        with self.store.begin() as tx:
            tx.outbox.make_deliveries_due(self.edition)

    @precondition(lambda self: self.edition.state is not EditionState.CANCELLED)
    @rule()
    def retry_diverted(self) -> None:
        with self.store.begin() as tx:
            outbox.retry_diverted_deliveries(tx, STAFF, self.edition, NOW)
            self.edition = factories.reload_edition(tx, self.edition)

    @rule(safe_readers=st.sets(readers))
    def set_safe_mode(self, safe_readers: set[str]) -> None:
        """Turn safe mode on for some readers, or off."""
        self.store.safe_recipients = tuple(safe_readers)

    # ---- people and the edition -----------------------------------------------------------------

    @rule(reader=readers)
    def unsubscribe_reader(self, reader: str) -> None:
        with self.store.begin() as tx:
            factories.unsubscribe_address(tx, reader)
        self.blocked_addresses.add(reader)

    @rule(reader=readers)
    def suppress_reader(self, reader: str) -> None:
        with self.store.begin() as tx:
            factories.suppress_address(tx, reader)
        self.blocked_addresses.add(reader)

    @precondition(lambda self: self.edition.state is EditionState.SENDING)
    @rule()
    def pause_edition(self) -> None:
        with self.store.begin() as tx:
            self.edition = editions.pause_edition(tx, STAFF, self.edition, get_utc_now())

    @precondition(lambda self: self.edition.state is EditionState.PAUSED)
    @rule()
    def resume_edition(self) -> None:
        with self.store.begin() as tx:
            self.edition = editions.resume_edition(tx, STAFF, self.edition, get_utc_now())

    @precondition(lambda self: self.edition.state is EditionState.SENDING)
    @rule()
    def finish_edition(self) -> None:
        with self.store.begin() as tx:
            if tx.outbox.has_unfinished_deliveries(self.edition):
                return
            self.edition = tx.editions.set_state(
                self.edition, EditionState.SENT, get_utc_now(), STAFF
            )

    @precondition(lambda self: len(self.accepted_replies) > 2)
    @precondition(lambda self: self.edition.state in {EditionState.SENDING, EditionState.PAUSED})
    @rule()
    def cancel_edition(self) -> None:
        with self.store.begin() as tx:
            self.edition = editions.cancel_edition(tx, STAFF, self.edition, get_utc_now())
            tx.outbox.cancel_unsent_deliveries(self.edition.id)

    # ---- invariants -----------------------------------------------------------------------------

    @invariant()
    def accepted_deliveries_stay_sent(self) -> None:
        rows = self.read_rows()
        assert {
            delivery_id: row.reply
            for delivery_id, row in rows.items()
            if row.state == DeliveryState.SENT
        } == self.accepted_replies

    @invariant()
    def no_delivery_is_lost(self) -> None:
        assert list(self.read_rows()) == self.ids

    @invariant()
    def report_counts_every_delivery(self) -> None:
        check_delivery_counts(self.store)

    @invariant()
    def in_flight_deliveries_belong_to_live_workers(self) -> None:
        for row in self.read_rows().values():
            assert (row.state in IN_FLIGHT_STATES) == (row.worker_id is not None)
            assert row.worker_id is None or row.worker_id in self.live_worker_ids
            assert row.attempt >= 0

    def teardown(self) -> None:
        try:
            check_state_changes(self.store)
        finally:
            self.store.close()


def test_queue_makes_only_moves_of_transition_table(sqlite_template: Path, tmp_path: Path) -> None:
    def create_store() -> Store:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        shutil.copy(sqlite_template, folder / "subscribers.db")
        return Store(f"sqlite:///{folder / 'subscribers.db'}", KEY)

    QueueMachine.make_store = staticmethod(create_store)
    run_state_machine_as_test(
        QueueMachine, settings=settings(max_examples=20, stateful_step_count=40, deadline=None)
    )
