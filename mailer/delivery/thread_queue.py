"""The queue of reports from connections to the ledger, and the ledger's demand for more
connections."""

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
"""Maximum time in seconds that a batch waits until half of the connections have reported. In the
meantime, each connection has half a window of messages to send."""


class OutcomeReport(NamedTuple):
    """A connection reports the outcomes of messages."""

    slot: ConnectionSlot
    outcomes: list[MessageOutcome]


class RecheckRequest(NamedTuple):
    """A connection asks whether a message may still be sent."""

    slot: ConnectionSlot
    message: GatedMessage


class ConnectionOpened(NamedTuple):
    """A connection was opened."""

    slot: ConnectionSlot


class ConnectionClosed(NamedTuple):
    """A connection has ended."""

    slot: ConnectionSlot


class Mailbox:
    """Receives the reports of connections for the ledger.

    `unsettled` and `rechecks` are reports that the ledger has not written yet. `open_slots` are the
    slots of open connections, `closing_slots` those of ended connections that still have messages
    in flight."""

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
        """Open a slot for a new connection, whose inbox gets messages from now on, at most
        `message_limit` of them (0: no limit)."""
        slot = ConnectionSlot(relay, window, remaining=message_limit or float("inf"))
        self._inbox.put(ConnectionOpened(slot))
        return slot

    def close_slot(self, slot: ConnectionSlot) -> None:
        """Report that the connection has ended.

        Further grants may come until None comes into the inbox. The connection must report on their
        messages too."""
        self._inbox.put(ConnectionClosed(slot))

    def report_outcomes(self, slot: ConnectionSlot, outcomes: list[MessageOutcome]) -> None:
        """Report outcomes. The ledger settles them, and grants as many other messages."""
        self._inbox.put(OutcomeReport(slot, outcomes))

    def request_recheck(self, slot: ConnectionSlot, message: GatedMessage) -> None:
        """Ask whether a message may still be sent. The answer comes into the inbox."""
        self._inbox.put(RecheckRequest(slot, message))

    def wake_ledger(self) -> None:
        """Let the ledger run a batch although no connection reports anything."""
        self._inbox.put(None)

    # ---- for the ledger -------------------------------------------------------------------------

    @property
    def is_quiet(self) -> bool:
        """True if no report waits to be received or written."""
        return not (self.unsettled or self.rechecks) and self._inbox.empty()

    @property
    def has_in_flight(self) -> bool:
        """True if any connection has a message that passed the gate and is not settled."""
        return any(slot.in_flight_count for slot in (*self.open_slots, *self.closing_slots))

    def receive_reports(self, timeout: float, is_hurried: Callable[[], bool]) -> None:
        """Wait up to `timeout` seconds for a report, then receive all that have come."""
        item = None
        with suppress(Empty):
            item = self._inbox.get(timeout=timeout)
        if item is not None:
            self._gather_reports(is_hurried)
        while True:
            match item:
                case OutcomeReport(slot, outcomes):
                    self.unsettled += [(slot, outcome) for outcome in outcomes]
                case RecheckRequest(slot, message):
                    self.rechecks.append((slot, message))
                case ConnectionOpened(slot):
                    self.open_slots.add(slot)
                case ConnectionClosed(slot):
                    self.open_slots.discard(slot)
                    self.closing_slots.add(slot)
                    slot.put_grant(None)
            try:
                item = self._inbox.get_nowait()
            except Empty:
                break
        self.closing_slots = {slot for slot in self.closing_slots if slot.in_flight_count}

    def _gather_reports(self, is_hurried: Callable[[], bool]) -> None:
        """Give more connections time to report, so that one batch serves them all. The thread
        sleeps instead of waiting on the inbox, where each report would wake it."""
        deadline = time.monotonic() + GATHER_TIME
        report_count = len(self.open_slots) // 2
        while (
            self._inbox.qsize() < report_count and time.monotonic() < deadline and not is_hurried()
        ):
            time.sleep(0.002)


class ConnectionDemand:
    """The number of further connections that have work. Safe to use from several threads."""

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
        """Pass a demand on to another connection, because this one can't meet it."""
        with self._lock:
            self._count += 1
        self._change_event.trigger_event()

    def end_demand(self) -> None:
        self._is_over = True
        self._change_event.trigger_event()

    async def wait_for_demand(self, loop: EventLoop) -> bool:
        """Wait until there is work for one more connection, and claim that demand.

        Returns False if there will be no more work."""
        while not self._is_over:
            trigger_count = self._change_event.trigger_count
            with self._lock:
                if self._count:
                    self._count -= 1
                    return True
            await loop.wait_for_event(self._change_event, trigger_count)
        return False
