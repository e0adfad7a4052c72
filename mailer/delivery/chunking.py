"""Several messages in flight over one connection (CHUNKING, RFC 3030, with PIPELINING, RFC 2920).

MAIL, RCPT and BDAT … LAST of a message need no reply in between: there is no 354 to wait for, and
the size stands before the message, so its dots are not stuffed. So a window of messages costs one
round trip.

The relay answers each command in order. A failed command does not stop those behind it: a chunk
whose recipient was refused is written all the same, and the relay discards it (RFC 3030 §2). RSET
precedes each MAIL that is sent before the reply to the last chunk. Without RSET, a recipient of a
failed transaction could get the next message (RFC 3030 §4.2).
"""

import re
import smtplib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mailer.delivery.outgoing_mail import EnvelopeFormat, OutgoingMail, judge_envelope_reply
from mailer.delivery.relay_errors import describe_error
from mailer.delivery.replies import (
    FINAL_PHASES,
    Phase,
    Reply,
    Verdict,
    clean_reply_text,
    create_lost_reply,
)
from mailer.delivery.smtp_socket import MAX_PIECES, MAX_TLS_RECORD, SmtpSocket

WRITE_SIZE = 128 * 1024
"""Bytes of messages after which :meth:`ChunkPipeline.is_full` asks for a write."""

_PHASES = (Phase.MAIL, Phase.RCPT, Phase.BDAT)
_PHASES_AFTER_RESET = (Phase.RSET, *_PHASES)
_ACCEPTED = re.compile(rb"(?:250 [^\n]*\n){2}250 ([^\n]*)\n")
_ACCEPTED_AFTER_RESET = re.compile(rb"(?:250 [^\n]*\n){3}250 ([^\n]*)\n")
_UNKNOWN_COMMAND_CODES = frozenset({500, 501, 502, 503, 504, 521, 555})
"""The codes of a relay that does not take BDAT, although it accepted MAIL and RCPT."""
_PIPELINING_WORDS = re.compile(r"synchroni[sz]|pipelin|bdat|chunking", re.IGNORECASE)


@dataclass(slots=True)
class _ChunkInFlight:
    """A message that waits for its replies: those to `phases`, of which the first
    `answered_count` have come. `end` is the number of bytes that have been written on the
    connection with this message's last byte."""

    recipient: str
    end: int
    phases: Sequence[Phase]
    answered_count: int = 0
    refusal: Reply | None = None
    has_recipient: bool = False


