"""The only writer of delivery states: every step is on disk before the next one begins.

Each process has one ledger thread. Connections report the outcomes of their messages to the ledger,
and the ledger grants them the next messages. The ledger writes all reports since its last batch in
one transaction (``ledger_transaction.py``), so that they share a flush to disk. A connection never
has more than its window past the gate: if the process dies, at most connections × window messages
are in doubt.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from mailer import editions
from mailer.actor import DELIVERY
from mailer.delivery.active_editions import ActiveEditions
from mailer.delivery.batch_planner import BatchPlanner
from mailer.delivery.dispatch_scheduler import DispatchScheduler
from mailer.delivery.ledger_transaction import (
    ActiveEdition,
    ConnectionSlot,
    LedgerBatch,
    SendGrant,
    mark_edition_sent,
    sign_worker_off,
    write_batch,
)
from mailer.delivery.outcomes import GatedMessage
from mailer.delivery.process_identity import create_worker_name
from mailer.delivery.takeover import WorkerMonitor
from mailer.delivery.thread_queue import ConnectionDemand, Mailbox
from mailer.errors import ConcurrencyError, ConfigError
from mailer.model.edition_states import EditionState
from mailer.model.transaction import Database

SETTLE_TIMEOUT = 600.0
"""Seconds for which the ledger keeps trying to write replies while the database can't be used."""

HURRIED_TIMEOUT = 5.0
"""The same, if the run must stop at once."""

CLAIMED_ELSEWHERE = "another worker has claimed deliveries of this edition"

RECHECK_INTERVAL = 1.0
"""Seconds after which the ledger looks again for due deliveries, new editions and dead workers."""


