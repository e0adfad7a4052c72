"""What connections tell the ledger, and how it calls for more of them."""

import threading
from typing import NamedTuple

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
        self._changed = threading.Condition()
        self._count = 0
        self._over = False

    def are(self, count: int) -> None:
        with self._changed:
            self._count = count
            self._changed.notify(count)

    def pass_on(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def wait(self) -> bool:
        """Wait for a call, and answer it. False: there won't be one."""
        with self._changed:
            while not self._count and not self._over:
                self._changed.wait()
            self._count -= not self._over
            return not self._over