class ChunkPipeline:
    """The messages in flight over one connection, in the order in which they were written.

    No method raises for a relay's behaviour: :meth:`take_reply` returns one reply for each message,
    also after the link was lost."""

    def __init__(self, smtp_socket: SmtpSocket, envelope_format: EnvelopeFormat) -> None:
        self._smtp_socket = smtp_socket
        self._envelope_format = envelope_format
        self._in_flight: deque[_ChunkInFlight] = deque()
        self._pieces: list[bytes] = []
        self._unwritten_size = 0
        self._written_size = 0
        self._needs_reset = False
        self._failure = ""
        self._was_closed_by_relay = False
        self._answered_count = 0
        self.reply_count = 0
        """The number of replies so far, several for each message."""
        self.is_closing = False
        """True if the relay said that it closes the connection (421): nothing may be written."""
        self.chunking_break: Reply | None = None
        """The reply that showed that the relay offers CHUNKING and breaks it."""

    @property
    def in_flight_count(self) -> int:
        return len(self._in_flight)

    @property
    def has_failed(self) -> bool:
        """True if the connection can't be used again."""
        return bool(self._failure)

    @property
    def awaits_chunk_reply(self) -> bool:
        """True if the next reply is that to a whole message, which may take the relay long."""
        head = self._in_flight[0]
        return head.phases[head.answered_count] is Phase.BDAT

    # ---- writing --------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """True if enough is queued for one write."""
        return self._unwritten_size >= WRITE_SIZE or len(self._pieces) >= MAX_PIECES // 2

    def queue_mail(self, mail: OutgoingMail) -> None:
        """Queue a message for the next :meth:`write_queued`. From now on it counts as in flight."""
        has_reset = self._needs_reset or bool(self._in_flight)
        self._needs_reset = False
        commands = "".join(
            (
                "RSET\r\n" if has_reset else "",
                self._envelope_format.format_mail_command(mail),
                self._envelope_format.format_rcpt_command(mail),
                f"BDAT {mail.size} LAST\r\n",
            )
        ).encode()
        self._pieces.append(commands)
        self._pieces += mail.pieces
        self._unwritten_size += len(commands) + mail.size
        self._in_flight.append(
            _ChunkInFlight(
                mail.recipient,
                self._written_size + self._unwritten_size,
                _PHASES_AFTER_RESET if has_reset else _PHASES,
            )
        )

    async def write_queued(self) -> None:
        """Write what is queued. Replies that come in the meantime are kept."""
        if self._failure or not self._pieces:
            return
        pieces, self._pieces = self._pieces, []
        self._written_size += self._unwritten_size
        self._unwritten_size = 0
        try:
            await self._smtp_socket.write(pieces, keep_received=True)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._smtp_socket.keep_received()  # what the relay said before it closed
            self._fail(error)

    # ---- reading --------------------------------------------------------------------------------

    def receive_buffered(self) -> bool:
        """Receive replies that TLS has decrypted already, for which the system reports no data."""
        return self._smtp_socket.is_encrypted and self.receive_available()

    def receive_available(self) -> bool:
        """Receive replies that have come, without waiting. Returns False if nothing has come."""
        try:
            return self._smtp_socket.receive_available()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._fail(error)
            return True

    def take_reply(self) -> Reply | None:
        """Return the final reply to the oldest message in flight, which is then no longer in
        flight, or None if the reply has not come."""
        if not self._in_flight:
            return None
        head = self._in_flight[0]
        reply = self._read_final_reply(head)
        if reply is None and self._failure:
            reply = self._judge_unanswered(head)
        if reply is not None:
            self._in_flight.popleft()
            self._answered_count += reply.is_answer
            if reply.verdict is not Verdict.ACCEPTED and not self._in_flight:
                self._needs_reset = True
        return reply

    def _read_final_reply(self, head: _ChunkInFlight) -> Reply | None:
        if not head.answered_count:
            pattern = _ACCEPTED if len(head.phases) == len(_PHASES) else _ACCEPTED_AFTER_RESET
            if match := pattern.match(self._smtp_socket.read_ahead):
                self._smtp_socket.read_ahead = self._smtp_socket.read_ahead[match.end() :]
                self.reply_count += len(head.phases)
                text = clean_reply_text(match[1].rstrip(b"\r"))
                return Reply(Phase.BDAT, 250, text, Verdict.ACCEPTED)
        try:
            while (parsed := self._smtp_socket.take_reply()) is not None:
                reply = self._judge_next(head, *parsed)
                if reply is not None or self._failure:
                    return reply
        except smtplib.SMTPException as error:
            self._fail(error)
        return None

    def _judge_next(self, head: _ChunkInFlight, code: int, reply_text: bytes) -> Reply | None:
        """Judge a reply to the oldest message. Returns its final reply, if this was the last."""
        phase = head.phases[head.answered_count]
        reply = judge_envelope_reply(head.recipient, phase, code, clean_reply_text(reply_text))
        head.answered_count += 1
        self.reply_count += 1
        if code == 421:
            self.is_closing = True
            return head.refusal or reply
        if reply.verdict in (Verdict.LOST, Verdict.IN_DOUBT):  # the reply to something else
            self._note_chunking_break(reply)
            self._smtp_socket.read_ahead = b""  # which message those replies are for is unknown
            self.end_connection(f"the relay replied {reply}, out of order")
            return None
        if phase is Phase.RCPT:
            head.has_recipient = reply.verdict is Verdict.ACCEPTED
        if phase not in FINAL_PHASES:
            if reply.verdict is not Verdict.ACCEPTED and phase is not Phase.RSET:
                head.refusal = head.refusal or reply
            return None
        if head.refusal is not None and not (
            reply.verdict is Verdict.ACCEPTED and head.has_recipient
        ):
            return self._review_refusal(head.refusal)
        if reply.code in _UNKNOWN_COMMAND_CODES:
            return self._refuse_to_chunk(reply)
        return self._review_refusal(reply)

    def _review_refusal(self, reply: Reply) -> Reply:
        """Return the reply, or a break if it objects to what was sent ahead."""
        is_failure = reply.verdict is not Verdict.ACCEPTED
        if is_failure and _PIPELINING_WORDS.search(reply.text):
            return self._refuse_to_chunk(reply)
        return reply

    def _refuse_to_chunk(self, reply: Reply) -> Reply:
        """Close the connection: the relay did not accept the message, which is sent over a new
        connection without CHUNKING."""
        self.chunking_break = reply
        self._smtp_socket.read_ahead = b""
        self.end_connection(f"the relay replied {reply}")
        return Reply(reply.phase, reply.code, reply.text, Verdict.LOST, True)

    # ---- the end --------------------------------------------------------------------------------

    def end_connection(self, reason: str) -> None:
        """Close the connection: every message in flight is lost or in doubt."""
        self._failure = self._failure or reason
        self._smtp_socket.close()

    def _fail(self, error: Exception) -> None:
        self._was_closed_by_relay = not isinstance(error, TimeoutError)
        self.end_connection(describe_error(error))

    def _judge_unanswered(self, head: _ChunkInFlight) -> Reply:
        """Judge a message whose replies did not come before the connection was lost.

        A message is in doubt if its last byte may have been sent. After 421 it is not: the relay
        executes no command that follows (RFC 5321 §3.8)."""
        unsent_size = self._smtp_socket.unsent_size
        if self._smtp_socket.is_encrypted:  # how much of a record was sent is unknown
            unsent_size = max(unsent_size - MAX_TLS_RECORD, 0)
        may_be_complete = head.end <= self._written_size - unsent_size
        if self.is_closing and self._was_closed_by_relay:
            return create_lost_reply(Phase.MESSAGE, f"{self._failure} after 421")
        lost_reply = create_lost_reply(
            Phase.BDAT if may_be_complete else Phase.MESSAGE, self._failure
        )
        if head.refusal is not None:
            refusal = head.refusal
            return Reply(refusal.phase, refusal.code, refusal.text, refusal.verdict, True)
        self._note_chunking_break(lost_reply)
        return lost_reply

    def _note_chunking_break(self, reply: Reply) -> None:
        """Note a break of the link before any message was answered: the relay may not have
        understood BDAT."""
        if not self._answered_count and self.chunking_break is None:
            self.chunking_break = reply
