"""A session that has several messages in flight (CHUNKING): it writes, and judges replies as they
come."""

import time
from collections import deque

from mailer.delivery.delivery_session import DeliverySession, is_connection_broken
from mailer.delivery.outcomes import GatedMessage, MessageOutcome
from mailer.delivery.replies import ACCEPTED, WITHHELD_REPLY, Reply

REPORT_DELAY = 0.05
"""Maximum time in seconds for which outcomes wait for others, to be reported together."""

FLIGHT_GROWTH = 3
"""The number of further messages that may be in flight after each message that the relay accepts.
A window of 20 is in flight after the second round trip."""


class ChunkingSession(DeliverySession):
    """Writes each granted message at once, without waiting for the replies to others.

    The ledger grants a connection at most its window of messages, so no more are ever in flight.
    The first message goes alone, and each message that the relay accepts allows some more. So a
    relay that breaks CHUNKING, or refuses everything from this office, meets few messages."""

    def _prepare(self) -> None:
        self._pipeline = self._connection.open_pipeline()
        self._in_flight: deque[GatedMessage] = deque()
        self._flight_limit = 1
        self._is_open = True
        """True if another message may be written."""
        self._was_broken = False
        self._report_by = float("inf")
        self._reply_count = 0
        self._replied_at = 0.0

    async def _send_messages(self) -> None:
        self._prepare()
        try:
            while True:
                await self._write_pending()
                self._take_replies()
                if self._in_flight:
                    await self._wait_for_news()
                elif not (self._may_write and await self._await_message()):
                    return
                else:
                    await self._wait_for_send_time()
        finally:
            if self._in_flight:
                self._pipeline.end_connection("the worker was stopped")
                self._take_replies()

    @property
    def _may_write(self) -> bool:
        return (
            self._is_open
            and self._accepts_more
            and not self._pipeline.has_failed
            and not self._pipeline.is_closing
            and not self._must_stop
        )

    # ---- writing --------------------------------------------------------------------------------

    async def _write_pending(self) -> None:
        """Write the pending messages that may go now."""
        while self._pending_messages and self._may_write:
            if len(self._in_flight) >= self._flight_limit or not await self._queue_next():
                break
            if self._pipeline.is_full:
                await self._pipeline.write_queued()
        await self._pipeline.write_queued()

    async def _queue_next(self) -> bool:
        """Queue the next pending message, if its time has come and it may still be sent. Returns
        False if no message may be queued after it for now."""
        message = self._pending_messages[0]
        if message.not_before > time.monotonic():
            return False
        self._pending_messages.popleft()
        if not self._is_recent(message):
            await self._pipeline.write_queued()  # what waits to be written must not become stale
        self._was_withdrawn = False
        if not self._is_allowed(message) or not (
            self._is_recent(message) or await self._check_gate_again(message)
        ):
            if not self._was_withdrawn:
                self._add_outcome(message, WITHHELD_REPLY)
                self._is_open = False  # the edition, the worker or the run is about to stop
            return True
        try:
            mail = self._build_mail(message)
        except ValueError as error:
            self._attempted_count += 1
            self._refuse_unbuildable(message, error)
            return True
        except BaseException:
            self._pending_messages.appendleft(message)
            raise
        self._attempted_count += 1
        if (refusal := self._connection.refuse_unsupported(mail)) is not None:
            self._add_outcome(message, refusal)
            self._note_reply(message, refusal)
            return True
        if not self._in_flight:
            self._replied_at = time.monotonic()
        self._in_flight.append(message)
        self._pipeline.queue_mail(mail)
        return True

    # ---- replies --------------------------------------------------------------------------------

    def _take_replies(self) -> None:
        """Take the replies that have come, and report outcomes."""
        while self._in_flight and (reply := self._pipeline.take_reply()) is not None:
            message = self._in_flight.popleft()
            self._add_outcome(message, reply)
            self._note_reply(message, reply)
        if self._pipeline.reply_count != self._reply_count:
            self._reply_count = self._pipeline.reply_count
            self._replied_at = time.monotonic()
        if len(self._outcomes) >= self._report_size or time.monotonic() >= self._report_by:
            self._flush_outcomes()

    def _add_outcome(self, message: GatedMessage, reply: Reply) -> None:
        if not self._outcomes:
            self._report_by = time.monotonic() + REPORT_DELAY
        self._outcomes.append(MessageOutcome(message, reply))

    def _note_reply(self, message: GatedMessage, reply: Reply) -> None:
        """Note a message's reply, and decide whether more may be written."""
        self._count_reply(message.claim, reply)
        if reply.verdict is ACCEPTED:
            self._flight_limit += FLIGHT_GROWTH
            self._health.has_chunked = True
        if reply.needs_close or is_connection_broken(reply):
            self._is_open = False
        chunking_break = self._pipeline.chunking_break
        if chunking_break is not None and (chunking_break.code or not self._health.has_chunked):
            self._health.stop_chunking(chunking_break)
        elif is_connection_broken(reply) and not self._was_broken:
            self._was_broken = True
            self._health.note_break(self._permit, reply, self._answered_count)

    async def _wait_for_send_time(self) -> None:
        """Wait until the next pending message may be sent, or the relay closes the connection."""
        while (
            self._may_write
            and self._pending_messages
            and self._pending_messages[0].not_before > time.monotonic()
        ):
            wake_event = self._slot.wake_event
            send_time = self._pending_messages[0].not_before
            if await self._loop.wait_for_event(
                wake_event, wake_event.trigger_count, send_time, self._connection.socket
            ):
                self._is_open = False

    async def _wait_for_news(self) -> None:
        """Wait until a reply, a grant or the time of a pending message has come."""
        trigger_count = self._slot.wake_event.trigger_count
        if self._may_write and self._slot.inbox:
            self._collect_grants()
            return
        if self._pipeline.receive_buffered():
            return
        seconds = self._relay.timeout
        if self._pipeline.awaits_chunk_reply:
            seconds = max(self._relay.dot_timeout, seconds)
        reply_deadline = self._replied_at + seconds
        deadline = min(reply_deadline, self._report_by if self._outcomes else reply_deadline)
        has_room = len(self._in_flight) < self._flight_limit
        if self._pending_messages and has_room and self._may_write:
            deadline = min(deadline, self._pending_messages[0].not_before)
        if await self._loop.wait_for_event(
            self._slot.wake_event, trigger_count, deadline, self._connection.socket
        ):
            self._pipeline.receive_available()
        elif time.monotonic() >= reply_deadline:
            self._pipeline.end_connection("timed out")
