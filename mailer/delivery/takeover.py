"""Watch the other workers, reclaim the deliveries of dead workers, and send again what is in doubt.

The death of a worker on this machine is recognised at once (``process_identity.py``). For other
workers, this process measures with its own monotonic clock how long the heartbeat has been
unchanged; after one lease, it reclaims the worker's deliveries. No two clocks are compared: if the
lease depended on the database's clock, setting that clock forward would end the lease of a worker
that is alive.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from mailer.delivery.process_identity import is_dead
from mailer.model.deliveries import DeliveryWorker
from mailer.model.editions import Edition
from mailer.model.transaction import Database


class HasEdition(Protocol):
    @property
    def edition(self) -> Edition: ...


class WorkerMonitor:
    """One worker's view of the other workers."""

    def __init__(self, store: Database, lease: float, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._lease = lease
        self._clock = clock
        self._last_heartbeats: dict[int, tuple[int, float]] = {}
        self.worker_id = 0

    def reclaim_from_dead_workers(self, now: float) -> tuple[int, int]:
        """Reclaim the deliveries of dead workers in all editions. Returns (requeued, in_doubt)."""
        with self._store.read() as tx:
            other_workers = [
                worker for worker in tx.outbox.list_workers() if worker.id != self.worker_id
            ]
        dead_workers = [
            worker
            for worker in other_workers
            if is_dead(worker.name) or self._has_stalled(worker, now)
        ]
        requeued_count = in_doubt_count = 0
        if dead_workers:
            with self._store.begin() as tx:
                for dead_worker in dead_workers:
                    reclaimed = tx.outbox.reclaim_deliveries(dead_worker) or (0, 0)
                    requeued_count, in_doubt_count = (
                        requeued_count + reclaimed[0],
                        in_doubt_count + reclaimed[1],
                    )
        return requeued_count, in_doubt_count

    def apply_in_doubt_rules(self, active_editions: Iterable[HasEdition]) -> int:
        """Queue the deliveries in doubt of these editions again, if the edition's rule is to resend
        and their time has come. Returns their number."""
        editions_by_id = {
            active_edition.edition.id: active_edition.edition for active_edition in active_editions
        }
        with self._store.read() as tx:
            due_ids = tx.outbox.find_due_doubts(list(editions_by_id))
        if not due_ids:
            return 0
        with self._store.begin() as tx:
            return sum(
                tx.outbox.apply_in_doubt_rule(editions_by_id[edition_id], self._clock())
                for edition_id in sorted(due_ids)
            )

    def _has_stalled(self, worker: DeliveryWorker, now: float) -> bool:
        heartbeat, since = self._last_heartbeats.get(worker.id, (-1, now))
        if heartbeat != worker.heartbeat:
            self._last_heartbeats[worker.id] = (worker.heartbeat, now)
            return False
        return now - since >= self._lease
