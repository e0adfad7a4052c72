"""Workers: the processes that deliver. Each has a row that changes as long as it is alive.

Each transaction of a worker begins with :meth:`WorkerQueries.update_heartbeat`, which locks the
worker's own row; :meth:`WorkerQueries.reclaim_deliveries`, called by another worker, deletes that
row. One of the two transactions comes first, and the other sees its changes. So a worker owns its
deliveries until it finds that its row is gone. No clocks are compared: the observer measures with
its own monotonic clock how long the heartbeat has been unchanged.
"""

from datetime import datetime

from sqlalchemy import BigInteger, bindparam, delete, insert, select, update

from mailer.model.deliveries import DeliveryState, DeliveryWorker
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.prepared_statements import PreparedStatement

DIED = "the worker died after the message passed the gate"

_worker_id = bindparam("one", type_=BigInteger)
_HEARTBEAT = PreparedStatement(
    update(schema.worker)
    .where(schema.worker.c.id == _worker_id)
    .values(beat=schema.worker.c.beat + 1)
)


class WorkerQueries(SqlStore):
    """The part of ``OutboxStore`` about workers."""

    def register_worker(self, name: str, now: datetime) -> int:
        """Add a worker and return its id. Ids are never used again."""
        result = self._db.execute(insert(schema.worker).values(name=name, started_at=now))
        assert result.inserted_primary_key is not None
        return int(result.inserted_primary_key[0])

    def update_heartbeat(self, worker_id: int) -> bool:
        """Show that this worker is alive. Returns False if another worker has declared it dead, so
        that it has lost its deliveries."""
        return _HEARTBEAT.run(self._db, {"one": worker_id}) == 1

    def list_workers(self) -> list[DeliveryWorker]:
        rows = self._db.execute(
            select(schema.worker.c.id, schema.worker.c.name, schema.worker.c.beat)
        )
        return [DeliveryWorker(row.id, row.name, row.beat) for row in rows]

    def reclaim_deliveries(self, dead_worker: DeliveryWorker) -> tuple[int, int] | None:
        """Reclaim the deliveries of a worker whose heartbeat has not changed. Claimed deliveries go
        back to the queue; those on the wire are marked as in doubt. Returns (requeued, in_doubt),
        or None if the heartbeat has changed."""
        result = self._db.execute(
            delete(schema.worker).where(
                schema.worker.c.id == dead_worker.id, schema.worker.c.beat == dead_worker.heartbeat
            )
        )
        return self._release_deliveries(dead_worker.id) if result.rowcount else None

    def remove_worker(self, worker_id: int) -> None:
        """Remove a worker. Its remaining deliveries are treated like those of a dead worker."""
        self._db.execute(delete(schema.worker).where(schema.worker.c.id == worker_id))
        self._release_deliveries(worker_id)

    def _release_deliveries(self, worker_id: int) -> tuple[int, int]:
        released_values = {"worker_id": None, "updated_at": schema.database_now()}
        of_worker = schema.delivery.c.worker_id == worker_id
        requeued = self._db.execute(
            update(schema.delivery)
            .where(of_worker, schema.is_in_state(DeliveryState.CLAIMED.value))
            .values(
                state=DeliveryState.QUEUED.value,
                attempt=schema.delivery.c.attempt - 1,
                **released_values,
            )
        )
        in_doubt = self._db.execute(
            update(schema.delivery)
            .where(of_worker, schema.is_in_state(DeliveryState.ON_WIRE.value))
            .values(**released_values, state=DeliveryState.IN_DOUBT.value, reply=DIED)
        )
        return requeued.rowcount, in_doubt.rowcount
