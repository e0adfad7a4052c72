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
from mailer.delivery.event_loop import EventLoop, WakeEvent
from mailer.delivery.replies import Reply, Verdict
from mailer.errors import RelayError

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 300.0
"""Seconds. The first failure costs no pause, the second FIRST_PAUSE, each further one twice the
last; what only a person can mend costs LONGEST_PAUSE at once."""

FULL_PAUSE = 2.0
LONGEST_FULL_PAUSE = 60.0
"""Seconds after which one more connection is tried, where a relay that works has refused it."""

MAX_DOUBTS = 4
"""Connections in a row that were lost after their first message, before its reply: the relay takes
messages and tells nobody, so each try would leave one more in doubt."""

PATIENT_FAILURES = 4
"""Failures in a row after which patience counts."""


@dataclass(frozen=True, slots=True)
class ConnectionPermit:
    """Leave to open one connection; what it meets is reported with it."""

    incident: int


class RelayHealth:
    """One relay's. Safe to use from several threads."""

    def __init__(self, relay: Relay, clock: Callable[[], float] = time.monotonic) -> None:
        self.relay = relay
        self._clock = clock
        self._lock = threading.Lock()
        self._change_event = WakeEvent()
        self._incident = 0
        self._failure_count = 0
        self._doubt_count = 0
        self._rests_until = 0.0
        self._failing_since = 0.0
        self._is_probing = False
        self._open_count = 0
        self._full_pause = 0.0
        self._full_until = 0.0
        self._in_standby = relay.weight == 0
        self._was_reached = False
        self.has_worked = False
        self.error: RelayError | None = None
        self.tls_context: ssl.SSLContext | None = None
        """For TLS: its connections share one."""

    @property
    def is_resting(self) -> bool:
        """It has failed, and nothing has worked since."""
        return self._failure_count > 0

    @property
    def trouble(self) -> str:
        """Why it rests, and for how long; empty when it does not."""
        with self._lock:
            if self._failure_count < 2 or self.error is None:
                return ""  # a link that is lost now and then is no news
            wait = max(self._rests_until - self._clock(), 0)
            retry_note = f"tried again in {wait:.0f} s" if wait >= 1 else "being tried again"
            return f"{self.error.where}: {self.error.message}; {retry_note}"

    @property
    def is_down(self) -> bool:
        """It has failed again after its first failure: a lost link alone is no reason to call for
        one that stands by."""
        return self._failure_count > 1

    async def wait_for_permit(
        self, loop: EventLoop, stop_event: threading.Event
    ) -> ConnectionPermit | None:
        """Wait until a connection may be opened. None: the run is over."""
        while not stop_event.is_set():
            trigger_count = self._change_event.trigger_count
            with self._lock:
                wait = self._calculate_wait()
                if wait <= 0:
                    self._is_probing = self.is_resting
                    return ConnectionPermit(self._incident)
            await loop.wait_for_event(
                self._change_event, trigger_count, time.monotonic() + min(wait, 0.5)
            )
        return None

    def _calculate_wait(self) -> float:
        if self._in_standby:
            return 0.5
        if not self._failure_count:
            return self._full_until - self._clock() if self._open_count else 0.0
        return 0.5 if self._is_probing else self._rests_until - self._clock()

    def set_standby(self, is_standby: bool) -> None:
        """A relay of weight 0 opens nothing while it stands by."""
        with self._lock:
            self._in_standby = is_standby
            self._change_event.trigger_event()

    @property
    def is_standing_by(self) -> bool:
        return self._in_standby

    def is_stale(self, permit: ConnectionPermit) -> bool:
        """Whether the relay has failed, or come back, since the ticket was given."""
        return permit.incident != self._incident

    def return_permit(self, permit: ConnectionPermit) -> None:
        """The ticket was not used after all."""
        with self._lock:
            if permit.incident == self._incident:
                self._is_probing = False
                self._change_event.trigger_event()

    def note_opened(self) -> None:
        """A connection was opened: whatever comes, the relay is there."""
        with self._lock:
            self._was_reached = True
            self._open_count += 1
            self._full_pause = 0.0

    def note_closed(self) -> None:
        """It has ended, one way or the other."""
        with self._lock:
            self._open_count -= 1

    def note_answer(self, permit: ConnectionPermit) -> None:
        """The relay has answered for a message: it works."""
        if not self._failure_count and self.has_worked and not self._doubt_count:
            return
        with self._lock:
            self.has_worked = True
            self._doubt_count = 0
            if self._failure_count:
                self._failure_count = 0
                self._incident += 1
                self._is_probing = False
                self.error = None
                self._change_event.trigger_event()

    def note_open_failure(self, permit: ConnectionPermit, error: RelayError) -> None:
        """A connection could not be opened. Where others are open and work, the relay wants no more
        of them: those go on, and one more is tried later, each time twice as much."""
        with self._lock:
            is_full = (
                self._open_count > 0
                and self.has_worked
                and not self._failure_count
                and not error.is_permanent
            )
            if is_full:
                now = self._clock()
                if now >= self._full_until:  # the first of those that were tried together
                    doubled_pause = max(2 * self._full_pause, FULL_PAUSE)
                    self._full_pause = min(doubled_pause, LONGEST_FULL_PAUSE)
                    self._full_until = now + self._full_pause
        if not is_full:
            self._note_failure(permit, error)

    def note_break(self, permit: ConnectionPermit, reply: Reply, answered_count: int) -> None:
        """A connection ended by `reply`, after `messages` that the relay had answered for."""
        with self._lock:
            if reply.verdict is Verdict.IN_DOUBT and not answered_count:
                self._doubt_count += 1
            never_answers = self._doubt_count >= MAX_DOUBTS
        if never_answers:
            error = RelayError(
                f"it drops the link after each message, {MAX_DOUBTS} times in a row",
                where=self.relay.where,
                hint="see the relay's own log before anything is sent again",
                is_permanent=True,
            )
        elif reply.verdict is Verdict.RELAY:
            error = RelayError(
                f"it said {reply}",
                where=self.relay.where,
                hint="see that it lets us send as sender.address",
                is_permanent=reply.is_lasting,
            )
        else:
            error = RelayError(
                f"the link was lost; last: {reply}",
                where=self.relay.where,
                hint="nothing is lost: run `mailer send` again when it is well",
            )
        self._note_failure(permit, error)

    def _note_failure(self, permit: ConnectionPermit, error: RelayError) -> None:
        with self._lock:
            if permit.incident != self._incident:
                return
            now = self._clock()
            if not self._failure_count:
                self._failing_since = now
            self._failure_count += 1
            self._incident += 1
            self._is_probing = False
            self.error = error
            pause = (
                0.0 if self._failure_count == 1 else FIRST_PAUSE * 2 ** (self._failure_count - 2)
            )
            self._rests_until = now + (
                LONGEST_PAUSE if error.is_permanent else min(pause, LONGEST_PAUSE)
            )
            self._change_event.trigger_event()

    def is_hopeless(self, patience: float) -> bool:
        """Whether a run should not wait for this relay: it said what only a person can mend, could
        not be reached from the start, or has been failing for `patience` seconds."""
        with self._lock:
            if self.error is None:
                return False
            if self.error.is_permanent or (not self._was_reached and self._failure_count > 1):
                return True
            if not self.has_worked and self._failure_count > PATIENT_FAILURES:
                return True
            is_overdue = self._clock() - self._failing_since >= patience
            return self._failure_count >= PATIENT_FAILURES and is_overdue
