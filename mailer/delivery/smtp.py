"""One conversation with a relay, phase by phase.

A small subclass of ``smtplib.SMTP`` keeps the standard library's EHLO, STARTTLS and AUTH. Its
``sendmail()`` and its ``with`` block are not used: both hide in which phase a connection died, and
that decides whether a message may have been taken.

Where the relay offers PIPELINING (RFC 2920), MAIL, RCPT and DATA go in one write, and the next
message's behind the final dot of the one before: one round trip a message instead of four.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from mailer.audience import addresses
from mailer.config import Relay, Tls
from mailer.delivery.link import LOST, Link
from mailer.delivery.loop import Loop
from mailer.delivery.replies import WITHHELD, Phase, Reply, Verdict, judge, lost
from mailer.errors import RelayError

GOODBYE = 5.0
"""Seconds to wait for the reply to QUIT, which decides nothing."""


class Credentials(NamedTuple):
    user: str
    password: str


class Mail(NamedTuple):
    """A message, in pieces, and its envelope. Its lines end in CRLF, the last one's too, have at
    most 998 bytes, and none begins with a dot. `ascii`: it needs no 8BITMIME."""

    sender: str
    recipient: str
    pieces: Sequence[bytes]
    size: int
    ascii: bool


def mail(sender: str, recipient: str, message: bytes) -> Mail:
    """A message as it is, made ready for the wire: dots stuffed (RFC 5321 §4.5.2), the last line
    ended."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return Mail(sender, recipient, [stuffed], len(message), message.isascii())


