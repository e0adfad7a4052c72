"""One conversation with a relay, phase by phase.

A small subclass of ``smtplib.SMTP`` keeps the standard library's EHLO, STARTTLS and AUTH. Its
``sendmail()`` and its ``with`` block are not used, since both hide the phase in which a connection
died. That phase decides whether the relay may have accepted a message.

If the relay offers PIPELINING (RFC 2920), MAIL, RCPT and DATA go in one write, and those of the
next message directly follow the final dot. So a message costs one round trip instead of four.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from mailer import addresses
from mailer.config import Relay, Tls
from mailer.delivery.event_loop import EventLoop
from mailer.delivery.replies import (
    WITHHELD_REPLY,
    Phase,
    Reply,
    Verdict,
    clean_reply_text,
    create_lost_reply,
    judge_reply,
)
from mailer.delivery.smtp_socket import CONNECTION_LOST, SmtpSocket
from mailer.errors import RelayError

QUIT_TIMEOUT = 5.0
"""Seconds to wait for the reply to QUIT, which decides nothing."""


class RelayCredentials(NamedTuple):
    user: str
    password: str


class OutgoingMail(NamedTuple):
    """A message, in pieces, and its envelope.

    Every line of the message ends in CRLF and has at most 998 bytes. Dots at the start of a line
    are already stuffed. If `is_ascii`, the message can be sent without 8BITMIME."""

    envelope_sender: str
    recipient: str
    pieces: Sequence[bytes]
    size: int
    is_ascii: bool


def prepare_mail(envelope_sender: str, recipient: str, message: bytes) -> OutgoingMail:
    """Prepare any message for the wire: stuff its dots (RFC 5321 §4.5.2) and end its last line."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    stuffed_message = message.replace(b"\r\n.", b"\r\n..")
    if stuffed_message.startswith(b"."):
        stuffed_message = b"." + stuffed_message
    return OutgoingMail(
        envelope_sender, recipient, [stuffed_message], len(message), message.isascii()
    )


