"""A session that waits for the reply to each message before it sends the next one (DATA)."""

import time

from mailer.delivery.delivery_session import DeliverySession
from mailer.delivery.outcomes import GatedMessage, MessageOutcome
from mailer.delivery.outgoing_mail import OutgoingMail
from mailer.delivery.replies import (
    WITHHELD_REPLY,
    Phase,
    Reply,
    Verdict,
    create_lost_reply,
)


class DialogueSession(DeliverySession):
    """Sends one message after another. If the relay offers PIPELINING, the envelope of the next
    message follows each message."""

    _prepared_mail: tuple[GatedMessage, OutgoingMail] | None = None

    async def _send_messages(self) -> None:
        while not self._must_stop and (self._pending_messages or await self._await_message()):
            if not await self._deliver_message(self._pending_messages.popleft()):
                break

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
        except ValueError as error:
            self._refuse_unbuildable(message, error)
            return self._accepts_more
        except BaseException:
            self._pending_messages.appendleft(message)
            raise
        self._was_withdrawn = False
        if not self._health.may_pipeline:
            self._connection.stop_pipelining()
        reply = _STOPPED_REPLY
        try:
            reply = await self._send_mail(message, mail)
        finally:
            if not self._was_withdrawn:
                self._outcomes.append(MessageOutcome(message, reply))
        return self._review_reply(message.claim, reply)

    async def _send_mail(self, message: GatedMessage, mail: OutgoingMail) -> Reply:
        connection = self._connection
        reply = connection.take_envelope_reply(mail) or await connection.send_envelope(mail)
        if reply.verdict is not Verdict.ACCEPTED:
            return reply
        # The last check, when the relay waits for the message.
        if self._is_allowed(message) and (
            self._is_recent(message) or await self._check_gate_again(message)
        ):
            return await connection.send_message(mail, self._prepare_following_mail)
        return connection.withhold_message()

    def _take_mail(self, message: GatedMessage) -> OutgoingMail:
        """Return the message and its envelope, which may have been prepared already."""
        if self._prepared_mail is not None and self._prepared_mail[0] is message:
            mail, self._prepared_mail = self._prepared_mail[1], None
            return mail
        self._prepared_mail = None
        return self._build_mail(message)

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


_STOPPED_REPLY = create_lost_reply(Phase.DOT, "the worker was stopped")
