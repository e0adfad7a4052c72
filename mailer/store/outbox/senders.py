"""Senders: the processes that deliver, each with a row that moves while it lives.

Each transaction of a sender begins with :meth:`Senders.beat`, which takes the sender's own row;
:meth:`Senders.take_over` deletes that row. Of a sender and of whoever takes it for dead, one goes
first, and the other one sees it: what a sender holds is its own until it is told otherwise. No
clock has a say in that; how long a beat must stand still is for the observer's own stopwatch.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Connection, bindparam, delete, insert, select, update

from mailer.outbox import DeliveryState, Sender
from mailer.store.prepared import Prepared
from mailer.store.schema import database_now, delivery, in_state, sender

DIED = "the sender died after the message was let out"

_one = bindparam("one", type_=BigInteger)
_BEAT = Prepared(update(sender).where(sender.c.id == _one).values(beat=sender.c.beat + 1))


class Senders:
    """Implements ``outbox.SenderStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def sign_on(self, name: str, now: datetime) -> int:
        """A new sender's number. Numbers are never used again."""
        made = self._db.execute(insert(sender).values(name=name, started_at=now))
        assert made.inserted_primary_key is not None
        return int(made.inserted_primary_key[0])

    def beat(self, number: int) -> bool:
        """Show that this sender lives. False: it was taken for dead, and holds nothing any more."""
        return _BEAT.run(self._db, {"one": number}) == 1

    def senders(self) -> list[Sender]:
        rows = self._db.execute(select(sender.c.id, sender.c.name, sender.c.beat))
        return [Sender(row.id, row.name, row.beat) for row in rows]

    def take_over(self, dead: Sender) -> tuple[int, int] | None:
        """Take back what a sender held whose beat is still that of `dead`: claimed rows to the
        queue, rows on the wire in doubt. How many of each; None when it has moved, and lives."""
        gone = self._db.execute(
            delete(sender).where(sender.c.id == dead.id, sender.c.beat == dead.beat)
        )
        return self._release(dead.id) if gone.rowcount else None

    def sign_off(self, number: int) -> None:
        """Leave. What it still held is treated as a dead sender's."""
        self._db.execute(delete(sender).where(sender.c.id == number))
        self._release(number)

    def _release(self, number: int) -> tuple[int, int]:
        free = {"sender_id": None, "updated_at": database_now()}
        theirs = delivery.c.sender_id == number
        back = self._db.execute(
            update(delivery)
            .where(theirs, in_state(DeliveryState.CLAIMED.value))
            .values(state=DeliveryState.QUEUED.value, attempt=delivery.c.attempt - 1, **free)
        )
        doubted = self._db.execute(
            update(delivery)
            .where(theirs, in_state(DeliveryState.ON_WIRE.value))
            .values(**free, state=DeliveryState.IN_DOUBT.value, reply=DIED)
        )
        return back.rowcount, doubted.rowcount