class Ledger:
    """The ledger of one process. Its thread runs :meth:`run`; any thread may call the other public
    methods."""

    def __init__(
        self,
        store: Database,
        scheduler: DispatchScheduler,
        clock: Callable[[], datetime],
        lease: float,
        find_new_editions: Callable[[Sequence[int]], Iterable[ActiveEdition]],
    ) -> None:
        """`find_new_editions` takes the ids of the editions being delivered, and returns other
        editions to deliver. It is called at the start and every second. `lease` is in seconds."""
        self._store = store
        self._scheduler = scheduler
        self._clock = clock
        self._lease = lease
        self._find_new_editions = find_new_editions
        self._worker_name = create_worker_name()
        self.mailbox = Mailbox()
        self._heartbeat_at = self._refreshed_at = 0.0
        self._worker_monitor = WorkerMonitor(store, lease, clock)
        self._drain_event = threading.Event()
        self._hurry_event = threading.Event()
        self._is_abandoned = False
        self.demand = ConnectionDemand()
        self.stale_after = min(5.0, lease / 3)
        """Seconds after which a message that passed the gate must pass it again before it is
        sent."""
        self.worker_id = 0
        self.active_editions = ActiveEditions(scheduler, clock)
        self._planner = BatchPlanner(scheduler, self.mailbox, self.active_editions, self.demand)
        self.error: BaseException | None = None
        self.finished = threading.Event()

    # ---- for connections ------------------------------------------------------------------------

    def is_current(self, message: GatedMessage) -> bool:
        """Check that a pending message still belongs to this worker, and that its edition is still
        being delivered."""
        return (
            message.worker_id == self.worker_id
            and message.claim.edition_id not in self.active_editions.stopped
        )

    # ---- for the delivery run -------------------------------------------------------------------

    def drain_connections(self, *, hurry: bool = False) -> None:
        """Grant no more messages, and end when every connection has closed.

        With `hurry`, give up soon if the outcomes of messages can't be written."""
        self._drain_event.set()
        self.demand.end_demand()
        if hurry:
            self._hurry_event.set()
        self.mailbox.wake_ledger()

    def fail_run(self, error: BaseException) -> None:
        """End the run with an internal error that a connection met."""
        self.error = self.error or error
        self.drain_connections()

    def end_without_waiting(self) -> None:
        """End while connections are still open; their messages in flight will be in doubt."""
        self._is_abandoned = True
        self.mailbox.wake_ledger()

    def pause_editions(self, reason: str) -> None:
        """Pause the editions being delivered, except those that were stopped already."""
        with self._store.begin() as tx:
            for edition_id in list(self.active_editions.delivering):
                edition = editions.get_edition(tx, edition_id)
                if edition.state is EditionState.SENDING:
                    now = self._clock()
                    editions.pause_edition(
                        tx,
                        DELIVERY,
                        edition,
                        now,
                        reason=reason,
                    )

    def run(self) -> None:
        """Run until nothing is due, or until the ledger is drained. An exception is saved in
        `error`."""
        try:
            self._start_worker()
            while self._receive_reports():
                self._run_batch()
                if not self._drain_event.is_set() and self._is_finished():
                    break
        except BaseException as error:
            self.error = error
        finally:
            self._end_run()
            self.finished.set()
            self.demand.end_demand()
            for slot in self.mailbox.open_slots:
                slot.put_grant(None)

    # ---- starting and waiting -------------------------------------------------------------------

    def _start_worker(self) -> None:
        self._register_worker()
        self._refresh_editions(time.monotonic())
        self._worker_monitor.reclaim_from_dead_workers(
            self.active_editions.delivering.values(), time.monotonic(), at_start=True
        )
        for active_edition in self.active_editions.delivering.values():
            with self._store.read() as tx:
                self.active_editions.progress.left += tx.outbox.count_due_deliveries(
                    active_edition.edition.id
                )

    @contextmanager
    def _skip_on_outage(self) -> Iterator[None]:
        """Skip work that can wait until the database is back."""
        try:
            yield
        except (ConfigError, ConcurrencyError) as error:
            self._note_outage(error)

    def _note_outage(self, error: ConfigError | ConcurrencyError) -> None:
        self.active_editions.progress.waiting = f"the database can't be used ({error.message})"

    def _register_worker(self) -> None:
        with self._store.begin() as tx:
            self.worker_id = tx.outbox.register_worker(self._worker_name, self._clock())
        self._worker_monitor.worker_id = self.worker_id

    def _refresh_editions(self, now: float) -> None:
        """Add the editions that have been started in the meantime."""
        self._refreshed_at = now
        for active_edition in self._find_new_editions(list(self.active_editions.delivering)):
            self.active_editions.add_edition(active_edition)

    def _receive_reports(self) -> bool:
        """Wait for work, and receive all reports that have come.

        Returns False if the ledger is drained and no connection has a message."""
        if self._drain_event.is_set() and not self._has_work_in_flight:
            return False
        self.mailbox.receive_reports(self._compute_timeout(), self._drain_event.is_set)
        return not self._drain_event.is_set() or self._has_work_in_flight

    @property
    def _has_work_in_flight(self) -> bool:
        """True if a connection has a message, or has reported one that is not settled."""
        has_connections = self.mailbox.open_slots or any(
            slot.in_flight_count for slot in self.mailbox.closing_slots
        )
        return bool(has_connections and not self._is_abandoned) or not self.mailbox.is_quiet

    def _compute_timeout(self) -> float:
        """Return the seconds until there is work even if no connection reports anything."""
        now = time.monotonic()
        wake_at = min(self._heartbeat_at + self._lease / 4, self._refreshed_at + RECHECK_INTERVAL)
        if not self._drain_event.is_set():
            wake_at = min(wake_at, self._scheduler.wake_at)
            for edition_id, active_edition in self.active_editions.delivering.items():
                if not self._scheduler.count_claims(edition_id):
                    wake_at = min(wake_at, active_edition.recheck_at)
        return max(wake_at - now, 0.0)

    # ---- one batch ------------------------------------------------------------------------------

    def _run_batch(self) -> None:
        now = time.monotonic()
        if now - self._refreshed_at >= RECHECK_INTERVAL:
            with self._skip_on_outage():
                self._refresh_editions(now)
                if any(
                    self._worker_monitor.reclaim_from_dead_workers(
                        self.active_editions.delivering.values(), now
                    )
                ):
                    for active_edition in self.active_editions.delivering.values():
                        active_edition.recheck_at = 0.0
        batch = self._planner.plan_batch(now, is_draining=self._drain_event.is_set())
        # While messages are in flight, each second checks for a pause or a cancellation.
        interval = RECHECK_INTERVAL if self.mailbox.has_in_flight else self._lease / 4
        if batch.is_idle and now - self._heartbeat_at < interval:
            return
        self._write_batch(batch)
        self._heartbeat_at = now
        if batch.is_fenced:
            self._restart_as_new_worker(batch)
        else:
            self._apply_results(batch)

    def _write_batch(self, batch: LedgerBatch) -> None:
        """Run the batch's transaction, again and again while the database can't be used."""
        started_at = time.monotonic()
        waiting_claim_ids: list[int] | None = None
        while True:
            try:
                with self._store.begin() as tx:
                    write_batch(
                        tx,
                        batch,
                        self.worker_id,
                        self.active_editions.delivering,
                        self._clock(),
                        waiting_claim_ids=waiting_claim_ids,
                    )
                    break
            except (ConfigError, ConcurrencyError) as error:
                waiting_claim_ids = self._scheduler.list_claim_ids()
                self._note_outage(error)
                timeout = HURRIED_TIMEOUT if self._hurry_event.is_set() else SETTLE_TIMEOUT
                if time.monotonic() - started_at > timeout:
                    raise
                self._hurry_event.wait(0.2)
        if waiting_claim_ids is not None:
            self.active_editions.progress.waiting = ""

    def _apply_results(self, batch: LedgerBatch) -> None:
        now = time.monotonic()
        granted_by_slot: dict[ConnectionSlot, list[GatedMessage]] = {}
        for slot, pick in batch.picks:
            if pick.claim.id in batch.passed_ids:
                message = GatedMessage(pick.claim, self.worker_id, now, pick.not_before)
                granted_by_slot.setdefault(slot, []).append(message)
            else:
                self.active_editions.remove_in_flight(slot, pick.claim)
                slot.remaining += 1
        for slot, messages in granted_by_slot.items():
            slot.put_grant(SendGrant(messages))
        for slot, message in batch.rechecks:
            may_send = message.claim.id in batch.passed_ids
            if not may_send:
                self.active_editions.remove_in_flight(slot, message.claim)
            slot.put_grant(SendGrant([], message, may_send))
        self.active_editions.count_turned_away(batch.refused_count)
        for edition_id, limit in batch.claim_requests:
            claims = batch.claims_by_edition.get(edition_id, [])
            active_edition = self.active_editions.delivering[edition_id]
            self._scheduler.add_claims(edition_id, claims)
            if claims:
                self.mailbox.wake_ledger()  # the next batch may pick them
            active_edition.completion_checked = active_edition.completion_checked and not claims
            if len(claims) < limit:
                active_edition.recheck_at = now + RECHECK_INTERVAL
        for edition_id, state in batch.edition_states.items():
            if state is not EditionState.SENDING:
                self.active_editions.stop_edition(edition_id)

    def _restart_as_new_worker(self, batch: LedgerBatch) -> None:
        """Register under a new id, because another worker declared this one dead and reclaimed its
        deliveries. Connections see the new id, and return the messages that they have."""
        self._scheduler.forget_claims()
        for slot, pick in batch.picks:
            self.active_editions.remove_in_flight(slot, pick.claim)
        for slot, message in batch.rechecks:
            self.active_editions.remove_in_flight(slot, message.claim)
            slot.put_grant(SendGrant([], message))
        self._register_worker()
        for active_edition in self.active_editions.delivering.values():
            active_edition.recheck_at = 0.0

    # ---- the end --------------------------------------------------------------------------------

    def _is_finished(self) -> bool:
        """Check that no delivery of any edition is due, claimed or in flight, in this worker or
        another one."""
        now = time.monotonic()
        if not self.mailbox.is_quiet:
            return False
        idle_ids = [
            edition_id
            for edition_id, active_edition in self.active_editions.delivering.items()
            if not (active_edition.in_flight_count or self._scheduler.count_claims(edition_id))
            and active_edition.waits_until <= now < active_edition.recheck_at
        ]
        if len(idle_ids) < len(self.active_editions.delivering):
            for edition_id in idle_ids:
                self._mark_if_sent(self.active_editions.delivering[edition_id])
            return False
        if self.mailbox.has_in_flight:
            return False
        if not self.active_editions.delivering:
            return True
        is_claimed = True
        with self._skip_on_outage(), self._store.read() as tx:
            is_claimed = tx.outbox.is_claimed_by_others(idle_ids, self.worker_id)
            self.active_editions.progress.waiting = CLAIMED_ELSEWHERE if is_claimed else ""
            for edition_id in idle_ids:  # another worker may have returned claims in the meantime
                if tx.outbox.count_due_deliveries(edition_id):
                    is_claimed, self.active_editions.delivering[edition_id].recheck_at = True, 0.0
        return not is_claimed

    def _mark_if_sent(self, active_edition: ActiveEdition) -> None:
        """Mark an edition as sent if it is finished while other editions continue."""
        if not active_edition.completion_checked:
            with self._skip_on_outage(), self._store.begin() as tx:
                active_edition.completion_checked = True
                edition = editions.get_edition(tx, active_edition.edition.id)
                mark_edition_sent(tx, edition, self._clock())

    def _end_run(self) -> None:
        """Return the remaining claims, and mark finished editions as sent. If the database stays
        unreachable, the next worker reclaims this worker's deliveries."""
        deadline = time.monotonic() + HURRIED_TIMEOUT
        edition_ids = {*self.active_editions.delivering, *self.active_editions.stopped}
        while True:
            try:
                with self._store.begin() as tx:
                    sign_worker_off(tx, self.worker_id, edition_ids, self._clock())
                return
            except Exception as error:
                is_outage = isinstance(error, ConfigError | ConcurrencyError)
                if not is_outage or time.monotonic() > deadline:
                    self.error = self.error or error
                    return
                time.sleep(0.2)
