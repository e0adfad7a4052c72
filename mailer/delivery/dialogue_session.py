"""A session that waits for the reply to each message before it sends the next one (DATA)."""

import time

from mailer.delivery.delivery_session import DeliverySession
from mailer.delivery.outcomes import GatedMessage, MessageOutcome
from mailer.delivery.outgoing_mail import OutgoingMail
from mailer.delivery.replies import (
    ACCEPTED,
    WITHHELD_REPLY,
    Phase,
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
        if message.not_before > time.monotonic() and not await self._wait_for_send_time(message):
            self._outcomes.append(MessageOutcome(message, WITHHELD_REPLY))
            return False
        mail = self._take_prepared_mail(message)
        if mail is None:
            if not self._ledger.is_current(message):
                self._outcomes.append(MessageOutcome(message, WITHHELD_REPLY))
                return True
            try:
                mail = self._build_mail(message)
            except ValueError as error:
                self._refuse_unbuildable(message, error)
                return self._accepts_more
            except BaseException:
                self._pending_messages.appendleft(message)
                raise
        self._was_withdrawn = False
        connection = self._connection
        if not self._health.may_pipeline:
            connection.stop_pipelining()
        reply = _STOPPED_REPLY
        try:
            envelope_reply = connection.take_envelope_reply(mail)
            if envelope_reply is None:
                envelope_reply = await connection.send_envelope(mail)
            if envelope_reply.verdict is not ACCEPTED:
                reply = envelope_reply
            elif self._is_allowed(message) and (  # the relay waits for the message now
                self._is_recent(message) or await self._check_gate_again(message)
            ):
                reply = await connection.send_message(mail, self._prepare_following_mail)
            else:
                reply = connection.withhold_message()
        finally:
            if not self._was_withdrawn:
                self._outcomes.append(MessageOutcome(message, reply))
        return self._review_reply(message.claim, reply)

    async def _wait_for_send_time(self, message: GatedMessage) -> bool:
        """Wait until the message may be sent. Returns False if the run stops or the relay closes
        the connection before that."""
        wake_event = self._slot.wake_event
        while message.not_before > time.monotonic():
            if self._stop_event.is_set() or await self._loop.wait_for_event(
                wake_event, wake_event.trigger_count, message.not_before, self._connection.socket
            ):
                return False
        return True

    def _take_prepared_mail(self, message: GatedMessage) -> OutgoingMail | None:
        """Return the message and its envelope, if they have been prepared already."""
        prepared_mail, self._prepared_mail = self._prepared_mail, None
        return prepared_mail[1] if prepared_mail and prepared_mail[0] is message else None

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
