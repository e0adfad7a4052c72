"""Workers: the processes that deliver. Each has a row that changes as long as it is alive.

Each transaction of a worker begins with :meth:`WorkerQueries.update_heartbeat`, which locks the
worker's own row; :meth:`WorkerQueries.reclaim_deliveries`, called by another worker, marks that row
as ended. One of the two transactions comes first, and the other sees its changes. So a worker owns
its deliveries until it finds that its row has ended. No clocks are compared: the observer measures
with its own monotonic clock how long the heartbeat has been unchanged.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, and_, bindparam, delete, insert, select, update

from mailer.model.deliveries import DeliveryState, DeliveryWorker
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.outbox.doubts import doubted_after_death
from mailer.store.outbox.statements import claimed, in_flight, on_wire
from mailer.store.prepared_statements import PreparedStatement

DIED = "the worker died after the message passed the gate"

KEEP_ENDED = timedelta(days=7)
"""Time for which the row of a worker that has ended is kept. If a worker finds that its own row is
gone, the database must have lost it (``mailer/delivery/history.py``)."""

_worker_id = bindparam("one", type_=BigInteger)
_HEARTBEAT = PreparedStatement(
    update(schema.worker)
    .where(schema.worker.c.id == _worker_id, schema.worker.c.ended_at.is_(None))
    .values(beat=schema.worker.c.beat + 1)
    .returning(schema.worker.c.beat)
)


class WorkerQueries(SqlStore):
    """The part of ``OutboxStore`` about workers."""

    def register_worker(self, name: str, now: datetime) -> int:
        """Add a worker and return its id. Ids are used again only if the database has lost rows. A
        heartbeat begins at a random number, so that even then no worker mistakes another worker's
        row for its own.

        Rows of workers that ended long ago are removed by the clock that wrote them, the
        database's: a process whose own clock is wrong must not remove another one's row."""
        self._db.execute(
            delete(schema.worker).where(
                schema.worker.c.ended_at < schema.database_now(-KEEP_ENDED.total_seconds())
            )
        )
        result = self._db.execute(
            insert(schema.worker).values(name=name, started_at=now, beat=secrets.randbits(48))
        )
        assert result.inserted_primary_key is not None
        return int(result.inserted_primary_key[0])

    def update_heartbeat(self, worker_id: int) -> int | None:
        """Show that this worker is alive. Returns its new heartbeat, or None if another worker has
        declared it dead, so that it has lost its deliveries."""
        rows = _HEARTBEAT.fetch_rows(self._db, {"one": worker_id})
        return int(rows[0][0]) if rows else None

    def find_worker(self, worker_id: int) -> DeliveryWorker | None:
        """Find a worker, even if it has ended."""
        row = self._db.execute(
            select(schema.worker).where(schema.worker.c.id == worker_id)
        ).one_or_none()
        return (
            DeliveryWorker(row.id, row.name, row.beat, has_ended=row.ended_at is not None)
            if row
            else None
        )

    def forget_worker(self, worker_id: int) -> None:
        """Remove the row of a worker that has ended."""
        self._db.execute(
            delete(schema.worker).where(
                schema.worker.c.id == worker_id, schema.worker.c.ended_at.is_not(None)
            )
        )

    def list_workers(self) -> list[DeliveryWorker]:
        rows = self._db.execute(
            select(schema.worker.c.id, schema.worker.c.name, schema.worker.c.beat).where(
                schema.worker.c.ended_at.is_(None)
            )
        )
        return [DeliveryWorker(row.id, row.name, row.beat) for row in rows]

    def reclaim_deliveries(self, dead_worker: DeliveryWorker) -> tuple[int, int] | None:
        """Reclaim the deliveries of a worker whose heartbeat has not changed. Claimed deliveries go
        back to the queue; those on the wire are marked as in doubt. Returns (requeued, in_doubt),
        or None if the heartbeat has changed."""
        result = self._db.execute(
            update(schema.worker)
            .where(
                schema.worker.c.id == dead_worker.id,
                schema.worker.c.beat == dead_worker.heartbeat,
                schema.worker.c.ended_at.is_(None),
            )
            .values(ended_at=schema.database_now())
        )
        return self._release_deliveries(dead_worker.id) if result.rowcount else None

    def remove_worker(self, worker_id: int) -> None:
        """Mark a worker as ended. Deliveries that it still has are treated like those of a dead
        worker."""
        self._db.execute(
            update(schema.worker)
            .where(schema.worker.c.id == worker_id, schema.worker.c.ended_at.is_(None))
            .values(ended_at=schema.database_now())
        )
        self._release_deliveries(worker_id)

    def _release_deliveries(self, worker_id: int) -> tuple[int, int]:
        released_values = {"worker_id": None, "updated_at": schema.database_now()}
        of_worker = and_(schema.delivery.c.worker_id == worker_id, in_flight)
        requeued = self._db.execute(
            update(schema.delivery)
            .where(of_worker, claimed)
            .values(
                state=DeliveryState.QUEUED.value,
                attempt=schema.delivery.c.attempt - 1,
                **released_values,
            )
        )
        in_doubt = self._db.execute(
            update(schema.delivery)
            .where(of_worker, on_wire)
            .values({**released_values, **doubted_after_death, "reply": DIED})
        )
        return requeued.rowcount, in_doubt.rowcount
