"""One edition's run: claim, gate, send, settle, until nothing is due.

The courier reads frozen bodies and delivery rows. It ends when all that was due has been tried
once, when the edition is paused or cancelled, when it is asked to stop, or when the relay can't be
used; in each case what it claimed and did not send is back in the queue.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailer.config import Relay
from mailer.delivery.ledger import WINDOW, Ledger, deferred
from mailer.delivery.replies import Reply, Verdict
from mailer.delivery.smtp import Connection, Credentials
from mailer.editions import EditionState
from mailer.errors import RelayError
from mailer.message import Recipient, Stencil
from mailer.outbox import Delivery, DeliveryState, Settlement

RECONNECTS = 3
"""How often in a row a lost link is opened again before the run ends."""

ALIKE = 5
"""Refusals alike, on different recipients, that speak of us and not of them."""

_ABOUT_THE_RECIPIENT = re.compile(r"^5[.][12][.]\d")


@dataclass(slots=True)
class Progress:
    """What a run has done so far, counted in deliveries. `waiting` is how many seconds it waits
    for another sender's leases to end."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    turned_away: int = 0
    in_doubt: int = 0
    waiting: float = 0.0

    @property
    def done(self) -> int:
        return self.sent + self.deferred + self.failed + self.turned_away + self.in_doubt


@dataclass(slots=True)
class _Alike:
    """The last refusals, as long as they are the same."""

    said: str = ""
    ids: list[int] = field(default_factory=list)

    @property
    def too_many(self) -> bool:
        return len(self.ids) >= ALIKE

    def note(self, delivery: Delivery, reply: Reply) -> None:
        if reply.verdict is Verdict.ACCEPTED:
            self.said, self.ids = "", []
        if reply.verdict is not Verdict.REFUSED or _ABOUT_THE_RECIPIENT.match(reply.text):
            return
        said = f"{reply.phase} {reply.code} {reply.text.replace(delivery.address, '')}"
        if said != self.said:
            self.said, self.ids = said, []
        self.ids.append(delivery.id)


