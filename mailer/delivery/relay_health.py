"""The health of a relay, which decides whether a connection to the relay may be opened now.

A relay that fails rests: no connection to it is opened for a while, twice as long each time. Then
one connection tries it, and if that works, the other connections resume. Connections that are lost
together, such as all eight when a relay restarts, count as one failure. A relay rests longer if
only a person can fix its error.
"""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mailer.config import Relay
from mailer.delivery.connection_growth import ConnectionGrowth
from mailer.delivery.event_loop import EventLoop, WakeEvent
from mailer.delivery.refusal_codes import RefusalSubject
from mailer.delivery.refusals import judge_refusal
from mailer.delivery.relay_errors import TEMPORARY_HINT
from mailer.delivery.replies import Reply, Verdict
from mailer.errors import NextStep, RelayError
from mailer.model.relay_outages import RelayRest

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 300.0
"""The longest rest, in seconds. After its first failure a relay is tried again at once, after the
second it rests for FIRST_PAUSE, and then twice as long each time. If only a person can fix the
error, it rests for LONGEST_PAUSE from the start."""

FULL_PAUSE = 2.0
LONGEST_FULL_PAUSE = 60.0
"""The longest pause in seconds before an additional connection is tried again, if a working relay
has refused it."""

MAX_UNANSWERED_LINKS = 4
"""Maximum number of connections in a row that may be lost between their first message and its
reply. Such a relay may accept messages without replying, so each further try would leave one more
message in doubt."""

PATIENT_FAILURES = 4
"""Minimum number of failures in a row before a run may give up on a relay."""


@dataclass(frozen=True, slots=True)
class ConnectionPermit:
    """A permit to open one connection. The connection's reports refer to the permit."""

    incident: int