class RelayConnection:
    """An open connection to a relay, made by :meth:`connect_to`. Its user must close it.

    The connection is opened in a thread that may block, and then moved to a loop whose coroutines
    use it. Any thread may call :meth:`kill_connection`."""

    def __init__(self, smtp_socket: SmtpSocket, relay: Relay) -> None:
        self._smtp_socket = smtp_socket
        self._relay = relay
        self._announced_mail: OutgoingMail | None = None
        self._needs_reset = False
        """True if a mail transaction was begun and not ended, so that RSET must precede the next
        one."""
        self._owes_message = False
        """True if the relay waits for a message or the rest of one, so that no command may be
        sent."""
        self.supports_pipelining = smtp_socket.has_extn("pipelining")
        self._supports_utf8 = smtp_socket.has_extn("smtputf8")
        self._supports_8bit = smtp_socket.has_extn("8bitmime")
        self._supports_size = smtp_socket.has_extn("size")
        self._max_size = (
            int(size) if (size := smtp_socket.esmtp_features.get("size", "")).isdigit() else 0
        )

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
        smtp_socket = SmtpSocket(relay.timeout, context if relay.tls is Tls.IMPLICIT else None)
        try:
            code, reply_text = smtp_socket.connect(relay.host, relay.port)
            _require_accepted(judge_reply(phase, code, clean_reply_text(reply_text)), where)
            smtp_socket._host = relay.host  # type: ignore[attr-defined]  # for STARTTLS's certificate
            phase = Phase.EHLO
            smtp_socket.send_hello()
            if relay.tls is Tls.STARTTLS:
                phase = Phase.STARTTLS
                code, reply_text = smtp_socket.starttls(context=context)
                _require_accepted(judge_reply(phase, code, clean_reply_text(reply_text)), where)
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
            raise _create_relay_error(
                phase, f"the relay does not offer {phase}", where, True
            ) from error
        except smtplib.SMTPResponseException as error:
            smtp_socket.close()
            reply = judge_reply(phase, error.smtp_code, clean_reply_text(error.smtp_error))
            raise _create_relay_error(
                phase, f"the relay replied {reply}", where, reply.is_permanent
            ) from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            smtp_socket.close()
            lost_reply = create_lost_reply(phase, _describe_error(error))
            is_permanent = isinstance(error, ssl.SSLCertVerificationError)
            raise _create_relay_error(phase, str(lost_reply), where, is_permanent) from error
        return cls(smtp_socket, relay)

    def move_to_loop(self, loop: EventLoop) -> None:
        """Let the loop's coroutines use the connection from now on."""
        self._smtp_socket.move_to_loop(loop)

    @property
    def socket(self) -> socket.socket | None:
        """The socket that the loop listens to; None if it is closed."""
        sock: socket.socket | None = self._smtp_socket.sock
        return sock

    async def deliver_mail(
        self,
        mail: OutgoingMail,
        may_send: Callable[[], Awaitable[bool]],
        get_following: Callable[[], OutgoingMail | None] = lambda: None,
    ) -> Reply:
        """Send one message, and return the judged reply. Never raises for a relay's behaviour.

        `may_send` is called last, when the relay waits for the message. If it returns False, the
        message is withheld and the connection can't be used again. `get_following` returns the
        message whose envelope is sent right after this message's final dot; the next call must be
        for that message. If ``reply.needs_close``, this connection can't be used again."""
        if (
            self._announced_mail is not mail
            and (refusal := self._refuse_unsupported(mail)) is not None
        ):
            return refusal
        reply = await self._send_envelope(mail)
        if reply.verdict is not Verdict.ACCEPTED:
            return reply
        self._owes_message = True
        if not await may_send():
            self._smtp_socket.close()
            return WITHHELD_REPLY
        return await self._send_message(mail, get_following() if self.supports_pipelining else None)

    def _refuse_unsupported(self, mail: OutgoingMail) -> Reply | None:
        """Refuse a message that the relay won't accept according to its EHLO reply."""
        if _INVALID_ADDRESS.search(mail.recipient):
            return Reply(Phase.RCPT, 553, "the address is invalid", Verdict.REFUSED)
        if _is_international(mail.recipient) and not self._supports_utf8:
            refusal_text = "the relay accepts no internationalised addresses (SMTPUTF8)"
            return Reply(Phase.RCPT, 550, refusal_text, Verdict.REFUSED)
        if 0 < self._max_size < mail.size:
            refusal_text = (
                f"the message has {mail.size} bytes, the limit is {self._max_size} (SIZE)"
            )
            return Reply(Phase.MAIL, 552, refusal_text, Verdict.RELAY)
        return None

    # ---- the envelope ---------------------------------------------------------------------------

    def _build_commands(self, mail: OutgoingMail) -> list[tuple[Phase, str]]:
        options = f" SIZE={mail.size}" if self._supports_size else ""
        if _is_international(mail.recipient):
            options += " SMTPUTF8"
        if self._supports_8bit and not mail.is_ascii:
            options += " BODY=8BITMIME"  # RFC 6152
        envelope_sender = addresses.to_wire_form(mail.envelope_sender)
        recipient = addresses.to_wire_form(mail.recipient)
        commands = [
            (Phase.MAIL, f"MAIL FROM:<{envelope_sender}>{options}\r\n"),
            (Phase.RCPT, f"RCPT TO:<{recipient}>\r\n"),
            (Phase.DATA, "DATA\r\n"),
        ]
        if self._needs_reset:
            self._needs_reset = False
            commands.insert(0, (Phase.QUIT, "RSET\r\n"))
        return commands

    async def _send_envelope(self, mail: OutgoingMail) -> Reply:
        """Send MAIL, RCPT and DATA, until the relay refuses one of them."""
        announced_mail, self._announced_mail = self._announced_mail, None
        phase = Phase.MAIL
        refusal: Reply | None = None
        try:
            if announced_mail is not None and announced_mail is not mail:
                self._smtp_socket.close()
                return create_lost_reply(phase, "another message was announced")
            if announced_mail is not None and (
                accepted := _ENVELOPE_ACCEPTED.match(self._smtp_socket.read_ahead)
            ):
                self._smtp_socket.read_ahead = self._smtp_socket.read_ahead[accepted.end() :]
                return _ENVELOPE_REPLY
            commands = [] if announced_mail else self._build_commands(mail)
            if self.supports_pipelining:
                await self._smtp_socket.write([_join_commands(commands)])
            for phase, command in commands or _ANNOUNCED_COMMANDS:
                if not self.supports_pipelining:
                    await self._smtp_socket.write([command.encode()])
                code, reply_text = await self._smtp_socket.read_reply(self._relay.timeout)
                if phase is Phase.QUIT:  # to RSET
                    continue
                if refusal is None and code == _EXPECTED_CODES[phase]:
                    continue
                if refusal is None:
                    reply = judge_reply(phase, code, clean_reply_text(reply_text))
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
            return create_lost_reply(
                Phase.MAIL if phase is Phase.QUIT else phase, _describe_error(error)
            )
        return refusal or _ENVELOPE_REPLY

    # ---- the message ----------------------------------------------------------------------------

    async def _send_message(self, mail: OutgoingMail, following: OutgoingMail | None) -> Reply:
        following_commands = b""
        if following is not None and self._refuse_unsupported(following) is None:
            following_commands = _join_commands(self._build_commands(following))
        final_bytes = b".\r\n" + following_commands
        message_written = False
        try:
            if self._smtp_socket.is_encrypted:
                # How much of a TLS record was sent is unknown, so the dot goes into a separate
                # record.
                await self._smtp_socket.write(mail.pieces)
                message_written = True
                await self._smtp_socket.write([final_bytes])
            else:
                await self._smtp_socket.write([*mail.pieces, final_bytes])
            if following_commands:
                self._announced_mail = following
            code, reply_text = await self._smtp_socket.read_reply(
                max(self._relay.dot_timeout, self._relay.timeout)
            )
            self._owes_message = False
            return judge_reply(Phase.DOT, code, clean_reply_text(reply_text))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            was_complete = (
                message_written
                if self._smtp_socket.is_encrypted
                else self._smtp_socket.unsent_size <= len(following_commands)
            )
            return create_lost_reply(
                Phase.DOT if was_complete else Phase.MESSAGE, _describe_error(error)
            )

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

    def drop_connection(self) -> None:
        """Close a connection that was not moved to a loop, without QUIT."""
        self._smtp_socket.close()

    async def close(self) -> None:
        """Send QUIT, unless the relay waits for a message, and close after any reply."""
        try:
            if self.socket is not None and self._announced_mail is None and not self._owes_message:
                await self._smtp_socket.write([b"QUIT\r\n"])
                await self._smtp_socket.read_reply(min(QUIT_TIMEOUT, self._relay.timeout))
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._smtp_socket.close()