class Courier:
    """Carries one edition's messages to one relay over one connection."""

    def __init__(
        self,
        ledger: Ledger,
        stencils: Mapping[str, Stencil],
        sender: str,
        relay: Relay,
        credentials: Credentials | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._stencils = stencils
        self._sender = sender
        self._relay = relay
        self._credentials = credentials
        self._clock = clock
        self._connection: Connection | None = None
        self._losses = 0
        self._doubts = 0
        self._alike = _Alike()
        self.progress = Progress()

    def run(
        self,
        stop: threading.Event,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Progress:
        """Send all that is due. Raises RelayError when the relay can't be used: nothing is lost,
        and where waiting won't help the edition is paused."""
        try:
            while not stop.is_set():
                claimed = self._ledger.claim()
                if not claimed:
                    if not self._wait_for_others(stop, on_progress):
                        break
                    continue
                if self._carry(claimed, stop, on_progress) is not EditionState.SENDING:
                    break
        except RelayError as error:
            if error.lasting:
                self._ledger.pause(f"{error.where}: {error.what}", self._clock())
            raise
        finally:
            self._ledger.give_back()
            self._hang_up()
        return self.progress

    def _wait_for_others(
        self, stop: threading.Event, on_progress: Callable[[Progress], None]
    ) -> bool:
        """Whether there is reason to claim again: another owner's lease has ended."""
        held = self._ledger.seconds_held_by_others()
        if not held:
            return False
        self.progress.waiting = held
        on_progress(self.progress)
        stop.wait(min(held, 5.0))
        self.progress.waiting = 0.0
        self._ledger.take_over(self._clock())
        return True

    def _carry(
        self,
        claimed: list[Delivery],
        stop: threading.Event,
        on_progress: Callable[[Progress], None],
    ) -> EditionState:
        settled: list[Settlement] = []
        state = EditionState.SENDING
        try:
            for start in range(0, len(claimed), WINDOW):
                if stop.is_set():
                    break
                self._connect()
                group = claimed[start : start + WINDOW]
                turn = self._ledger.turn(settled, group)
                settled = []
                state = turn.state
                if state is EditionState.SENDING:
                    self.progress.turned_away += len(group) - len(turn.passed)
                self._hand_over(turn.passed, settled)
                on_progress(self.progress)
                if state is not EditionState.SENDING or self._alike.too_many:
                    break
        finally:
            self._ledger.settle(settled)
        if self._alike.too_many:
            raise self._refused_alike()
        return state

    def _hand_over(self, passed: tuple[Delivery, ...], settled: list[Settlement]) -> None:
        """Send what passed the gate; what a lost link keeps back is settled as never sent."""
        rest = list(passed)
        try:
            while rest:
                delivery = rest.pop(0)
                try:
                    reply = self._send(delivery)
                except RelayError:
                    rest.insert(0, delivery)
                    raise
                except BaseException:
                    # whatever stopped us (a second Ctrl-C): the relay may have it already
                    said = "we were stopped while the message was on the wire"
                    settled.append(Settlement(delivery.id, DeliveryState.IN_DOUBT, said))
                    raise
                settled.append(self._settlement(delivery, reply))
                if self._doubts > RECONNECTS:
                    raise RelayError(
                        f"it drops the link after each message, {self._doubts} times in a row",
                        where=f"relay {self._relay.host}:{self._relay.port}",
                        hint="see the relay's own log before anything is sent again",
                        lasting=True,
                    )
                if reply.verdict is Verdict.RELAY:
                    raise RelayError(
                        f"it said {reply}",
                        where=f"relay {self._relay.host}:{self._relay.port}",
                        hint="see that it lets us send as sender.address",
                        lasting=True,
                    )
        finally:
            settled += [
                Settlement(one.id, DeliveryState.QUEUED, "", timedelta(), spend=False)
                for one in rest
            ]

    def _send(self, delivery: Delivery) -> Reply:
        stencil = self._stencils[delivery.language]
        message = stencil.message(
            Recipient(
                delivery.id,
                delivery.subscriber_id,
                delivery.address,
                delivery.name,
                delivery.stories,
            ),
            self._clock(),
        )
        while True:
            connection = self._connect()
            reply = connection.send(self._sender, delivery.address, message)
            if reply.close:
                self._hang_up()
            if reply.verdict is Verdict.IN_DOUBT:
                self._doubts += 1
                return reply
            if reply.verdict is not Verdict.LOST:
                self._losses = self._doubts = 0
                return reply
            self._losses += 1
            if self._losses > RECONNECTS:
                raise RelayError(
                    f"the link was lost {self._losses} times in a row; last: {reply}",
                    where=f"relay {self._relay.host}:{self._relay.port}",
                    hint="nothing is lost: run `mailer send` again when it is well",
                )

    def _settlement(self, delivery: Delivery, reply: Reply) -> Settlement:
        said = str(reply)
        match reply.verdict:
            case Verdict.ACCEPTED:
                self.progress.sent += 1
                settlement = Settlement(delivery.id, DeliveryState.SENT, said)
            case Verdict.REFUSED:
                self.progress.failed += 1
                settlement = Settlement(delivery.id, DeliveryState.FAILED, said)
            case Verdict.DEFERRED:
                self.progress.deferred += 1
                settlement = deferred(
                    delivery, said, self._clock(), self._ledger.edition.planned_at
                )
            case Verdict.IN_DOUBT:
                self.progress.in_doubt += 1
                settlement = Settlement(delivery.id, DeliveryState.IN_DOUBT, said)
            case _:
                settlement = Settlement(
                    delivery.id, DeliveryState.QUEUED, said, timedelta(), spend=False
                )
        self._alike.note(delivery, reply)
        return settlement

    def _refused_alike(self) -> RelayError:
        """The relay refuses everyone for the same reason, so it is about us: what it refused is
        queued again, and the edition pauses."""
        self._ledger.take_back(self._alike.ids)
        self.progress.failed -= len(self._alike.ids)
        said, count, self._alike = self._alike.said, len(self._alike.ids), _Alike()
        return RelayError(
            f"it refused {count} recipients alike ({said})",
            where=f"relay {self._relay.host}:{self._relay.port}",
            hint="mend the cause, then `mailer edition resume` and `mailer send`",
            lasting=True,
        )

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = Connection.open(self._relay, self._credentials)
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