class Connection:
    """An open connection to a relay. Made by :meth:`open`; to be closed.

    It is opened wherever it may block, and used by a coroutine of the loop that it is moved to;
    :meth:`kill` may come from anywhere."""

    def __init__(self, smtp: Link, relay: Relay) -> None:
        self._smtp = smtp
        self._relay = relay
        self._announced: Mail | None = None
        self._dirty = False
        """A transaction was begun and not ended: RSET goes before the next."""
        self._owes_message = False
        """The relay waits for a message, or for the rest of it: no command may go."""
        self.pipelining = smtp.has_extn("pipelining")
        self._takes_utf8 = smtp.has_extn("smtputf8")
        self._takes_8bit = smtp.has_extn("8bitmime")
        self._asks_size = smtp.has_extn("size")
        self._largest = int(size) if (size := smtp.esmtp_features.get("size", "")).isdigit() else 0

    @classmethod
    def open(
        cls,
        relay: Relay,
        credentials: Credentials | None = None,
        context: ssl.SSLContext | None = None,
    ) -> "Connection":
        """Connect, greet, secure, authenticate. Raises RelayError, which names the phase.

        `context` is what :func:`tls_context` gives; made anew when it is not given."""
        phase = Phase.CONNECT
        where = relay.where
        context = context or tls_context(relay)
        smtp = Link(relay.timeout, context if relay.tls is Tls.IMPLICIT else None)
        try:
            code, said = smtp.connect(relay.host, relay.port)
            _require(judge(phase, code, _said(said)), where)
            smtp._host = relay.host  # type: ignore[attr-defined]  # for STARTTLS's certificate
            phase = Phase.EHLO
            smtp.greet()
            if relay.tls is Tls.STARTTLS:
                phase = Phase.STARTTLS
                code, said = smtp.starttls(context=context)
                _require(judge(phase, code, _said(said)), where)
                if smtp.ahead:  # it came unencrypted, so from anybody
                    raise smtplib.SMTPException("the relay spoke before TLS began")
                phase = Phase.EHLO
                smtp.greet()
            if credentials and credentials.user:
                phase = Phase.AUTH
                smtp.login(credentials.user, credentials.password)
        except RelayError:
            smtp.close()
            raise
        except smtplib.SMTPNotSupportedError as error:
            smtp.close()
            raise _trouble(phase, f"it does not offer {phase}", where, True) from error
        except smtplib.SMTPResponseException as error:
            smtp.close()
            reply = judge(phase, error.smtp_code, _said(error.smtp_error))
            raise _trouble(phase, f"it said {reply}", where, reply.lasting) from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            smtp.close()
            why = lost(phase, _why(error))
            lasting = isinstance(error, ssl.SSLCertVerificationError)
            raise _trouble(phase, str(why), where, lasting) from error
        return cls(smtp, relay)

    def move_to(self, loop: Loop) -> None:
        """From now on the loop's coroutines use it."""
        self._smtp.move_to(loop)

    @property
    def socket(self) -> socket.socket | None:
        """For the loop to listen to; None when it is closed."""
        sock: socket.socket | None = self._smtp.sock
        return sock

    async def deliver(
        self,
        mail: Mail,
        may_go: Callable[[], Awaitable[bool]],
        following: Callable[[], Mail | None] = lambda: None,
    ) -> Reply:
        """Hand over one message; the judged reply. Never raises for what a relay does.

        `may_go` is asked last, when the relay waits for the message: when it says no the message
        is withheld and the connection is of no more use. `following` gives the message whose
        envelope goes behind this one's final dot; the next call must be for that one.
        ``reply.close`` says that this connection is of no more use."""
        if self._announced is not mail and (refusal := self._cannot_take(mail)) is not None:
            return refusal
        reply = await self._envelope(mail)
        if reply.verdict is not Verdict.ACCEPTED:
            return reply
        self._owes_message = True
        if not await may_go():
            self._smtp.close()
            return WITHHELD
        return await self._message(mail, following() if self.pipelining else None)

    def _cannot_take(self, mail: Mail) -> Reply | None:
        """Refuse, without asking, what this relay has said that it won't take."""
        if _NO_ADDRESS.search(mail.recipient):
            return Reply(Phase.RCPT, 553, "that is no address", Verdict.REFUSED)
        if _international(mail.recipient) and not self._takes_utf8:
            said = "the relay takes no internationalised addresses (SMTPUTF8)"
            return Reply(Phase.RCPT, 550, said, Verdict.REFUSED)
        if 0 < self._largest < mail.size:
            said = f"the message has {mail.size} bytes, and it takes {self._largest} (SIZE)"
            return Reply(Phase.MAIL, 552, said, Verdict.RELAY)
        return None

    # ---- the envelope ---------------------------------------------------------------------------

    def _commands(self, mail: Mail) -> list[tuple[Phase, str]]:
        options = f" SIZE={mail.size}" if self._asks_size else ""
        if _international(mail.recipient):
            options += " SMTPUTF8"
        if self._takes_8bit and not mail.ascii:
            options += " BODY=8BITMIME"  # RFC 6152
        sender, recipient = addresses.wire(mail.sender), addresses.wire(mail.recipient)
        commands = [
            (Phase.MAIL, f"MAIL FROM:<{sender}>{options}\r\n"),
            (Phase.RCPT, f"RCPT TO:<{recipient}>\r\n"),
            (Phase.DATA, "DATA\r\n"),
        ]
        if self._dirty:
            self._dirty = False
            commands.insert(0, (Phase.QUIT, "RSET\r\n"))
        return commands

    async def _envelope(self, mail: Mail) -> Reply:
        """MAIL, RCPT and DATA, as far as the relay goes along."""
        announced, self._announced = self._announced, None
        phase = Phase.MAIL
        verdict: Reply | None = None
        try:
            if announced is not None and announced is not mail:
                self._smtp.close()
                return lost(phase, "another message was announced")
            if announced is not None and (good := _GOES_ALONG.match(self._smtp.ahead)):
                self._smtp.ahead = self._smtp.ahead[good.end() :]
                return _GO_ON
            commands = [] if announced else self._commands(mail)
            if self.pipelining:
                await self._smtp.write([_joined(commands)])
            for phase, command in commands or _ANNOUNCED:
                if not self.pipelining:
                    await self._smtp.write([command.encode()])
                code, said = await self._smtp.reply(self._relay.timeout)
                if phase is Phase.QUIT:  # to RSET
                    continue
                if verdict is None and code == _GOOD[phase]:
                    continue
                if verdict is None:
                    reply = judge(phase, code, _said(said))
                    if reply.close:
                        return reply
                    if reply.verdict is Verdict.ACCEPTED:
                        continue
                    self._dirty = True
                    verdict = reply
                    if not self.pipelining:
                        return verdict
                elif phase is Phase.DATA and code == 354:
                    # RFC 2920 §3.1: DATA may be taken though no recipient was; end it with nothing
                    await self._smtp.write([b".\r\n"])
                    await self._smtp.reply(self._relay.timeout)
                elif code <= 0 or code == 421:
                    return _closed(verdict)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            if verdict is not None:
                return _closed(verdict)
            return lost(Phase.MAIL if phase is Phase.QUIT else phase, _why(error))
        return verdict or _GO_ON

    # ---- the message ----------------------------------------------------------------------------

    async def _message(self, mail: Mail, following: Mail | None) -> Reply:
        behind = b""
        if following is not None and self._cannot_take(following) is None:
            behind = _joined(self._commands(following))
        last = b".\r\n" + behind
        alone = False
        try:
            if self._smtp.encrypted:
                # How much of a record has gone can't be told, so the dot has one of its own.
                await self._smtp.write(mail.pieces)
                alone = True
                await self._smtp.write([last])
            else:
                await self._smtp.write([*mail.pieces, last])
            if behind:
                self._announced = following
            code, said = await self._smtp.reply(max(self._relay.dot_timeout, self._relay.timeout))
            self._owes_message = False
            return judge(Phase.DOT, code, _said(said))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            whole = alone if self._smtp.encrypted else self._smtp.unsent <= len(behind)
            return lost(Phase.DOT if whole else Phase.MESSAGE, _why(error))

    # ---- the end --------------------------------------------------------------------------------

    def kill(self) -> None:
        """End it from another thread: whoever waits for a reply is told that the link was lost."""
        sock = self._smtp.sock
        if sock is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which takes off the encryption first: whoever writes or
                # reads just then would do so in the clear.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close it without a word, before it was moved to a loop."""
        self._smtp.close()

    async def close(self) -> None:
        """Say goodbye, unless the relay waits for a message, and close whatever the answer."""
        try:
            if self.socket is not None and self._announced is None and not self._owes_message:
                await self._smtp.write([b"QUIT\r\n"])
                await self._smtp.reply(min(GOODBYE, self._relay.timeout))
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._smtp.close()


