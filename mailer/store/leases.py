"""The rows of leases (``mailer/leases.py``).

Each transaction of the holder begins with :meth:`SqlLeaseStore.update_heartbeat`. A worker that
takes over the lease changes the same row, so one of the two transactions comes first and the other
sees its change. The clocks of machines are not compared. An observer measures with its own
monotonic clock how long a heartbeat has been unchanged, just as for workers that deliver
(``outbox/workers.py``).
"""

from datetime import datetime

from sqlalchemy import select, update

from mailer.model.leases import Lease
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.upsert import build_upsert


class SqlLeaseStore(SqlStore):
    """Leases by name."""

    def find_lease(self, name: str) -> Lease | None:
        row = self._db.execute(
            select(schema.lease).where(schema.lease.c.name == name)
        ).one_or_none()
        return Lease(row.epoch, row.holder, row.beat, row.heartbeat_at) if row else None

    def take_lease(
        self, name: str, holder: str, last_lease: Lease | None, now: datetime
    ) -> int | None:
        """Take a lease that is free (`last_lease` is None), or a lease that has not changed since
        `last_lease` was read.

        Returns the new epoch, or None if another worker was first or the holder is alive."""
        if last_lease is None:
            inserted_epoch = self._db.execute(
                build_upsert(self._db.dialect.name, schema.lease)
                .values(name=name, epoch=1, holder=holder, beat=0, heartbeat_at=now)
                .on_conflict_do_nothing()
                .returning(schema.lease.c.epoch)
            ).scalar_one_or_none()
            return None if inserted_epoch is None else int(inserted_epoch)
        result = self._db.execute(
            update(schema.lease)
            .where(
                schema.lease.c.name == name,
                schema.lease.c.epoch == last_lease.epoch,
                schema.lease.c.beat == last_lease.heartbeat,
            )
            .values(epoch=last_lease.epoch + 1, holder=holder, beat=0, heartbeat_at=now)
        )
        return last_lease.epoch + 1 if result.rowcount else None

    def update_heartbeat(self, name: str, epoch: int, now: datetime) -> bool:
        """Show that the holder of this epoch is alive. Returns False if another worker holds the
        lease now."""
        result = self._db.execute(
            update(schema.lease)
            .where(
                schema.lease.c.name == name,
                schema.lease.c.epoch == epoch,
                schema.lease.c.holder != "",
            )
            .values(beat=schema.lease.c.beat + 1, heartbeat_at=now)
        )
        return bool(result.rowcount)

    def release_lease(self, name: str, epoch: int) -> None:
        """Release the lease, so that any worker can take it at once."""
        self._db.execute(
            update(schema.lease)
            .where(schema.lease.c.name == name, schema.lease.c.epoch == epoch)
            .values(holder="")
        )
