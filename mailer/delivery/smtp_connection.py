"""The life of one connection, as a coroutine: open it, send messages, report, open it again."""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

from mailer.delivery.event_loop import EventLoop
from mailer.delivery.ledger import Ledger
from mailer.delivery.ledger_transaction import ConnectionSlot, SendGrant
from mailer.delivery.options import DeliveryOptions
from mailer.delivery.outcomes import GatedMessage, MessageOutcome
from mailer.delivery.relay_health import ConnectionPermit, RelayHealth
from mailer.delivery.replies import WITHHELD_REPLY, Phase, Reply, Verdict, create_lost_reply
from mailer.delivery.smtp import OutgoingMail, RelayConnection
from mailer.delivery.tls import create_tls_context
from mailer.errors import RelayError
from mailer.message import Recipient
from mailer.model.deliveries import Claim

IDLE_TIMEOUT = 20.0
"""Seconds after which a connection without work is closed, before the relay closes it."""


class ConnectionRunner:
    """Sends messages to one relay, over one connection at a time."""

    def __init__(
        self,
        loop: EventLoop,
        ledger: Ledger,
        health: RelayHealth,
        options: DeliveryOptions,
        clock: Callable[[], datetime],
        stop_event: threading.Event,
        number: int,
    ) -> None:
        self._loop = loop
        self._ledger = ledger
        self._health = health
        self._relay = health.relay
        self._options = options
        self._clock = clock
        self._stop_event = stop_event
        self._name = f"{health.relay.name} {number}"
        self._connection: RelayConnection | None = None

    async def run(self) -> None:
        """Open connections and use them until there is no more work, or the run stops."""
        try:
            while (
                permit := await self._health.wait_for_permit(self._loop, self._stop_event)
            ) is not None:
                if not await self._ledger.demand.wait_for_demand(self._loop):
                    return
                if self._health.is_stale(permit):
                    self._ledger.demand.pass_demand_on()
                else:
                    await self._run_session(permit)
                self._health.return_permit(permit)
        except BaseException as error:
            self._ledger.fail_run(error)

    async def _run_session(self, permit: ConnectionPermit) -> None:
        try:
            connection = await self._loop.run_in_thread(
                self._open_connection, self._name, self._stop_event, RelayConnection.drop_connection
            )
        except RelayError as error:
            self._health.note_open_failure(permit, error)
            return
        except OSError as error:
            hint = "lower the relay's connections, or raise the system's limit of threads"
            where = self._relay.where
            self._health.note_open_failure(permit, RelayError(str(error), where=where, hint=hint))
            return
        if connection is None:
            return
        self._health.note_opened()
        connection.move_to_loop(self._loop)
        self._connection = connection
        try:
            session = _DeliverySession(
                self._loop,
                self._ledger,
                self._health,
                connection,
                self._options.envelope_sender,
                self._clock,
                self._stop_event,
                permit,
            )
            await session.run()
        finally:
            self._health.note_closed()
            await connection.close()

    def _open_connection(self) -> RelayConnection:
        if self._health.tls_context is None:
            self._health.tls_context = create_tls_context(self._relay)
        credentials = self._options.credentials.get(self._relay.name)
        connection = RelayConnection.connect_to(self._relay, credentials, self._health.tls_context)
        connection.supports_pipelining &= self._health.may_pipeline
        return connection

    def kill_connection(self) -> None:
        """End the current connection, from another thread."""
        if (connection := self._connection) is not None:
            connection.kill_connection()


