"""One connection's life: open it, carry messages, report, begin again. A coroutine of the loop."""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mailer.delivery.ledger import Ledger
from mailer.delivery.loop import Loop
from mailer.delivery.outcomes import Outcome, Passed
from mailer.delivery.relays import Health, Ticket
from mailer.delivery.replies import WITHHELD, Phase, Reply, Verdict, lost
from mailer.delivery.smtp import Connection, Mail, tls_context
from mailer.delivery.turn import Grant, Place
from mailer.errors import RelayError
from mailer.message import Recipient

if TYPE_CHECKING:
    from mailer.delivery.courier import Route

IDLE = 20.0
"""Seconds after which a connection without work is closed: relays close idle ones themselves."""


class Carrier:
    """Carries messages over one connection to one relay at a time."""

    def __init__(
        self,
        loop: Loop,
        ledger: Ledger,
        health: Health,
        route: "Route",
        clock: Callable[[], datetime],
        halt: threading.Event,
        number: int,
    ) -> None:
        self._loop = loop
        self._ledger = ledger
        self._health = health
        self._relay = health.relay
        self._route = route
        self._clock = clock
        self._halt = halt
        self._name = f"{health.relay.name} {number}"
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Until there is no more work, or the run stops."""
        try:
            while (ticket := await self._health.ticket(self._loop, self._halt)) is not None:
                if not await self._ledger.wait_for_work(self._loop):
                    return
                if self._health.is_stale(ticket):
                    self._ledger.pass_on()
                else:
                    await self._travel(ticket)
                self._health.give_up(ticket)
        except BaseException as error:
            self._ledger.fail(error)

    async def _travel(self, ticket: Ticket) -> None:
        try:
            connection = await self._loop.in_thread(
                self._open, self._name, self._halt, Connection.drop
            )
        except RelayError as error:
            self._health.not_opened(ticket, error)
            return
        except OSError as error:
            hint = "lower its connections, or raise the system's limit of threads"
            where = self._relay.where
            self._health.not_opened(ticket, RelayError(str(error), where=where, hint=hint))
            return
        if connection is None:
            return
        self._health.opened()
        connection.move_to(self._loop)
        self._connection = connection
        try:
            trip = _Trip(
                self._loop,
                self._ledger,
                self._health,
                connection,
                self._route.sender,
                self._clock,
                self._halt,
                ticket,
            )
            await trip.run()
        finally:
            self._health.closed()
            await connection.close()

    def _open(self) -> Connection:
        if self._health.context is None:
            self._health.context = tls_context(self._relay)
        credentials = self._route.credentials.get(self._relay.name)
        return Connection.open(self._relay, credentials, self._health.context)

    def kill(self) -> None:
        """End its connection, from another thread."""
        if (connection := self._connection) is not None:
            connection.kill()


class _Trip:
    """What one connection carries, from its first message to its end."""

    def __init__(
        self,
        loop: Loop,
        ledger: Ledger,
        health: Health,
        connection: Connection,
        sender: str,
        clock: Callable[[], datetime],
        halt: threading.Event,
        ticket: Ticket,
    ) -> None:
        self._loop = loop
        self._ledger = ledger
        self._health = health
        self._relay = health.relay
        self._connection = connection
        self._sender = sender
        self._clock = clock
        self._halt = halt
        self._ticket = ticket
        self._place: Place = ledger.desk.join(
            self._relay.name, self._relay.window, self._relay.per_connection
        )
        self._hand: deque[Passed] = deque()
        self._made: tuple[Passed, Mail] | None = None
        self._done: list[Outcome] = []
        self._batch = max(self._relay.window // 2, 1)
        self._answered = 0
        self._carried = 0
        self._over = False
        self._withdrawn = False

    async def run(self) -> None:
        """Until there is no more work, the connection is of no more use, or the run stops. Each
        message that was let out to it is reported, whatever happens."""
        try:
            while not (self._halt.is_set() or self._health.standing_by) and await self._next():
                if not await self._carry(self._hand.popleft()):
                    break
        finally:
            self._flush()
            self._ledger.desk.leave(self._place)
            while not (self._over or self._ledger.over.is_set()):
                await self._receive(time.monotonic() + 0.5)
            self._done += [Outcome(passed, WITHHELD) for passed in self._hand]
            self._flush()

    # ---- the hand -------------------------------------------------------------------------------

    async def _next(self) -> bool:
        """Have a message in hand, waiting for one if need be. False: there is none."""
        self._take_in()
        if not self._hand:
            self._flush()
            ends = time.monotonic() + IDLE
            while not (self._hand or self._over or self._halt.is_set()):
                seen = self._place.bell.rings
                if self._place.inbox:
                    self._take_in()
                elif time.monotonic() >= ends:
                    break
                elif await self._loop.hear(self._place.bell, seen, ends, self._connection.socket):
                    break  # the relay says something unasked: it closes the connection
        return bool(self._hand)

    async def _receive(self, deadline: float) -> Grant | None:
        """Wait for one more grant, and take it in."""
        seen = self._place.bell.rings
        if not self._place.inbox:
            await self._loop.hear(self._place.bell, seen, deadline)
        return self._take_in(1)

    def _take_in(self, most: int = 1000) -> Grant | None:
        """Take in what has come, up to so many grants; the last of them."""
        grant = None
        while self._place.inbox and most:
            most -= 1
            grant = self._place.inbox.popleft()
            if grant is None:
                self._over = True
            else:
                self._hand += grant.passed
        return grant

    def _flush(self) -> None:
        if self._done:
            self._ledger.desk.report(self._place, self._done)
            self._done = []

    # ---- one message ----------------------------------------------------------------------------

    async def _carry(self, passed: Passed) -> bool:
        """Hand over one message; whether the connection is good for another."""
        self._carried += 1
        if not self._ledger.is_ours(passed):
            self._done.append(Outcome(passed, WITHHELD))
            return self._made is None  # it was announced
        while passed.not_before > time.monotonic():
            if self._halt.is_set():
                self._done.append(Outcome(passed, WITHHELD))
                return False
            bell = self._place.bell
            if await self._loop.hear(
                bell, bell.rings, passed.not_before, self._connection.socket
            ):  # the relay closes the connection
                self._done.append(Outcome(passed, WITHHELD))
                return False
        try:
            mail = self._mail(passed)
        except ValueError as error:  # an address that has come into the database past our checks
            said = f"no message can be made for this address ({error})"
            self._done.append(Outcome(passed, Reply(Phase.RCPT, 553, said, Verdict.REFUSED)))
            return self._carries_more
        except BaseException:
            self._hand.appendleft(passed)
            raise
        self._withdrawn = False
        reply = _STOPPED
        try:
            reply = await self._connection.deliver(
                mail, lambda: self._may_go(passed), self._following
            )
        finally:
            if not self._withdrawn:
                self._done.append(Outcome(passed, reply))
        return self._after(reply)

    async def _may_go(self, passed: Passed) -> bool:
        """The last look before the message goes."""
        if not self._ledger.is_ours(passed) or self._halt.is_set():
            return False
        fresh = time.monotonic() - passed.at <= self._ledger.stale_after
        return fresh or await self._look_again(passed)

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
        return self._carries_more

    @property
    def _carries_more(self) -> bool:
        """Whether another message may go before the connection is opened anew."""
        most = self._relay.per_connection
        return not most or self._carried < most

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
        if self._halt.is_set() or not self._carries_more:
            return None
        if not self._hand:
            self._take_in()
            if not self._hand:
                return None
        passed = self._hand[0]
        if passed.not_before > time.monotonic() or not self._ledger.is_ours(passed):
            return None
        try:
            self._made = (passed, self._make(passed))
        except Exception:
            return None  # it fails when it is its turn: the one before has nothing to do with it
        return self._made[1]

    async def _look_again(self, passed: Passed) -> bool:
        """It has passed the gate long ago: ask once more."""
        self._flush()
        self._ledger.desk.look_again(self._place, passed)
        while not (self._over or self._ledger.over.is_set()):
            grant = await self._receive(time.monotonic() + 0.5)
            if grant is not None and grant.again is not None:
                self._withdrawn = not grant.may_go
                return grant.may_go
        return False


_STOPPED = lost(Phase.DOT, "we were stopped")
_BROKEN = frozenset({Verdict.LOST, Verdict.IN_DOUBT, Verdict.RELAY})
