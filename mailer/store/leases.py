"""Which worker ticks: one row a lease, with an epoch that grows each time it changes hands.

Whatever its holder does begins with :meth:`Leases.beat`, in the same transaction; whoever takes the
lease over changes that row. One of the two is first, and the other one sees it: no clock of any
machine has a say. How long a beat must stand still is for the observer's own stopwatch, as with
senders (``outbox/senders.py``).
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from mailer.store.schema import lease
from mailer.store.upsert import upsert

TICK = "tick"
"""The lease of the worker that ticks."""


class Lease(NamedTuple):
    """`beaten_at` is by the holder's clock, for people to read."""

    epoch: int
    holder: str
    beat: int
    beaten_at: datetime


class Leases:
    """Leases by name."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def find(self, name: str) -> Lease | None:
        row = self._db.execute(select(lease).where(lease.c.name == name)).one_or_none()
        return Lease(row.epoch, row.holder, row.beat, row.beaten_at) if row else None

    def take(self, name: str, holder: str, seen: Lease | None, now: datetime) -> int | None:
        """Take a lease that nobody has (`seen` None), or that has not moved since it was `seen`.
        The epoch that the holder has from now on; None: somebody was first, or it has moved."""
        if seen is None:
            made = self._db.execute(
                upsert(self._db.dialect.name, lease)
                .values(name=name, epoch=1, holder=holder, beat=0, beaten_at=now)
                .on_conflict_do_nothing()
                .returning(lease.c.epoch)
            ).scalar_one_or_none()
            return None if made is None else int(made)
        taken = self._db.execute(
            update(lease)
            .where(lease.c.name == name, lease.c.epoch == seen.epoch, lease.c.beat == seen.beat)
            .values(epoch=seen.epoch + 1, holder=holder, beat=0, beaten_at=now)
        )
        return seen.epoch + 1 if taken.rowcount else None

    def beat(self, name: str, epoch: int, now: datetime) -> bool:
        """Show that the holder of this epoch lives. False: it is not the holder any more."""
        done = self._db.execute(
            update(lease)
            .where(lease.c.name == name, lease.c.epoch == epoch, lease.c.holder != "")
            .values(beat=lease.c.beat + 1, beaten_at=now)
        )
        return bool(done.rowcount)

    def give_up(self, name: str, epoch: int) -> None:
        """Let anyone take it, at once."""
        self._db.execute(
            update(lease).where(lease.c.name == name, lease.c.epoch == epoch).values(holder="")
        )