_INVALID_ADDRESS = re.compile(r"[\r\n\0<>]")
_ANNOUNCED_COMMANDS = [(phase, "") for phase in (Phase.MAIL, Phase.RCPT, Phase.DATA)]
_ENVELOPE_ACCEPTED = re.compile(rb"250 [^\n]*\n250 [^\n]*\n354 [^\n]*\n")
_EXPECTED_CODES = {Phase.MAIL: 250, Phase.RCPT: 250, Phase.DATA: 354}
_ENVELOPE_REPLY = Reply(Phase.DATA, 354, "", Verdict.ACCEPTED)

_PHASE_HINTS = {
    Phase.CONNECT: "check the relay's host and port, and that the relay runs",
    Phase.EHLO: "check that an SMTP server listens at the relay's host and port",
    Phase.STARTTLS: "set the relay's tls to a mode that it offers: starttls, implicit or none",
    Phase.AUTH: "check the relay's user, and MAILER_RELAY_PASSWORD or its password_file",
}


def _join_commands(commands: list[tuple[Phase, str]]) -> bytes:
    return "".join([command for _, command in commands]).encode()


def _mark_closed(reply: Reply) -> Reply:
    return Reply(reply.phase, reply.code, reply.text, reply.verdict, True)


def _is_international(address: str) -> bool:
    return not address.isascii() and not address.rpartition("@")[0].isascii()


def create_tls_context(relay: Relay) -> ssl.SSLContext | None:
    """Create the context that checks a relay's certificate. Return None if the relay uses no TLS.

    Reading the system's certificates takes 29 ms (measured), so connections share the context.
    Raises RelayError if the relay's ca_file can't be read."""
    if relay.tls is Tls.NONE:
        return None
    context = ssl.create_default_context()
    if relay.ca_file is not None:
        try:
            context.load_verify_locations(relay.ca_file)
        except OSError as error:
            raise RelayError(
                f"the relay's ca_file {relay.ca_file} can't be read ({error})",
                where=relay.where,
                hint="name a file of certificates in PEM form",
                is_permanent=True,
            ) from error
    return context


def _create_relay_error(
    phase: Phase, problem: str, where: str, is_permanent: bool = False
) -> RelayError:
    return RelayError(problem, where=where, hint=_PHASE_HINTS[phase], is_permanent=is_permanent)


def _require_accepted(reply: Reply, where: str) -> None:
    if reply.verdict is not Verdict.ACCEPTED:
        raise _create_relay_error(
            reply.phase, f"the relay replied {reply}", where, reply.is_permanent
        )


def _describe_error(error: Exception) -> str:
    if isinstance(error, TimeoutError | BlockingIOError):
        return "the relay did not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the relay's certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return f"the relay's name can't be resolved ({error.strerror})"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, smtplib.SMTPServerDisconnected | ConnectionError):
        return CONNECTION_LOST
    return str(error) or type(error).__name__
