"""Looking after other senders: what a dead one held is taken over.

One that ran on this machine is known to be dead at once. Of any other its beat is watched, with
this process's own stopwatch: when it has stood still for a lease, what it held is taken over. That
no clock is compared with another is on purpose: leases that hang on a database's clock end too
early when that clock is set forward, under a sender that lives.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from mailer.delivery.owner import is_dead
from mailer.editions import Edition
from mailer.outbox import Sender, Store


class HasEdition(Protocol):
    @property
    def edition(self) -> Edition: ...


class Watch:
    """One sender's view of the others."""

    def __init__(self, store: Store, lease: float, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._lease = lease
        self._clock = clock
        self._seen: dict[int, tuple[int, float]] = {}
        self.sender = 0

    def look(
        self, entries: Iterable[HasEdition], now: float, *, at_start: bool = False
    ) -> tuple[int, int]:
        """Take over what dead senders held, of all editions, and apply the rule for rows in doubt
        to those of `entries`; `at_start` also when nobody died. How many went back to the queue,
        and how many are in doubt."""
        with self._store.read() as tx:
            others = [one for one in tx.senders.senders() if one.id != self.sender]
        dead = [one for one in others if is_dead(one.name) or self._stands_still(one, now)]
        back = doubted = 0
        if dead or at_start:
            with self._store.begin() as tx:
                for one in dead:
                    taken = tx.senders.take_over(one) or (0, 0)
                    back, doubted = back + taken[0], doubted + taken[1]
                for entry in entries if doubted or at_start else ():
                    tx.queue.apply_in_doubt_rule(entry.edition, self._clock())
        return back, doubted

    def _stands_still(self, other: Sender, now: float) -> bool:
        beat, since = self._seen.get(other.id, (-1, now))
        if beat != other.beat:
            self._seen[other.id] = (other.beat, now)
            return False
        return now - since >= self._lease