class _DeliverySession:
    """The use of one connection, from its first message to its end."""

    def __init__(
        self,
        loop: EventLoop,
        ledger: Ledger,
        health: RelayHealth,
        connection: RelayConnection,
        envelope_sender: str,
        clock: Callable[[], datetime],
        stop_event: threading.Event,
        permit: ConnectionPermit,
    ) -> None:
        self._loop = loop
        self._ledger = ledger
        self._health = health
        self._relay = health.relay
        self._connection = connection
        self._envelope_sender = envelope_sender
        self._clock = clock
        self._stop_event = stop_event
        self._permit = permit
        self._slot: ConnectionSlot = ledger.mailbox.open_slot(
            self._relay.name, self._relay.window, self._relay.per_connection
        )
        self._pending_messages: deque[GatedMessage] = deque()
        self._prepared_mail: tuple[GatedMessage, OutgoingMail] | None = None
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
            while (
                not (self._stop_event.is_set() or self._health.is_standing_by)
                and await self._await_message()
            ):
                if not await self._deliver_message(self._pending_messages.popleft()):
                    break
        finally:
            self._flush_outcomes()
            self._ledger.mailbox.close_slot(self._slot)
            while not (self._is_finished or self._ledger.finished.is_set()):
                await self._await_grant(time.monotonic() + 0.5)
            self._outcomes += [
                MessageOutcome(message, WITHHELD_REPLY) for message in self._pending_messages
            ]
            self._flush_outcomes()

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

    async def _deliver_message(self, message: GatedMessage) -> bool:
        """Send one message. Returns True if the connection can carry another."""
        self._attempted_count += 1
        if not self._ledger.is_current(message):
            self._outcomes.append(MessageOutcome(message, WITHHELD_REPLY))
            return self._prepared_mail is None  # otherwise the envelope has already been sent
        while message.not_before > time.monotonic():
            if self._stop_event.is_set():
                self._outcomes.append(MessageOutcome(message, WITHHELD_REPLY))
                return False
            wake_event = self._slot.wake_event
            if await self._loop.wait_for_event(
                wake_event, wake_event.trigger_count, message.not_before, self._connection.socket
            ):  # the relay closes the connection
                self._outcomes.append(MessageOutcome(message, WITHHELD_REPLY))
                return False
        try:
            mail = self._take_mail(message)
        except ValueError as error:  # the database has an address that was never checked
            reply_text = f"5.1.3 no message can be made for this address ({error})"
            self._outcomes.append(
                MessageOutcome(message, Reply(Phase.RCPT, 553, reply_text, Verdict.REFUSED))
            )
            return self._accepts_more
        except BaseException:
            self._pending_messages.appendleft(message)
            raise
        self._was_withdrawn = False
        if not self._health.may_pipeline:
            self._connection.stop_pipelining()
        reply = _STOPPED_REPLY
        try:
            reply = await self._connection.deliver_mail(
                mail, lambda: self._may_send(message), self._prepare_following_mail
            )
        finally:
            if not self._was_withdrawn:
                self._outcomes.append(MessageOutcome(message, reply))
        return self._review_reply(message.claim, reply)

    async def _may_send(self, message: GatedMessage) -> bool:
        """Check that the message may be sent, immediately before it is written."""
        if not self._ledger.is_current(message) or self._stop_event.is_set():
            return False
        is_recent = time.monotonic() - message.gated_at <= self._ledger.stale_after
        return is_recent or await self._check_gate_again(message)

    def _review_reply(self, claim: Claim, reply: Reply) -> bool:
        active_edition = self._ledger.active_editions.find_active_edition(claim)
        if active_edition is not None:
            if reply.verdict is Verdict.ACCEPTED:
                active_edition.refusals.accepted_count += 1
            elif reply.verdict is Verdict.REFUSED:
                active_edition.refusals.note_refusal(claim, reply)
        if reply.is_answer and reply.code != 421:
            self._answered_count += 1
            self._health.note_answer(self._permit)
        if len(self._outcomes) >= self._report_size or not self._pending_messages:
            self._flush_outcomes()
        if self._connection.pipelining_break is not None:
            self._health.stop_pipelining(self._connection.pipelining_break)
            return False
        if reply.verdict in _BROKEN_VERDICTS or (reply.needs_close and reply.code == 421):
            self._health.note_break(self._permit, reply, self._answered_count)
            return False
        if reply.needs_close or reply.verdict is Verdict.WITHHELD:
            return False
        return self._accepts_more

    @property
    def _accepts_more(self) -> bool:
        """True if another message may go before the connection must be opened again."""
        limit = self._relay.per_connection
        return not limit or self._attempted_count < limit

    def _take_mail(self, message: GatedMessage) -> OutgoingMail:
        """Return the message and its envelope, which may have been prepared already."""
        if self._prepared_mail is not None and self._prepared_mail[0] is message:
            mail, self._prepared_mail = self._prepared_mail[1], None
            return mail
        self._prepared_mail = None
        return self._build_mail(message)

    def _build_mail(self, message: GatedMessage) -> OutgoingMail:
        claim = message.claim
        active_edition = self._ledger.active_editions.find_active_edition(claim)
        assert active_edition is not None, "a granted message belongs to a known edition"
        recipient = Recipient(
            claim.id, claim.subscriber_id, claim.address, claim.name, claim.stories
        )
        pieces = active_edition.templates[claim.language].build_pieces(recipient, self._clock())
        address = claim.address
        return OutgoingMail(
            self._envelope_sender, address, pieces, sum(map(len, pieces)), address.isascii()
        )

    def _prepare_following_mail(self) -> OutgoingMail | None:
        """Return the message whose envelope may be sent right after the current message."""
        if self._stop_event.is_set() or not self._accepts_more:
            return None
        if not self._pending_messages:
            self._collect_grants()
            if not self._pending_messages:
                return None
        message = self._pending_messages[0]
        if message.not_before > time.monotonic() or not self._ledger.is_current(message):
            return None
        try:
            self._prepared_mail = (message, self._build_mail(message))
        except Exception:
            # This message's own turn handles the error: the current message is not affected.
            return None
        return self._prepared_mail[1]

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


_STOPPED_REPLY = create_lost_reply(Phase.DOT, "the worker was stopped")
_BROKEN_VERDICTS = frozenset({Verdict.LOST, Verdict.IN_DOUBT, Verdict.RELAY})
