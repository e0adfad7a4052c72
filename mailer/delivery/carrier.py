"""One connection's life, in a thread of its own: open it, carry messages, report, begin again."""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from queue import Empty
from typing import TYPE_CHECKING

from mailer.delivery.ledger import Ledger
from mailer.delivery.outcomes import Outcome, Passed
from mailer.delivery.relays import Health, Ticket
from mailer.delivery.replies import WITHHELD, Phase, Reply, Verdict, lost
from mailer.delivery.smtp import Connection, Mail
from mailer.delivery.turn import Place
from mailer.errors import RelayError
from mailer.message import Recipient

if TYPE_CHECKING:
    from mailer.delivery.courier import Route

IDLE = 20.0
"""Seconds after which a connection without work is closed: relays close idle ones themselves."""


class Carrier(threading.Thread):
    """Carries messages over one connection to one relay at a time."""

    def __init__(
        self,
        ledger: Ledger,
        health: Health,
        route: "Route",
        clock: Callable[[], datetime],
        halt: threading.Event,
        number: int,
    ) -> None:
        super().__init__(name=f"{health.relay.name} {number}", daemon=True)
        self._ledger = ledger
        self._health = health
        self._relay = health.relay
        self._route = route
        self._clock = clock
        self._halt = halt
        self._connection: Connection | None = None

    def run(self) -> None:
        try:
            while (ticket := self._health.ticket(self._halt)) is not None:
                if not self._ledger.wait_for_work():
                    return
                if self._health.is_stale(ticket):
                    self._ledger.pass_on()
                else:
                    self._travel(ticket)
                self._health.give_up(ticket)
        except BaseException as error:
            self._ledger.fail(error)

    def _travel(self, ticket: Ticket) -> None:
        try:
            credentials = self._route.credentials.get(self._relay.name)
            self._connection = Connection.open(self._relay, credentials)
        except RelayError as error:
            self._health.not_opened(ticket, error)
            return
        self._health.opened()
        with self._connection as connection:
            trip = _Trip(
                self._ledger,
                self._health,
                connection,
                self._route.sender,
                self._clock,
                self._halt,
                ticket,
            )
            trip.run()

    def kill(self) -> None:
        """End its connection, from another thread."""
        if (connection := self._connection) is not None:
            connection.kill()