_NO_ADDRESS = re.compile(r"[\r\n\0<>]")
_ANNOUNCED: list[tuple[Phase, str]] = [(Phase.MAIL, ""), (Phase.RCPT, ""), (Phase.DATA, "")]
_GOES_ALONG = re.compile(rb"250 [^\n]*\n250 [^\n]*\n354 [^\n]*\n")
_GOOD = {Phase.MAIL: 250, Phase.RCPT: 250, Phase.DATA: 354}
_GO_ON = Reply(Phase.DATA, 354, "", Verdict.ACCEPTED)

_HINTS = {
    Phase.CONNECT: "see that its host and port are right and that it runs",
    Phase.EHLO: "see that an SMTP server listens there",
    Phase.STARTTLS: "set its tls to what the relay offers: starttls, implicit or none",
    Phase.AUTH: "see its user, and MAILER_RELAY_PASSWORD or its password_file",
}


def _joined(commands: list[tuple[Phase, str]]) -> bytes:
    return "".join([command for _, command in commands]).encode()


def _closed(reply: Reply) -> Reply:
    return Reply(reply.phase, reply.code, reply.text, reply.verdict, True)


def _international(address: str) -> bool:
    return not address.isascii() and not address.rpartition("@")[0].isascii()


def tls_context(relay: Relay) -> ssl.SSLContext | None:
    """What a relay's certificate is checked by; None where there is no TLS. Raises RelayError.

    Reading the system's certificates takes 29 ms here: share it."""
    if relay.tls is Tls.NONE:
        return None
    context = ssl.create_default_context()
    if relay.ca_file is not None:
        try:
            context.load_verify_locations(relay.ca_file)
        except OSError as error:
            raise RelayError(
                f"its ca_file {relay.ca_file} can't be read ({error})",
                where=relay.where,
                hint="name a file of certificates in PEM form",
                lasting=True,
            ) from error
    return context


def _trouble(phase: Phase, what: str, where: str, lasting: bool = False) -> RelayError:
    return RelayError(what, where=where, hint=_HINTS[phase], lasting=lasting)


def _require(reply: Reply, where: str) -> None:
    if reply.verdict is not Verdict.ACCEPTED:
        raise _trouble(reply.phase, f"it said {reply}", where, reply.lasting)


def _said(text: bytes | str) -> str:
    """A reply's text on one line, as far as it can be read."""
    said = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if said.isprintable():
        return said[:500]
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:500]


def _why(error: Exception) -> str:
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
        return LOST
    return str(error) or type(error).__name__
