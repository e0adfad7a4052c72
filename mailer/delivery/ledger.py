"""The only writer of delivery states: every step is on disk before the next one is taken.

Each call is one short transaction. :meth:`Ledger.turn` settles the messages that were handed over
and lets the next ones through the gate in a single commit, so that a group of messages costs one
flush to disk. At most that group is in doubt when the process dies.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailer import editions, outbox
from mailer.delivery.owner import is_dead, new_owner
from mailer.editions import Edition, EditionState
from mailer.errors import ConfigError
from mailer.outbox import Delivery, DeliveryState, Settlement, Store

LEASE = 300.0
"""Seconds that a claim holds without being renewed. A gate renews it to :data:`WIRE_LEASE`."""

WIRE_LEASE = 900.0
"""Seconds that a message may be on the wire: longer than the 600 of the final dot."""

SETTLE_FOR = 600.0
"""Seconds for which the writing down of replies is tried again."""

CLAIM = 100
WINDOW = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn let out, and the edition's state as the gate found it."""

    passed: tuple[Delivery, ...]
    state: EditionState


class Ledger:
    """One edition's deliveries, as one owner (a sender process) sees them."""

    def __init__(self, store: Store, edition: Edition, owner: str | None = None) -> None:
        self._store = store
        self.edition = edition
        self.owner = owner or new_owner()

    def take_over(self, now: datetime) -> tuple[int, int]:
        """Take back what dead owners held, and apply the edition's rule to what is in doubt: how
        many went back to the queue, how many are or were in doubt."""
        with self._store.begin() as tx:
            dead = [one for one in tx.queue.owners(self.edition) if is_dead(one)]
            back, doubted = tx.queue.recover(self.edition, dead)
            tx.queue.apply_in_doubt_rule(self.edition, now)
        return back, doubted

    def make_due(self) -> int:
        """Let what was deferred be tried at once."""
        with self._store.begin() as tx:
            return tx.queue.make_due(self.edition)

    def claim(self, limit: int = CLAIM) -> list[Delivery]:
        with self._store.begin() as tx:
            return tx.queue.claim(self.edition, self.owner, limit, LEASE)

    def turn(self, settled: Sequence[Settlement], asked: Sequence[Delivery]) -> Turn:
        """Settle what was handed over, then open the gate for `asked`: one commit for both."""
        with self._store.begin() as tx:
            tx.queue.settle(self.owner, settled)
            ids = [delivery.id for delivery in asked]
            passed = tx.queue.gate(self.edition, self.owner, ids, WIRE_LEASE)
            state = EditionState.SENDING
            if refused := [one for one in ids if one not in passed]:
                state = tx.queue.turn_away(self.edition, self.owner, refused)
        return Turn(tuple(one for one in asked if one.id in passed), state)

    def settle(self, settled: Sequence[Settlement]) -> None:
        """Write down what became of messages, however long another writer keeps the database: what
        is known to be accepted must not be forgotten. Gives up after :data:`SETTLE_FOR`."""
        ends = time.monotonic() + SETTLE_FOR
        while settled:
            try:
                with self._store.begin() as tx:
                    tx.queue.settle(self.owner, settled)
                return
            except ConfigError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.5)

    def take_back(self, ids: Sequence[int]) -> None:
        """Queue again what was refused for no fault of the recipients."""
        with self._store.begin() as tx:
            tx.queue.requeue_failed(ids)

    def give_back(self) -> int:
        """Return what was claimed and never went out. Of an edition that was cancelled meanwhile
        nothing stays in the queue, what was deferred neither."""
        with self._store.begin() as tx:
            back = tx.queue.give_back(self.edition, self.owner)
            if editions.get(tx.editions, self.edition.id).state is EditionState.CANCELLED:
                tx.queue.cancel_waiting(self.edition)
            return back

    def seconds_held_by_others(self) -> float:
        with self._store.read() as tx:
            return tx.queue.seconds_held(self.edition)

    def pause(self, reason: str, now: datetime) -> None:
        """Pause the edition, unless somebody has stopped it already."""
        with self._store.begin() as tx:
            edition = editions.get(tx.editions, self.edition.id)
            if edition.state is EditionState.SENDING:
                editions.pause(tx.editions, edition, now, reason=reason, actor="delivery")

    def finish(self, now: datetime) -> Edition:
        """Mark the edition as sent when nothing of it is left to do."""
        with self._store.begin() as tx:
            edition = editions.get(tx.editions, self.edition.id)
            if edition.state is EditionState.SENDING and not tx.queue.undone(edition):
                edition = tx.editions.set_state(edition, EditionState.SENT, now)
            return edition


def deferred(
    delivery: Delivery, reply: str, now: datetime, planned_at: datetime | None
) -> Settlement:
    """A temporary failure: when to try again, or that it has been tried for too long."""
    state = DeliveryState.QUEUED
    if planned_at and now - planned_at > outbox.EXPIRE_AFTER:
        state = DeliveryState.EXPIRED
    return Settlement(delivery.id, state, reply, outbox.retry_after(delivery.attempt))
