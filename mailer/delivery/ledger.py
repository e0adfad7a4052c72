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
from mailer.delivery.active_editions import ActiveEditions
from mailer.delivery.batch_planner import BatchPlanner
from mailer.delivery.dispatch_scheduler import DispatchScheduler
from mailer.delivery.history import HistoryWatch, contain_lost_history
from mailer.delivery.ledger_transaction import (
    ActiveEdition,
    ConnectionSlot,
    LedgerBatch,
    SendGrant,
    end_edition,
    pause_editions,
    sign_worker_off,
    write_batch,
)
from mailer.delivery.outage import HURRIED_TIMEOUT, RETRY_DELAY, OutagePatience
from mailer.delivery.outcomes import GatedMessage
from mailer.delivery.process_identity import create_worker_name
from mailer.delivery.takeover import WorkerMonitor
from mailer.delivery.thread_queue import ConnectionDemand, Mailbox
from mailer.errors import ConcurrencyError, ConfigError, DatabaseUnrecognised, HistoryWentBack
from mailer.model.edition_states import EditionState
from mailer.model.transaction import Database, Transaction
from mailer.thread_switching import shorten_switch_interval

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
        history: HistoryWatch | None = None,
        note_heartbeat: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """`find_new_editions` takes the ids of the editions being delivered, and returns other
        editions to deliver. It is called at the start and every second. `lease` is in seconds.
        `history` is what earlier runs of this process know to be committed. `note_heartbeat` gets
        the worker's id and its heartbeat after each commit."""
        self._store = store
        self._scheduler = scheduler
        self._clock = clock
        self._lease = lease
        self._find_new_editions = find_new_editions
        self._note_heartbeat = note_heartbeat
        self._worker_name = create_worker_name()
        self.mailbox = Mailbox()
        self._heartbeat_at = self._refreshed_at = 0.0
        self._worker_monitor = WorkerMonitor(store, lease, clock)
        self._drain_event = threading.Event()
        self._is_abandoned = False
        self.demand = ConnectionDemand()
        self.stale_after = min(5.0, lease / 3)
        """Seconds after which a message that passed the gate must pass it again before it is
        sent."""
        self.worker_id = 0
        self.active_editions = ActiveEditions(scheduler, clock)
        self.patience = OutagePatience(self.active_editions.progress)
        self._history = history or HistoryWatch()
        self._planner = BatchPlanner(
            scheduler, self.mailbox, self.active_editions, self.demand, self._history
        )
        self.error: BaseException | None = None
        self.finished = threading.Event()

    # ---- for connections ------------------------------------------------------------------------

    def is_current(self, message: GatedMessage) -> bool:
        """Check that a pending message still belongs to this worker, and that its edition is still
        being delivered and is not about to pause."""
        active_edition = self.active_editions.delivering.get(message.claim.edition_id)
        return (
            message.worker_id == self.worker_id
            and active_edition is not None
            and not active_edition.refusals.is_suspicious
        )

    # ---- for the delivery run -------------------------------------------------------------------

    def drain_connections(self, *, hurry: bool = False) -> None:
        """Grant no more messages, and end when every connection has closed.

        With `hurry`, give up soon if the outcomes of messages can't be written."""
        self._drain_event.set()
        self.demand.end_demand()
        if hurry:
            self.patience.note_hurry()
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
            pause_editions(tx, list(self.active_editions.delivering), reason, self._clock())

    def run(self) -> None:
        """Run until nothing is due, or until the ledger is drained. An exception is saved in
        `error`."""
        try:
            self.patience.run_with_retries(self._start_worker)
            while self._receive_reports():
                self._run_batch()
                if not self._drain_event.is_set() and self._is_finished():
                    break
        except HistoryWentBack as error:
            self.error = error
            self._contain_lost_history()
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
        self._worker_monitor.reclaim_from_dead_workers(time.monotonic())
        self._refresh_editions(time.monotonic())
        self._worker_monitor.apply_in_doubt_rules(self.active_editions.delivering.values())
        with self._store.read() as tx:
            self.active_editions.progress.left = sum(
                map(tx.outbox.count_due_deliveries, self.active_editions.delivering)
            )

    @contextmanager
    def _skip_on_outage(self) -> Iterator[None]:
        """Skip work that can wait until the database is back."""
        try:
            yield
        except (ConfigError, ConcurrencyError) as error:
            self.patience.note_outage(error)

    def _register_worker(self) -> None:
        with self._store.begin() as tx:
            self._history.check_last_run(tx)
            worker_id = tx.outbox.register_worker(self._worker_name, self._clock())
            worker = tx.outbox.find_worker(worker_id)
        assert worker is not None
        self._history.note_commit(worker_id, worker.heartbeat)
        self.worker_id = self._worker_monitor.worker_id = worker_id

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
            try:
                self._look_around(now)
            except DatabaseUnrecognised:
                # Settle what was accepted; if this worker's own commits are lost, say that instead.
                self._write_batch(self._planner.plan_batch(now, is_draining=True))
                raise
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

    def _look_around(self, now: float) -> None:
        """Look for new editions, dead workers, and deliveries in doubt to send again."""
        with self._skip_on_outage():
            self._refresh_editions(now)
            delivering = self.active_editions.delivering.values()
            reclaimed_counts = self._worker_monitor.reclaim_from_dead_workers(now)
            resent_count = self._worker_monitor.apply_in_doubt_rules(delivering)
            if any(reclaimed_counts) or resent_count:
                for active_edition in delivering:
                    active_edition.recheck_at = 0.0

    def _write_batch(self, batch: LedgerBatch) -> None:
        """Run the batch's transaction, again and again while the database can't be used."""
        started_at = time.monotonic()
        waiting_claim_ids: list[int] | None = None
        while True:
            self.patience.begin_wait()
            try:
                with shorten_switch_interval(), self._store.begin() as tx:
                    write_batch(
                        tx,
                        batch,
                        self.worker_id,
                        self.active_editions.delivering,
                        self._clock(),
                        self._history,
                        waiting_claim_ids=waiting_claim_ids,
                    )
                break
            except (ConfigError, ConcurrencyError) as error:
                self._history.note_failure()
                waiting_claim_ids = self._scheduler.list_claim_ids()
                self.patience.wait_or_raise(error, started_at)
            except HistoryWentBack:
                self._planner.withdraw_batch(batch)
                raise
            finally:
                self.patience.end_wait()
        if batch.heartbeat is not None:
            self._history.note_commit(self.worker_id, batch.heartbeat)
            self._note_heartbeat(self.worker_id, batch.heartbeat)
        if waiting_claim_ids is not None:
            self.patience.note_recovery()

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
        self.active_editions.count_turned_away(batch.refused_count, batch.diverted_count)
        self.active_editions.note_requeued(batch.requeued_count)
        self.active_editions.progress.paused.update(batch.pause_reasons)
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
        self._planner.withdraw_batch(batch)
        self._register_worker()
        for active_edition in self.active_editions.delivering.values():
            active_edition.recheck_at = 0.0

    def _contain_lost_history(self) -> None:
        """Pause the editions, wait for the replies to what is on the wire, and settle what relays
        have accepted, after the database has lost what it had confirmed."""
        worker_id, self.worker_id = self.worker_id, 0  # connections return what they have not sent
        edition_ids = sorted({*self.active_editions.delivering, *self.active_editions.stopped})

        def stop_editions(tx: Transaction) -> None:
            contain_lost_history(tx, self._history, edition_ids, self._clock())

        def sign_off(tx: Transaction) -> None:
            stop_editions(tx)
            worker = tx.outbox.find_worker(worker_id)
            if worker is not None and worker.name == self._worker_name:
                tx.outbox.remove_worker(worker_id)

        self.drain_connections()
        self.patience.write(self._store, stop_editions)
        while self._receive_reports():
            self._planner.collect_late_outcomes()
        self.patience.write(self._store, sign_off)

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
        """Mark an edition as sent if it is finished, without waiting for the end of the run."""
        if not active_edition.completion_checked:
            with self._skip_on_outage(), self._store.begin() as tx:
                active_edition.completion_checked = True
                edition = editions.get_edition(tx, active_edition.edition.id)
                end_edition(tx, edition, active_edition, self._clock())

    def _end_run(self) -> None:
        """Return the remaining claims, and mark finished editions as sent. If the database stays
        unreachable, the next worker reclaims this worker's deliveries."""
        if isinstance(self.error, HistoryWentBack):
            return
        deadline = time.monotonic() + HURRIED_TIMEOUT
        active_editions = {**self.active_editions.stopped, **self.active_editions.delivering}
        while True:
            try:
                with self._store.begin() as tx:
                    sign_worker_off(tx, self.worker_id, active_editions, self._clock())
                self._history.note_end()
                return
            except Exception as error:
                is_outage = isinstance(error, ConfigError | ConcurrencyError)
                if not is_outage or time.monotonic() > deadline:
                    self.error = self.error or error
                    return
                time.sleep(RETRY_DELAY)