class RelayHealth:
    """The health of one relay. Safe to use from several threads."""

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
        self.growth = ConnectionGrowth(relay.connections, relay.max_connections)
        self.offers_pipelining = True
        """False if the last connection was to a relay that does not offer PIPELINING."""
        self.has_worked = False
        self.error: RelayError | None = None
        self.tls_context: ssl.SSLContext | None = None
        """The TLS context that the relay's connections share."""
        self.pipelining_note = ""
        """The reason why the relay's connections go step by step, if it breaks PIPELINING."""
        self.chunking_note = ""
        """The reason why the relay's connections wait for the reply to each message, if it breaks
        CHUNKING."""
        self.has_chunked = False
        """True if the relay has answered for a message that was sent by BDAT."""

    @property
    def note(self) -> str:
        """The extensions that the relay offers and breaks, in words; empty if there are none."""
        return "; ".join(filter(None, (self.pipelining_note, self.chunking_note)))

    @property
    def is_resting(self) -> bool:
        """True if the relay has failed and has not worked since."""
        return self._failure_count > 0

    @property
    def trouble(self) -> str:
        """The reason why the relay rests, and for how long; empty if it does not rest."""
        with self._lock:
            if self._failure_count < 2 or self.error is None:
                return ""  # a single lost link is not worth reporting
            wait = max(self._rests_until - self._clock(), 0)
            retry_note = f"tried again in {wait:.0f} s" if wait >= 1 else "being tried again"
            return f"{self.error.where}: {self.error.message}; {retry_note}"

    @property
    def rest(self) -> RelayRest | None:
        """The relay's rest, or None if it does not rest or only a single link was lost."""
        with self._lock:
            if self.error is None or (self._failure_count < 2 and not self.error.is_permanent):
                return None
            wait = max(self._rests_until - self._clock(), 0)
            return RelayRest(self.error.message, None if self.error.is_permanent else wait)

    @property
    def is_answering(self) -> bool:
        """True if the relay has answered for a message, and has not failed since."""
        return self.has_worked and not self._failure_count

    @property
    def is_down(self) -> bool:
        """True if the relay has failed more than once in a row. A single lost link is not a reason
        to use a standby relay."""
        return self._failure_count > 1

    async def wait_for_permit(
        self, loop: EventLoop, stop_event: threading.Event, number: int = 0
    ) -> ConnectionPermit | None:
        """Wait until connection `number` may be opened. Returns None if the run is over."""
        while not stop_event.is_set():
            trigger_count = self._change_event.trigger_count
            with self._lock:
                wait = self._calculate_wait() if self.may_use(number) else 0.5
                if wait <= 0:
                    self._is_probing = self.is_resting
                    return ConnectionPermit(self._incident)
            await loop.wait_for_event(
                self._change_event, trigger_count, time.monotonic() + min(wait, 0.5)
            )
        return None

    def may_use(self, number: int) -> bool:
        """Check whether connection `number`, counted from 0, is within the number of connections
        that may be open now."""
        return number < self.growth.limit

    def review_growth(self, accepted_count: int) -> None:
        """Open more connections if the relay does not offer PIPELINING and more have helped so
        far."""
        with self._lock:
            if not self.offers_pipelining and not self._failure_count:
                earlier_limit = self.growth.limit
                self.growth.review_rate(self._clock(), accepted_count, self._open_count)
                if self.growth.limit != earlier_limit:
                    self._change_event.trigger_event()

    def _calculate_wait(self) -> float:
        if self._in_standby:
            return 0.5
        if not self._failure_count:
            return self._full_until - self._clock() if self._open_count else 0.0
        return 0.5 if self._is_probing else self._rests_until - self._clock()

    def set_standby(self, is_standby: bool) -> None:
        """Let a relay with weight 0 stand by, so that no connection is opened, or use it."""
        with self._lock:
            self._in_standby = is_standby
            self._change_event.trigger_event()

    @property
    def is_standing_by(self) -> bool:
        return self._in_standby

    def is_stale(self, permit: ConnectionPermit) -> bool:
        """Check whether the relay has failed, or come back, since the permit was given."""
        return permit.incident != self._incident

    def return_permit(self, permit: ConnectionPermit) -> None:
        """Return a permit that was not used or is no longer used."""
        with self._lock:
            if permit.incident == self._incident:
                self._is_probing = False
                self._change_event.trigger_event()

    def note_opened(self) -> None:
        """Note that a connection was opened, which proves that the relay can be reached."""
        with self._lock:
            self._was_reached = True
            self._open_count += 1
            self._full_pause = 0.0

    def note_closed(self) -> None:
        """Note that a connection has ended, for any reason."""
        with self._lock:
            self._open_count -= 1

    def note_answer(self, permit: ConnectionPermit) -> None:
        """Note that the relay has answered for a message, so it works."""
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
        """Note that a connection could not be opened.

        If other connections are open and work, the relay limits its connections. The open
        connections continue, and a further connection is tried later, after a pause that doubles
        each time."""
        with self._lock:
            is_full = (
                self._open_count > 0
                and self.has_worked
                and not self._failure_count
                and not error.is_permanent
            )
            if is_full:
                if self.growth.limit > self.relay.connections:
                    self.growth.note_refused_connection(self._open_count)
                now = self._clock()
                if now >= self._full_until:  # the first of the connections tried together
                    doubled_pause = max(2 * self._full_pause, FULL_PAUSE)
                    self._full_pause = min(doubled_pause, LONGEST_FULL_PAUSE)
                    self._full_until = now + self._full_pause
        if not is_full:
            self._note_failure(permit, error)

    @property
    def may_pipeline(self) -> bool:
        """True if commands may be sent ahead of replies, to a relay that offers PIPELINING."""
        return not self.pipelining_note

    def stop_pipelining(self, reply: Reply) -> None:
        """Send step by step from now on. The relay's failure is not counted."""
        self.pipelining_note = (
            f"{self.relay.where}: it offers PIPELINING and breaks it ({reply}); messages go step by"
            " step from now on, as with the relay's setting pipelining = false"
        )

    @property
    def may_chunk(self) -> bool:
        """True if several messages may be in flight, to a relay that offers CHUNKING."""
        return not self.chunking_note

    def stop_chunking(self, reply: Reply) -> None:
        """Wait for the reply to each message from now on. The relay's failure is not counted."""
        self.chunking_note = (
            f"{self.relay.where}: it offers CHUNKING and breaks it ({reply}); messages go one by"
            " one from now on, as with the relay's setting chunking = false"
        )

    def note_break(self, permit: ConnectionPermit, reply: Reply, answered_count: int) -> None:
        """Note that `reply` ended a connection, after the relay had answered for `answered_count`
        messages on it."""
        with self._lock:
            if reply.verdict is Verdict.IN_DOUBT and not answered_count:
                self._doubt_count += 1
            never_answers = self._doubt_count >= MAX_UNANSWERED_LINKS
        if never_answers:
            error = RelayError(
                f"the relay drops the link after each message, {MAX_UNANSWERED_LINKS} times in a"
                " row",
                where=self.relay.where,
                hint="read the relay's own log before you send again",
                is_permanent=True,
            )
        elif reply.verdict is Verdict.RELAY:
            error = RelayError(
                f"the relay replied {reply}",
                where=self.relay.where,
                hint=_advise_on_reply(reply),
                next_steps=[] if reply.is_permanent else [NextStep("send_editions")],
                is_permanent=reply.is_permanent,
            )
        else:
            error = RelayError(
                f"the link was lost; last: {reply}",
                where=self.relay.where,
                hint="no message is lost; send again when the relay works",
                next_steps=[NextStep("send_editions")],
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
        """Check whether a run should stop waiting for this relay: only a person can fix its error,
        it could not be reached from the start, or it has been failing for `patience` seconds."""
        with self._lock:
            if self.error is None:
                return False
            if self.error.is_permanent or (not self._was_reached and self._failure_count > 1):
                return True
            if not self.has_worked and self._failure_count > PATIENT_FAILURES:
                return True
            is_overdue = self._clock() - self._failing_since >= patience
            return self._failure_count >= PATIENT_FAILURES and is_overdue


def _advise_on_reply(reply: Reply) -> str:
    """Return the advice for a reply to MAIL that makes the relay rest."""
    if not reply.is_permanent:
        return TEMPORARY_HINT
    judgement = judge_refusal(reply, "")
    if judgement.subject is RefusalSubject.SENDER:
        return judgement.advice
    return "check that the relay lets you send as the configured sender.address"
