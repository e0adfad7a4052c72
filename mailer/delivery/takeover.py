"""Watch the other workers, and reclaim the deliveries of dead workers.

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

    def reclaim_from_dead_workers(
        self, active_editions: Iterable[HasEdition], now: float, *, at_start: bool = False
    ) -> tuple[int, int]:
        """Reclaim the deliveries of dead workers in all editions, and apply the in-doubt rule of
        each edition in `active_editions`. With `at_start`, apply the rule even if no worker died.

        Returns (requeued, in_doubt)."""
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
        if dead_workers or at_start:
            with self._store.begin() as tx:
                for dead_worker in dead_workers:
                    reclaimed = tx.outbox.reclaim_deliveries(dead_worker) or (0, 0)
                    requeued_count, in_doubt_count = (
                        requeued_count + reclaimed[0],
                        in_doubt_count + reclaimed[1],
                    )
                for active_edition in active_editions if in_doubt_count or at_start else ():
                    tx.outbox.apply_in_doubt_rule(active_edition.edition, self._clock())
        return requeued_count, in_doubt_count

    def _has_stalled(self, worker: DeliveryWorker, now: float) -> bool:
        heartbeat, since = self._last_heartbeats.get(worker.id, (-1, now))
        if heartbeat != worker.heartbeat:
            self._last_heartbeats[worker.id] = (worker.heartbeat, now)
            return False
        return now - since >= self._lease
