"""What connections tell the ledger, and how it calls for more of them."""

import threading
from typing import NamedTuple

from mailer.delivery.loop import Bell, Loop
from mailer.delivery.outcomes import Outcome, Passed
from mailer.delivery.turn import Place


class Report(NamedTuple):
    """What became of messages."""

    place: Place
    outcomes: list[Outcome]


class Again(NamedTuple):
    """May this message still go?"""

    place: Place
    passed: Passed


class Arrival(NamedTuple):
    """A connection was opened."""

    place: Place


class Departure(NamedTuple):
    """It has ended."""

    place: Place


class Calls:
    """For how many more connections there is work. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = Bell()
        self._count = 0
        self._over = False

    def are(self, count: int) -> None:
        with self._lock:
            self._count = count
        self._changed.ring()

    def pass_on(self) -> None:
        with self._lock:
            self._count += 1
        self._changed.ring()

    def end(self) -> None:
        self._over = True
        self._changed.ring()

    async def wait(self, loop: Loop) -> bool:
        """Wait for a call, and answer it. False: there won't be one."""
        while not self._over:
            seen = self._changed.rings
            with self._lock:
                if self._count:
                    self._count -= 1
                    return True
            await loop.hear(self._changed, seen)
        return False
