"""One conversation with a relay, phase by phase.

A small subclass of ``smtplib.SMTP`` keeps the standard library's EHLO, STARTTLS and AUTH. Its
``sendmail()`` and its ``with`` block are not used, since both hide the phase in which a connection
died. That phase decides whether the relay may have accepted a message.

If the relay offers PIPELINING (RFC 2920), MAIL, RCPT and DATA go in one write, and those of the
next message directly follow the final dot. So a message costs one round trip instead of four. If
the relay also offers CHUNKING, ``chunking.py`` has several messages in flight.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from mailer.config import Relay, Tls
from mailer.delivery.chunking import ChunkPipeline
from mailer.delivery.event_loop import EventLoop
from mailer.delivery.outgoing_mail import EnvelopeFormat, OutgoingMail, judge_envelope_reply
from mailer.delivery.relay_errors import (
    create_relay_error,
    create_reply_error,
    describe_error,
    require_accepted,
)
from mailer.delivery.replies import (
    ACCEPTED,
    WITHHELD_REPLY,
    Phase,
    Reply,
    Verdict,
    clean_reply_text,
    create_lost_reply,
    judge_reply,
)
from mailer.delivery.smtp_socket import SmtpSocket
from mailer.delivery.tls import create_tls_context
from mailer.errors import RelayError

QUIT_TIMEOUT = 5.0
"""Seconds to wait for the reply to QUIT, which decides nothing."""


class RelayCredentials(NamedTuple):
    user: str
    password: str


class RelayConnection:
    """An open connection to a relay, made by :meth:`connect_to`. Its user must close it.

    The connection is opened in a thread that may block, and then moved to a loop whose coroutines
    use it. Any thread may call :meth:`kill_connection`."""

    def __init__(self, smtp_socket: SmtpSocket, relay: Relay) -> None:
        self._smtp_socket = smtp_socket
        self._relay = relay
        self._message_timeout = max(relay.dot_timeout, relay.timeout)
        self._announced_mail: OutgoingMail | None = None
        self._needs_reset = False
        """True if a mail transaction was begun and not ended, so that RSET must precede the next
        one."""
        self._owes_message = False
        """True if the relay waits for a message or the rest of one, so that no command may be
        sent."""
        self.supports_pipelining = relay.pipelining and smtp_socket.has_extn("pipelining")
        self._pipeline: ChunkPipeline | None = None
        self.pipelining_break: Reply | None = None
        """The reply that showed that the relay offers PIPELINING and breaks it."""
        self.supports_chunking = (
            self.supports_pipelining and relay.chunking and smtp_socket.has_extn("chunking")
        )
        self._envelope_format = EnvelopeFormat(smtp_socket)

    @classmethod
    def connect_to(
        cls,
        relay: Relay,
        credentials: RelayCredentials | None = None,
        context: ssl.SSLContext | None = None,
    ) -> "RelayConnection":
        """Connect, greet, start TLS and authenticate. Raises RelayError, which names the phase.

        `context` comes from :func:`create_tls_context`, which is called if it is None."""
        phase = Phase.CONNECT
        where = relay.where
        context = context or create_tls_context(relay)
        smtp_socket = SmtpSocket(
            relay.timeout, context if relay.tls is Tls.IMPLICIT else None, relay.ehlo
        )
        try:
            code, reply_text = smtp_socket.connect(relay.host, relay.port)
            require_accepted(judge_reply(phase, code, clean_reply_text(reply_text)), where)
            smtp_socket._host = relay.host  # type: ignore[attr-defined]  # for STARTTLS's certificate
            phase = Phase.EHLO
            smtp_socket.send_hello()
            if relay.tls is Tls.STARTTLS:
                phase = Phase.STARTTLS
                code, reply_text = smtp_socket.starttls(context=context)
                require_accepted(judge_reply(phase, code, clean_reply_text(reply_text)), where)
                if smtp_socket.read_ahead:  # unencrypted, so any attacker may have sent it
                    raise smtplib.SMTPException("the relay spoke before TLS began")
                phase = Phase.EHLO
                smtp_socket.send_hello()
            if credentials and credentials.user:
                phase = Phase.AUTH
                smtp_socket.login(credentials.user, credentials.password)
        except RelayError:
            smtp_socket.close()
            raise
        except smtplib.SMTPNotSupportedError as error:
            smtp_socket.close()
            raise create_relay_error(
                phase, f"the relay does not offer {phase}", where, True
            ) from error
        except smtplib.SMTPResponseException as error:
            smtp_socket.close()
            reply = judge_reply(phase, error.smtp_code, clean_reply_text(error.smtp_error))
            raise create_reply_error(reply, where) from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            smtp_socket.close()
            lost_reply = create_lost_reply(phase, describe_error(error))
            is_permanent = isinstance(error, ssl.SSLCertVerificationError)
            raise create_relay_error(phase, str(lost_reply), where, is_permanent) from error
        return cls(smtp_socket, relay)

    def move_to_loop(self, loop: EventLoop) -> None:
        """Let the loop's coroutines use the connection from now on."""
        self._smtp_socket.move_to_loop(loop)

    def open_pipeline(self) -> ChunkPipeline:
        """Open the pipeline of a connection that supports CHUNKING. Only the pipeline may be used
        after that, and :meth:`close`."""
        self._pipeline = ChunkPipeline(self._smtp_socket, self._envelope_format)
        return self._pipeline

    def refuse_unsupported(self, mail: OutgoingMail) -> Reply | None:
        """Return a refusal of a message that the relay won't accept according to its reply to EHLO,
        or None."""
        return self._envelope_format.refuse_unsupported(mail)

    @property
    def socket(self) -> socket.socket | None:
        """The socket that the loop listens to; None if it is closed."""
        sock: socket.socket | None = self._smtp_socket.sock
        return sock

    # A message takes two steps: its envelope, and the message itself. No step raises an error for a
    # relay's behaviour. If ``reply.needs_close``, the connection can't be used again.

    async def send_envelope(self, mail: OutgoingMail) -> Reply:
        """Send MAIL, RCPT and DATA, and return the judged reply. If the relay accepts them, it
        waits for :meth:`send_message`, or for :meth:`withhold_message`.

        If the envelope of a following message was sent ahead, the next call must be for that
        message."""
        if (early_reply := self.take_envelope_reply(mail)) is not None:
            return early_reply
        if (
            self._announced_mail is not mail
            and (refusal := self.refuse_unsupported(mail)) is not None
        ):
            return refusal
        reply = await self._exchange_envelope(mail)
        self._owes_message = reply.verdict is Verdict.ACCEPTED
        return reply

    def take_envelope_reply(self, mail: OutgoingMail) -> Reply | None:
        """Return the reply to an envelope that was sent ahead, if the relay has already accepted
        it. Otherwise :meth:`send_envelope` must be called."""
        if self._announced_mail is not mail:
            return None
        replies = _ENVELOPE_ACCEPTED.match(self._smtp_socket.read_ahead)
        if replies is None:
            return None
        self._smtp_socket.read_ahead = self._smtp_socket.read_ahead[replies.end() :]
        self._announced_mail = None
        self._owes_message = True
        return _ENVELOPE_REPLY

    def withhold_message(self) -> Reply:
        """Withhold the message for which the relay waits, and close the connection."""
        self._smtp_socket.close()
        return WITHHELD_REPLY

    def stop_pipelining(self) -> None:
        """Send step by step from now on, or after the message whose envelope was announced."""
        if self._announced_mail is None:
            self.supports_pipelining = False

    # ---- the envelope ---------------------------------------------------------------------------

    def _build_commands(self, mail: OutgoingMail) -> list[tuple[Phase, bytes]]:
        """Build the commands of an envelope, each with its phase."""
        commands = [
            (Phase.MAIL, self._envelope_format.format_mail_command(mail).encode()),
            (Phase.RCPT, self._envelope_format.format_rcpt_command(mail).encode()),
            (Phase.DATA, b"DATA\r\n"),
        ]
        if self._needs_reset:
            self._needs_reset = False
            commands.insert(0, (Phase.QUIT, b"RSET\r\n"))
        return commands

    def _format_commands(self, mail: OutgoingMail) -> bytes:
        """Format the commands of an envelope that is sent ahead."""
        if self._needs_reset:
            return b"".join([command for _, command in self._build_commands(mail)])
        return self._envelope_format.format_envelope(mail)

    async def _exchange_envelope(self, mail: OutgoingMail) -> Reply:
        """Send MAIL, RCPT and DATA, until the relay refuses one of them."""
        announced_mail, self._announced_mail = self._announced_mail, None
        phase = Phase.MAIL
        was_announced = announced_mail is not None
        refusal: Reply | None = None
        try:
            if announced_mail is not None and announced_mail is not mail:
                self._smtp_socket.close()
                return create_lost_reply(phase, "another message was announced")
            commands = [] if announced_mail else self._build_commands(mail)
            if self.supports_pipelining:
                await self._smtp_socket.write([b"".join([command for _, command in commands])])
            for phase, command in commands or _ANNOUNCED_COMMANDS:
                if not self.supports_pipelining:
                    await self._smtp_socket.write([command])
                code, reply_text = await self._smtp_socket.read_reply(self._relay.timeout)
                if phase is Phase.QUIT:  # to RSET
                    continue
                if refusal is None and code == _EXPECTED_CODES[phase]:
                    continue
                if refusal is None:
                    text = clean_reply_text(reply_text)
                    reply = judge_envelope_reply(mail.recipient, phase, code, text)
                    is_later = was_announced or phase in _LATER_PHASES
                    if self._breaks_pipelining(reply, is_later=is_later):
                        return self._close_after_break(reply)
                    if reply.needs_close:
                        return reply
                    if reply.verdict is Verdict.ACCEPTED:
                        continue
                    self._needs_reset = True
                    refusal = reply
                    if not self.supports_pipelining:
                        return refusal
                elif phase is Phase.DATA and code == 354:
                    # RFC 2920 §3.1: a relay may accept DATA without a recipient; send an empty
                    # message then
                    await self._smtp_socket.write([b".\r\n"])
                    await self._smtp_socket.read_reply(self._relay.timeout)
                elif code <= 0 or code == 421:
                    return _mark_closed(refusal)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            if refusal is not None:
                return _mark_closed(refusal)
            lost_reply = create_lost_reply(
                Phase.MAIL if phase is Phase.QUIT else phase, describe_error(error)
            )
            is_silent = isinstance(error, TimeoutError)
            if is_silent and self.supports_pipelining and (was_announced or phase in _LATER_PHASES):
                self.pipelining_break = lost_reply  # it may have lost the commands that it read
            return lost_reply
        return refusal or _ENVELOPE_REPLY

    # ---- the message ----------------------------------------------------------------------------

    async def send_message(
        self, mail: OutgoingMail, get_following: Callable[[], OutgoingMail | None] = lambda: None
    ) -> Reply:
        """Send the message whose envelope the relay has accepted, and return the judged reply.

        If the relay offers PIPELINING, `get_following` returns the message whose envelope is sent
        right after this message's final dot; the next call must be for that message."""
        following = get_following() if self.supports_pipelining else None
        following_commands = b""
        if following is not None and self.refuse_unsupported(following) is None:
            following_commands = self._format_commands(following)
        final_bytes = b".\r\n" + following_commands
        smtp_socket = self._smtp_socket
        message_written = False
        try:
            if smtp_socket.is_encrypted:
                # How much of a TLS record was sent is unknown, so the dot goes into a separate
                # record.
                await smtp_socket.write(mail.pieces)
                message_written = True
                await smtp_socket.write([final_bytes])
            elif not smtp_socket.write_at_once(pieces := [*mail.pieces, final_bytes]):
                await smtp_socket.write_rest(pieces)
            if following_commands:
                self._announced_mail = following
            code, reply_text = await smtp_socket.read_reply(self._message_timeout)
            self._owes_message = False
            reply = judge_reply(Phase.DOT, code, clean_reply_text(reply_text))
            if following_commands and self._breaks_pipelining(reply):
                return self._close_after_break(reply)
            return reply
        except (OSError, smtplib.SMTPException, ValueError) as error:
            was_complete = (
                message_written
                if smtp_socket.is_encrypted
                else smtp_socket.unsent_size <= len(following_commands)
            )
            return create_lost_reply(
                Phase.DOT if was_complete else Phase.MESSAGE, describe_error(error)
            )

    # ---- relays that break PIPELINING -----------------------------------------------------------

    def _breaks_pipelining(self, reply: Reply, *, is_later: bool = False) -> bool:
        """Check whether a relay that offers PIPELINING objects to commands that it read ahead, or
        has lost one of them, so that the next one is out of order."""
        if not self.supports_pipelining or reply.verdict is ACCEPTED:
            return False
        if reply.verdict is Verdict.LOST and reply.code // 100 in (2, 3):
            return True  # the reply to another command
        is_failure = reply.code // 100 in (4, 5)  # an accepted message stays accepted
        has_words = is_failure and bool(_PIPELINING_WORDS.search(reply.text))
        return has_words or (reply.code == 503 and is_later)

    def _close_after_break(self, reply: Reply) -> Reply:
        """Close the connection: the message was not accepted, and is sent over a new one."""
        self.pipelining_break = reply
        self._smtp_socket.close()
        return Reply(reply.phase, reply.code, reply.text, Verdict.LOST, True)

    # ---- the end --------------------------------------------------------------------------------

    def kill_connection(self) -> None:
        """End the connection from another thread. A coroutine that waits for a reply then sees a
        lost link."""
        sock = self._smtp_socket.sock
        if sock is not None:
            with suppress(OSError):
                # SSLSocket.shutdown is not used: it removes the encryption first, so another thread
                # that is just writing or reading would do so unencrypted.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def run_command(self, phase: Phase, command: str) -> Reply:
        """Send a command and wait for its reply, on a connection that was not moved to a loop."""
        try:
            code, reply_text = self._smtp_socket.docmd(command)
        except (OSError, smtplib.SMTPException) as error:
            return create_lost_reply(phase, describe_error(error))
        return judge_reply(phase, code, clean_reply_text(reply_text))

    def drop_connection(self) -> None:
        """Close a connection that was not moved to a loop, without QUIT."""
        self._smtp_socket.close()

    async def close(self) -> None:
        """Send QUIT, unless the relay waits for a message, and close after any reply."""
        owes_replies = self._pipeline is not None and self._pipeline.in_flight_count > 0
        is_busy = self._announced_mail is not None or self._owes_message or owes_replies
        try:
            if self.socket is not None and not is_busy:
                await self._smtp_socket.write([b"QUIT\r\n"])
                await self._smtp_socket.read_reply(min(QUIT_TIMEOUT, self._relay.timeout))
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._smtp_socket.close()


_PIPELINING_WORDS = re.compile(r"synchroni[sz]|pipelin", re.IGNORECASE)
_LATER_PHASES = frozenset({Phase.RCPT, Phase.DATA})
_ANNOUNCED_COMMANDS = [(phase, b"") for phase in (Phase.MAIL, Phase.RCPT, Phase.DATA)]
_ENVELOPE_ACCEPTED = re.compile(rb"250 [^\n]*\n250 [^\n]*\n354 [^\n]*\n")
_EXPECTED_CODES = {Phase.MAIL: 250, Phase.RCPT: 250, Phase.DATA: 354}
_ENVELOPE_REPLY = Reply(Phase.DATA, 354, "", Verdict.ACCEPTED)


def _mark_closed(reply: Reply) -> Reply:
    return Reply(reply.phase, reply.code, reply.text, reply.verdict, True)
