"""The use of one connection, as a coroutine: take granted messages, send them, report outcomes."""

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from datetime import datetime

from mailer.delivery.event_loop import EventLoop
from mailer.delivery.ledger import Ledger
from mailer.delivery.ledger_transaction import ConnectionSlot, SendGrant
from mailer.delivery.outcomes import GatedMessage, MessageOutcome
from mailer.delivery.outgoing_mail import OutgoingMail
from mailer.delivery.relay_health import ConnectionPermit, RelayHealth
from mailer.delivery.replies import ACCEPTED, WITHHELD_REPLY, Phase, Reply, Verdict
from mailer.delivery.smtp import RelayConnection
from mailer.message import Recipient
from mailer.model.deliveries import Claim

IDLE_TIMEOUT = 20.0
"""Seconds after which a connection without work is closed, before the relay closes it."""


class DeliverySession(ABC):
    """The use of one connection, from its first message to its end."""

    def __init__(
        self,
        loop: EventLoop,
        ledger: Ledger,
        health: RelayHealth,
        connection: RelayConnection,
        clock: Callable[[], datetime],
        stop_event: threading.Event,
        permit: ConnectionPermit,
        number: int,
    ) -> None:
        self._loop = loop
        self._ledger = ledger
        self._health = health
        self._relay = health.relay
        self._connection = connection
        self._clock = clock
        self._stop_event = stop_event
        self._permit = permit
        self._number = number
        self._slot: ConnectionSlot = ledger.mailbox.open_slot(
            self._relay.name, self._relay.window, self._relay.per_connection
        )
        self._pending_messages: deque[GatedMessage] = deque()
        self._outcomes: list[MessageOutcome] = []
        self._report_size = max(self._relay.window // 2, 1)
        self._answered_count = 0
        self._attempted_count = 0
        self._is_finished = False
        self._was_withdrawn = False

    async def run(self) -> None:
        """Send messages until there is no more work, the connection can't be used again, or the run
        stops. Every granted message is reported in all cases."""
        try:
            await self._send_messages()
        finally:
            self._flush_outcomes()
            self._ledger.mailbox.close_slot(self._slot)
            while not (self._is_finished or self._ledger.finished.is_set()):
                await self._await_grant(time.monotonic() + 0.5)
            self._outcomes += [
                MessageOutcome(message, WITHHELD_REPLY) for message in self._pending_messages
            ]
            self._flush_outcomes()

    @abstractmethod
    async def _send_messages(self) -> None:
        """Send messages until there is no more work, the connection can't be used again, or the run
        stops."""

    @property
    def _must_stop(self) -> bool:
        """True if the run stops, the relay stands by, or too many connections are open."""
        return (
            self._stop_event.is_set()
            or self._health.is_standing_by
            or not self._health.may_use(self._number)
        )

    # ---- pending messages -----------------------------------------------------------------------

    async def _await_message(self) -> bool:
        """Wait until a message is pending. Returns False if there is none to send."""
        self._collect_grants()
        if not self._pending_messages:
            self._flush_outcomes()
            deadline = time.monotonic() + IDLE_TIMEOUT
            while not (self._pending_messages or self._is_finished or self._stop_event.is_set()):
                trigger_count = self._slot.wake_event.trigger_count
                if self._slot.inbox:
                    self._collect_grants()
                elif time.monotonic() >= deadline:
                    break
                elif await self._loop.wait_for_event(
                    self._slot.wake_event, trigger_count, deadline, self._connection.socket
                ):
                    break  # data without a request: the relay is closing the connection
        return bool(self._pending_messages)

    async def _await_grant(self, deadline: float) -> SendGrant | None:
        """Wait for one more grant, and receive it."""
        trigger_count = self._slot.wake_event.trigger_count
        if not self._slot.inbox:
            await self._loop.wait_for_event(self._slot.wake_event, trigger_count, deadline)
        return self._collect_grants(1)

    def _collect_grants(self, limit: int = 1000) -> SendGrant | None:
        """Collect up to `limit` grants that have come, and return the last of them."""
        grant = None
        while self._slot.inbox and limit:
            limit -= 1
            grant = self._slot.inbox.popleft()
            if grant is None:
                self._is_finished = True
            else:
                self._pending_messages += grant.messages
        return grant

    def _flush_outcomes(self) -> None:
        if self._outcomes:
            self._ledger.mailbox.report_outcomes(self._slot, self._outcomes)
            self._outcomes = []

    # ---- one message ----------------------------------------------------------------------------

    def _is_allowed(self, message: GatedMessage) -> bool:
        """Check, immediately before the message is written, that it is not withheld."""
        return self._ledger.is_current(message) and not self._stop_event.is_set()

    def _is_recent(self, message: GatedMessage) -> bool:
        """Check that the message passed the gate so recently that it need not pass it again."""
        return time.monotonic() - message.gated_at <= self._ledger.stale_after

    def _review_reply(self, claim: Claim, reply: Reply) -> bool:
        """Note a message's reply. Returns True if the connection can carry another message."""
        self._count_reply(claim, reply)
        if len(self._outcomes) >= self._report_size or not self._pending_messages:
            self._flush_outcomes()
        if self._connection.pipelining_break is not None:
            self._health.stop_pipelining(self._connection.pipelining_break)
            return False
        if reply.verdict is ACCEPTED and not reply.needs_close:
            return self._accepts_more
        if is_connection_broken(reply):
            self._health.note_break(self._permit, reply, self._answered_count)
            return False
        return (
            not reply.needs_close and reply.verdict is not Verdict.WITHHELD and (self._accepts_more)
        )

    def _count_reply(self, claim: Claim, reply: Reply) -> None:
        is_accepted = reply.verdict is ACCEPTED
        active_edition = self._ledger.active_editions.find_active_edition(claim)
        if active_edition is not None:
            if is_accepted:
                active_edition.refusals.accepted_count += 1
            elif reply.verdict is Verdict.REFUSED:
                active_edition.refusals.note_refusal(claim, reply)
        if is_accepted or (reply.is_answer and reply.code != 421):
            self._answered_count += 1
            self._health.note_answer(self._permit)

    @property
    def _accepts_more(self) -> bool:
        """True if another message may go before the connection must be opened again."""
        limit = self._relay.per_connection
        return not limit or self._attempted_count < limit

    def _build_mail(self, message: GatedMessage) -> OutgoingMail:
        claim = message.claim
        active_edition = self._ledger.active_editions.find_active_edition(claim)
        assert active_edition is not None, "a granted message belongs to a known edition"
        recipient = Recipient(
            claim.id,
            claim.subscriber_id,
            claim.address,
            claim.name,
            claim.stories,
            claim.fields,
        )
        template = active_edition.templates[claim.language]
        pieces = template.build_pieces(recipient, self._clock())
        address = claim.address
        return OutgoingMail(
            template.envelope_sender, address, pieces, sum(map(len, pieces)), address.isascii()
        )

    def _refuse_unbuildable(self, message: GatedMessage, error: ValueError) -> None:
        """Report a message that can't be built: the database has an address that was never
        checked."""
        reply_text = f"5.1.3 no message can be made for this address ({error})"
        self._outcomes.append(
            MessageOutcome(message, Reply(Phase.RCPT, 553, reply_text, Verdict.REFUSED))
        )

    async def _check_gate_again(self, message: GatedMessage) -> bool:
        """Gate the message again, because it passed the gate long ago."""
        self._flush_outcomes()
        self._ledger.mailbox.request_recheck(self._slot, message)
        while not (self._is_finished or self._ledger.finished.is_set()):
            grant = await self._await_grant(time.monotonic() + 0.5)
            if grant is not None and grant.rechecked_message is not None:
                self._was_withdrawn = not grant.may_send
                return grant.may_send
        return False


def is_connection_broken(reply: Reply) -> bool:
    """Check whether a reply says that the relay is at fault, or that the link was lost."""
    return reply.verdict in _BROKEN_VERDICTS or (reply.needs_close and reply.code == 421)


_BROKEN_VERDICTS = frozenset({Verdict.LOST, Verdict.IN_DOUBT, Verdict.RELAY})
