"""Senders: the processes that deliver, each with a row that moves while it lives.

Each transaction of a sender begins with :meth:`WorkerQueries.update_heartbeat`, which takes the sender's own row;
:meth:`WorkerQueries.reclaim_deliveries` deletes that row. Of a sender and of whoever takes it for dead, one goes
first, and the other one sees it: what a sender holds is its own until it is told otherwise. No
clock has a say in that; how long a beat must stand still is for the observer's own stopwatch.
"""

from datetime import datetime

from sqlalchemy import BigInteger, bindparam, delete, insert, select, update

from mailer.model.deliveries import DeliveryState, DeliveryWorker
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.prepared_statements import PreparedStatement

DIED = "the sender died after the message was let out"

_worker_id = bindparam("one", type_=BigInteger)
_HEARTBEAT = PreparedStatement(
    update(schema.worker)
    .where(schema.worker.c.id == _worker_id)
    .values(beat=schema.worker.c.beat + 1)
)


class WorkerQueries(SqlStore):
    """Implements ``outbox.SenderStore``."""

    def register_worker(self, name: str, now: datetime) -> int:
        """A new sender's number. Numbers are never used again."""
        result = self._db.execute(insert(schema.worker).values(name=name, started_at=now))
        assert result.inserted_primary_key is not None
        return int(result.inserted_primary_key[0])

    def update_heartbeat(self, worker_id: int) -> bool:
        """Show that this sender lives. False: it was taken for dead, and holds nothing any more."""
        return _HEARTBEAT.run(self._db, {"one": worker_id}) == 1

    def list_workers(self) -> list[DeliveryWorker]:
        rows = self._db.execute(
            select(schema.worker.c.id, schema.worker.c.name, schema.worker.c.beat)
        )
        return [DeliveryWorker(row.id, row.name, row.beat) for row in rows]

    def reclaim_deliveries(self, dead_worker: DeliveryWorker) -> tuple[int, int] | None:
        """Take back what a sender held whose beat is still that of `dead`: claimed rows to the
        queue, rows on the wire in doubt. How many of each; None when it has moved, and lives."""
        result = self._db.execute(
            delete(schema.worker).where(
                schema.worker.c.id == dead_worker.id, schema.worker.c.beat == dead_worker.heartbeat
            )
        )
        return self._release_deliveries(dead_worker.id) if result.rowcount else None

    def remove_worker(self, worker_id: int) -> None:
        """Leave. What it still held is treated as a dead sender's."""
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