class _Trip:
    """What one connection carries, from its first message to its end."""

    def __init__(
        self,
        ledger: Ledger,
        health: Health,
        connection: Connection,
        sender: str,
        clock: Callable[[], datetime],
        halt: threading.Event,
        ticket: Ticket,
    ) -> None:
        self._ledger = ledger
        self._health = health
        self._relay = health.relay
        self._connection = connection
        self._sender = sender
        self._clock = clock
        self._halt = halt
        self._ticket = ticket
        self._place: Place = ledger.join(self._relay.name, self._relay.window)
        self._hand: deque[Passed] = deque()
        self._made: tuple[Passed, Mail] | None = None
        self._done: list[Outcome] = []
        self._batch = max(self._relay.window // 2, 1)
        self._answered = 0
        self._over = False
        self._withdrawn = False

    def run(self) -> None:
        """Until there is no more work, the connection is of no more use, or the run stops. Each
        message that was let out to it is reported, whatever happens."""
        try:
            while not (self._halt.is_set() or self._health.standing_by) and self._next():
                if not self._carry(self._hand.popleft()):
                    break
        finally:
            self._flush()
            self._hand += self._ledger.leave(self._place)
            self._done += [Outcome(passed, WITHHELD) for passed in self._hand]
            self._flush()

    # ---- the hand -------------------------------------------------------------------------------

    def _next(self) -> bool:
        """Have a message in hand, waiting for one if need be. False: there is none."""
        self._receive(block=False)
        if not self._hand:
            self._flush()
            self._receive(block=True)
        return bool(self._hand)

    def _receive(self, *, block: bool) -> None:
        inbox = self._place.inbox
        ends = time.monotonic() + IDLE if block else 0.0
        while not self._over:
            try:
                grant = inbox.get(timeout=0.5) if block else inbox.get_nowait()
            except Empty:
                if not block or self._halt.is_set() or time.monotonic() > ends:
                    return
                continue
            if grant is None:
                self._over = True
                self._place.inbox.put(None)  # for leave()
                return
            self._hand += grant.passed
            block = False

    def _flush(self) -> None:
        if self._done:
            self._ledger.report(self._place, self._done)
            self._done = []

    # ---- one message ----------------------------------------------------------------------------

    def _carry(self, passed: Passed) -> bool:
        """Hand over one message; whether the connection is good for another."""
        if not self._ledger.is_ours(passed):
            self._done.append(Outcome(passed, WITHHELD))
            return self._made is None  # it was announced
        if (wait := passed.not_before - time.monotonic()) > 0 and self._halt.wait(wait):
            self._done.append(Outcome(passed, WITHHELD))
            return False
        try:
            mail = self._mail(passed)
        except BaseException:
            self._hand.appendleft(passed)
            raise
        self._withdrawn = False
        reply = _STOPPED
        try:
            reply = self._connection.deliver(mail, lambda: self._may_go(passed), self._following)
        finally:
            if not self._withdrawn:
                self._done.append(Outcome(passed, reply))
        return self._after(reply)

    def _may_go(self, passed: Passed) -> bool:
        """The last look before the message goes."""
        if not self._ledger.is_ours(passed) or self._halt.is_set():
            return False
        fresh = time.monotonic() - passed.at <= self._ledger.stale_after
        return fresh or self._look_again(passed)

    def _after(self, reply: Reply) -> bool:
        if reply.answers and reply.code != 421:
            self._answered += 1
            self._health.answered(self._ticket)
        if len(self._done) >= self._batch or not self._hand:
            self._flush()
        if reply.verdict in _BROKEN or (reply.close and reply.code == 421):
            self._health.broke(self._ticket, reply, self._answered)
            return False
        if reply.close or reply.verdict is Verdict.WITHHELD:
            return False
        most = self._relay.per_connection
        return not most or self._connection.sent < most

    def _mail(self, passed: Passed) -> Mail:
        """The message and its envelope, made once."""
        if self._made is not None and self._made[0] is passed:
            made, self._made = self._made[1], None
            return made
        self._made = None
        return self._make(passed)

    def _make(self, passed: Passed) -> Mail:
        claim = passed.claim
        entry = self._ledger.roster.entry(claim)
        assert entry is not None, "what was let out is of an edition that we know"
        recipient = Recipient(
            claim.id, claim.subscriber_id, claim.address, claim.name, claim.stories
        )
        pieces = entry.stencils[claim.language].pieces(recipient, self._clock())
        address = claim.address
        return Mail(self._sender, address, pieces, sum(map(len, pieces)), address.isascii())

    def _following(self) -> Mail | None:
        """The message whose envelope may go behind the one that goes now."""
        most = self._relay.per_connection
        if self._halt.is_set() or (most and self._connection.sent + 1 >= most):
            return None
        if not self._hand:
            self._receive(block=False)
            if not self._hand:
                return None
        passed = self._hand[0]
        if passed.not_before > time.monotonic() or not self._ledger.is_ours(passed):
            return None
        self._made = (passed, self._make(passed))
        return self._made[1]

    def _look_again(self, passed: Passed) -> bool:
        """It has passed the gate long ago: ask once more."""
        self._flush()
        self._ledger.look_again(self._place, passed)
        while True:
            try:
                grant = self._place.inbox.get(timeout=0.5)
            except Empty:
                if self._ledger.over.is_set():
                    return False
                continue
            if grant is None:
                self._over = True
                self._place.inbox.put(None)
                return False
            self._hand += grant.passed
            if grant.again is not None:
                self._withdrawn = not grant.may_go
                return grant.may_go


_STOPPED = lost(Phase.DOT, "we were stopped")
_BROKEN = frozenset({Verdict.LOST, Verdict.IN_DOUBT, Verdict.RELAY})
