"""The desk at which connections tell the ledger things, and how it calls for more of them."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from mailer.delivery.loop import Bell, Loop
from mailer.delivery.outcomes import Outcome, Passed
from mailer.delivery.turn import Place

GATHER = 0.02
"""Seconds for which a turn waits, at most, until half of the connections have reported: they have
half a window in hand meanwhile."""


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


class Desk:
    """Where connections report, and what they have said and the ledger has not dealt with yet:
    `unsettled` and `again`. `places` are those of open connections, `left` those of connections
    that have ended and have something out."""

    def __init__(self) -> None:
        self._inbox: SimpleQueue[Report | Again | Arrival | Departure | None] = SimpleQueue()
        self.places: set[Place] = set()
        self.left: set[Place] = set()
        self.unsettled: list[tuple[Place, Outcome]] = []
        self.again: list[tuple[Place, Passed]] = []

    # ---- for connections ------------------------------------------------------------------------

    def join(self, relay: str, window: int, most: int = 0) -> Place:
        """A place for a new connection: messages come into its inbox from now on, `most` of them
        if that is not 0."""
        place = Place(relay, window, left=most or float("inf"))
        self._inbox.put(Arrival(place))
        return place

    def leave(self, place: Place) -> None:
        """The connection has ended. Until None comes into its inbox, what was let out to it
        meanwhile comes too, and it must report on that."""
        self._inbox.put(Departure(place))

    def report(self, place: Place, outcomes: list[Outcome]) -> None:
        """What became of messages. The ledger settles it, and lets as many others out."""
        self._inbox.put(Report(place, outcomes))

    def look_again(self, place: Place, passed: Passed) -> None:
        """Ask whether a message may still go; the answer comes into the inbox."""
        self._inbox.put(Again(place, passed))

    def knock(self) -> None:
        """Let the ledger take a turn, though nobody has anything to say."""
        self._inbox.put(None)

    # ---- for the ledger -------------------------------------------------------------------------

    @property
    def quiet(self) -> bool:
        """Nothing waits to be dealt with, or to be taken in."""
        return not (self.unsettled or self.again) and self._inbox.empty()

    @property
    def anything_out(self) -> bool:
        """Whether a message is past the gate, in anybody's hand."""
        return any(place.out for place in (*self.places, *self.left))

    def take_in(self, patience: float, in_a_hurry: Callable[[], bool]) -> None:
        """Wait so many seconds until something is said, and take in all that was."""
        item = None
        with suppress(Empty):
            item = self._inbox.get(timeout=patience)
        if item is not None:
            self._gather(in_a_hurry)
        while True:
            match item:
                case Report(place, outcomes):
                    self.unsettled += [(place, one) for one in outcomes]
                case Again(place, passed):
                    self.again.append((place, passed))
                case Arrival(place):
                    self.places.add(place)
                case Departure(place):
                    self.places.discard(place)
                    self.left.add(place)
                    place.put(None)
            try:
                item = self._inbox.get_nowait()
            except Empty:
                break
        self.left = {place for place in self.left if place.out}

    def _gather(self, in_a_hurry: Callable[[], bool]) -> None:
        """Let more connections report, so that one turn serves them. Asleep, not waiting for the
        inbox: each report would wake this thread."""
        ends = time.monotonic() + GATHER
        enough = len(self.places) // 2
        while self._inbox.qsize() < enough and time.monotonic() < ends and not in_a_hurry():
            time.sleep(0.002)


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
