"""The desk at which connections tell the ledger things, and how it calls for more of them."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from mailer.delivery.event_loop import EventLoop, WakeEvent
from mailer.delivery.ledger_transaction import ConnectionSlot
from mailer.delivery.outcomes import GatedMessage, MessageOutcome

GATHER_TIME = 0.02
"""Seconds for which a turn waits, at most, until half of the connections have reported: they have
half a window in hand meanwhile."""


class OutcomeReport(NamedTuple):
    """What became of messages."""

    slot: ConnectionSlot
    outcomes: list[MessageOutcome]


class RecheckRequest(NamedTuple):
    """May this message still go?"""

    slot: ConnectionSlot
    message: GatedMessage


class ConnectionOpened(NamedTuple):
    """A connection was opened."""

    slot: ConnectionSlot


class ConnectionClosed(NamedTuple):
    """It has ended."""

    slot: ConnectionSlot


class Mailbox:
    """Where connections report, and what they have said and the ledger has not dealt with yet:
    `unsettled` and `again`. `places` are those of open connections, `left` those of connections
    that have ended and have something out."""

    def __init__(self) -> None:
        self._inbox: SimpleQueue[
            OutcomeReport | RecheckRequest | ConnectionOpened | ConnectionClosed | None
        ] = SimpleQueue()
        self.open_slots: set[ConnectionSlot] = set()
        self.closing_slots: set[ConnectionSlot] = set()
        self.unsettled: list[tuple[ConnectionSlot, MessageOutcome]] = []
        self.rechecks: list[tuple[ConnectionSlot, GatedMessage]] = []

    # ---- for connections ------------------------------------------------------------------------

    def open_slot(self, relay: str, window: int, message_limit: int = 0) -> ConnectionSlot:
        """A place for a new connection: messages come into its inbox from now on, `most` of them
        if that is not 0."""
        slot = ConnectionSlot(relay, window, remaining=message_limit or float("inf"))
        self._inbox.put(ConnectionOpened(slot))
        return slot

    def close_slot(self, slot: ConnectionSlot) -> None:
        """The connection has ended. Until None comes into its inbox, what was let out to it
        meanwhile comes too, and it must report on that."""
        self._inbox.put(ConnectionClosed(slot))

    def report_outcomes(self, slot: ConnectionSlot, outcomes: list[MessageOutcome]) -> None:
        """What became of messages. The ledger settles it, and lets as many others out."""
        self._inbox.put(OutcomeReport(slot, outcomes))

    def request_recheck(self, slot: ConnectionSlot, message: GatedMessage) -> None:
        """Ask whether a message may still go; the answer comes into the inbox."""
        self._inbox.put(RecheckRequest(slot, message))

    def wake_ledger(self) -> None:
        """Let the ledger take a turn, though nobody has anything to say."""
        self._inbox.put(None)

    # ---- for the ledger -------------------------------------------------------------------------

    @property
    def is_quiet(self) -> bool:
        """Nothing waits to be dealt with, or to be taken in."""
        return not (self.unsettled or self.rechecks) and self._inbox.empty()

    @property
    def has_in_flight(self) -> bool:
        """Whether a message is past the gate, in anybody's hand."""
        return any(slot.in_flight_count for slot in (*self.open_slots, *self.closing_slots))

    def receive_reports(self, timeout: float, is_hurried: Callable[[], bool]) -> None:
        """Wait so many seconds until something is said, and take in all that was."""
        item = None
        with suppress(Empty):
            item = self._inbox.get(timeout=timeout)
        if item is not None:
            self._gather_reports(is_hurried)
        while True:
            match item:
                case OutcomeReport(place, outcomes):
                    self.unsettled += [(place, outcome) for outcome in outcomes]
                case RecheckRequest(place, passed):
                    self.rechecks.append((place, passed))
                case ConnectionOpened(place):
                    self.open_slots.add(place)
                case ConnectionClosed(place):
                    self.open_slots.discard(place)
                    self.closing_slots.add(place)
                    place.put_grant(None)
            try:
                item = self._inbox.get_nowait()
            except Empty:
                break
        self.closing_slots = {place for place in self.closing_slots if place.in_flight_count}

    def _gather_reports(self, is_hurried: Callable[[], bool]) -> None:
        """Let more connections report, so that one turn serves them. Asleep, not waiting for the
        inbox: each report would wake this thread."""
        deadline = time.monotonic() + GATHER_TIME
        report_count = len(self.open_slots) // 2
        while (
            self._inbox.qsize() < report_count and time.monotonic() < deadline and not is_hurried()
        ):
            time.sleep(0.002)


class ConnectionDemand:
    """For how many more connections there is work. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._change_event = WakeEvent()
        self._count = 0
        self._is_over = False

    def set_count(self, count: int) -> None:
        with self._lock:
            self._count = count
        self._change_event.trigger_event()

    def pass_demand_on(self) -> None:
        with self._lock:
            self._count += 1
        self._change_event.trigger_event()

    def end_demand(self) -> None:
        self._is_over = True
        self._change_event.trigger_event()

    async def wait_for_demand(self, loop: EventLoop) -> bool:
        """Wait for a call, and answer it. False: there won't be one."""
        while not self._is_over:
            trigger_count = self._change_event.trigger_count
            with self._lock:
                if self._count:
                    self._count -= 1
                    return True
            await loop.wait_for_event(self._change_event, trigger_count)
        return False
