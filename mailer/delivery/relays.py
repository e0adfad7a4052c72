"""How a relay is doing: whether a connection to it may be opened now, or it rests.

A relay that fails is left alone for a while, twice as long each time; then one connection tries,
and when that works the others follow. What dies together counts once: eight connections lost as a
relay restarts are one failure. A relay that has said what only a person can mend rests for long.
"""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mailer.config import Relay
from mailer.delivery.loop import Bell, Loop
from mailer.delivery.replies import Reply, Verdict
from mailer.errors import RelayError

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 300.0
"""Seconds. The first failure costs no pause, the second FIRST_PAUSE, each further one twice the
last; what only a person can mend costs LONGEST_PAUSE at once."""

FULL_PAUSE = 2.0
LONGEST_FULL_PAUSE = 60.0
"""Seconds after which one more connection is tried, where a relay that works has refused it."""

DOUBTS = 4
"""Connections in a row that were lost after their first message, before its reply: the relay takes
messages and tells nobody, so each try would leave one more in doubt."""

TIRED = 4
"""Failures in a row after which patience counts."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to open one connection; what it meets is reported with it."""

    incident: int


class Health:
    """One relay's. Safe to use from several threads."""

    def __init__(self, relay: Relay, clock: Callable[[], float] = time.monotonic) -> None:
        self.relay = relay
        self._clock = clock
        self._lock = threading.Lock()
        self._changed = Bell()
        self._incident = 0
        self._failures = 0
        self._doubts = 0
        self._until = 0.0
        self._since = 0.0
        self._probing = False
        self._open = 0
        self._full_pause = 0.0
        self._full_until = 0.0
        self._standing_by = relay.weight == 0
        self._reached = False
        self.worked = False
        self.error: RelayError | None = None
        self.context: ssl.SSLContext | None = None
        """For TLS: its connections share one."""

    @property
    def resting(self) -> bool:
        """It has failed, and nothing has worked since."""
        return self._failures > 0

    @property
    def trouble(self) -> str:
        """Why it rests, and for how long; empty when it does not."""
        with self._lock:
            if self._failures < 2 or self.error is None:
                return ""  # a link that is lost now and then is no news
            wait = max(self._until - self._clock(), 0)
            then = f"tried again in {wait:.0f} s" if wait >= 1 else "being tried again"
            return f"{self.error.where}: {self.error.what}; {then}"

    @property
    def down(self) -> bool:
        """It has failed again after its first failure: a lost link alone is no reason to call for
        one that stands by."""
        return self._failures > 1

    async def ticket(self, loop: Loop, over: threading.Event) -> Ticket | None:
        """Wait until a connection may be opened. None: the run is over."""
        while not over.is_set():
            seen = self._changed.rings
            with self._lock:
                wait = self._wait()
                if wait <= 0:
                    self._probing = self.resting
                    return Ticket(self._incident)
            await loop.hear(self._changed, seen, time.monotonic() + min(wait, 0.5))
        return None

    def _wait(self) -> float:
        if self._standing_by:
            return 0.5
        if not self._failures:
            return self._full_until - self._clock() if self._open else 0.0
        return 0.5 if self._probing else self._until - self._clock()

    def stand_by(self, yes: bool) -> None:
        """A relay of weight 0 opens nothing while it stands by."""
        with self._lock:
            self._standing_by = yes
            self._changed.ring()

    @property
    def standing_by(self) -> bool:
        return self._standing_by

    def is_stale(self, ticket: Ticket) -> bool:
        """Whether the relay has failed, or come back, since the ticket was given."""
        return ticket.incident != self._incident

    def give_up(self, ticket: Ticket) -> None:
        """The ticket was not used after all."""
        with self._lock:
            if ticket.incident == self._incident:
                self._probing = False
                self._changed.ring()

    def opened(self) -> None:
        """A connection was opened: whatever comes, the relay is there."""
        with self._lock:
            self._reached = True
            self._open += 1
            self._full_pause = 0.0

    def closed(self) -> None:
        """It has ended, one way or the other."""
        with self._lock:
            self._open -= 1

    def answered(self, ticket: Ticket) -> None:
        """The relay has answered for a message: it works."""
        if not self._failures and self.worked and not self._doubts:
            return
        with self._lock:
            self.worked = True
            self._doubts = 0
            if self._failures:
                self._failures = 0
                self._incident += 1
                self._probing = False
                self.error = None
                self._changed.ring()

    def not_opened(self, ticket: Ticket, error: RelayError) -> None:
        """A connection could not be opened. Where others are open and work, the relay wants no more
        of them: those go on, and one more is tried later, each time twice as much."""
        with self._lock:
            full = self._open > 0 and self.worked and not self._failures and not error.lasting
            if full:
                now = self._clock()
                if now >= self._full_until:  # the first of those that were tried together
                    doubled = max(2 * self._full_pause, FULL_PAUSE)
                    self._full_pause = min(doubled, LONGEST_FULL_PAUSE)
                    self._full_until = now + self._full_pause
        if not full:
            self._failed(ticket, error)

    def broke(self, ticket: Ticket, reply: Reply, messages: int) -> None:
        """A connection ended by `reply`, after `messages` that the relay had answered for."""
        with self._lock:
            if reply.verdict is Verdict.IN_DOUBT and not messages:
                self._doubts += 1
            tells_nobody = self._doubts >= DOUBTS
        if tells_nobody:
            error = RelayError(
                f"it drops the link after each message, {DOUBTS} times in a row",
                where=self.relay.where,
                hint="see the relay's own log before anything is sent again",
                lasting=True,
            )
        elif reply.verdict is Verdict.RELAY:
            error = RelayError(
                f"it said {reply}",
                where=self.relay.where,
                hint="see that it lets us send as sender.address",
                lasting=reply.lasting,
            )
        else:
            error = RelayError(
                f"the link was lost; last: {reply}",
                where=self.relay.where,
                hint="nothing is lost: run `mailer send` again when it is well",
            )
        self._failed(ticket, error)

    def _failed(self, ticket: Ticket, error: RelayError) -> None:
        with self._lock:
            if ticket.incident != self._incident:
                return
            now = self._clock()
            if not self._failures:
                self._since = now
            self._failures += 1
            self._incident += 1
            self._probing = False
            self.error = error
            pause = 0.0 if self._failures == 1 else FIRST_PAUSE * 2 ** (self._failures - 2)
            self._until = now + (LONGEST_PAUSE if error.lasting else min(pause, LONGEST_PAUSE))
            self._changed.ring()

    def hopeless(self, patience: float) -> bool:
        """Whether a run should not wait for this relay: it said what only a person can mend, could
        not be reached from the start, or has been failing for `patience` seconds."""
        with self._lock:
            if self.error is None:
                return False
            if self.error.lasting or (not self._reached and self._failures > 1):
                return True
            if not self.worked and self._failures > TIRED:
                return True
            long = self._clock() - self._since >= patience
            return self._failures >= TIRED and long
