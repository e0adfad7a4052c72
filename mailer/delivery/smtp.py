"""One conversation with a relay, phase by phase.

A small subclass of ``smtplib.SMTP`` keeps the standard library's EHLO, STARTTLS and AUTH. Its
``sendmail()`` and its ``with`` block are not used: both hide in which phase a connection died, and
that decides whether a message may have been taken.
"""

import smtplib
import socket
import ssl
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from mailer.audience import addresses
from mailer.config import Relay, Tls
from mailer.delivery.replies import Phase, Reply, Verdict, judge, lost
from mailer.errors import RelayError

DOT_TIMEOUT = 600.0
"""Seconds to wait for the reply to the final dot (RFC 5321 §4.5.3.2.6)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str


class _Smtp(smtplib.SMTP):
    """smtplib's connection, over TLS from the first byte when given a context."""

    def __init__(self, timeout: float, implicit_tls: ssl.SSLContext | None) -> None:
        self._implicit_tls = implicit_tls
        super().__init__(timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        if self._implicit_tls is None:
            return plain
        try:
            return self._implicit_tls.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


class Connection:
    """An open connection to a relay. Made by :meth:`open`; close it, or use it in ``with``."""

    def __init__(self, smtp: _Smtp, timeout: float) -> None:
        self._smtp = smtp
        self._timeout = timeout

    @classmethod
    def open(cls, relay: Relay, credentials: Credentials | None = None) -> "Connection":
        """Connect, greet, secure, authenticate. Raises RelayError, which names the phase."""
        phase = Phase.CONNECT
        where = f"relay {relay.host}:{relay.port}"
        context = ssl.create_default_context() if relay.tls is not Tls.NONE else None
        smtp = _Smtp(relay.timeout, context if relay.tls is Tls.IMPLICIT else None)
        try:
            code, said = smtp.connect(relay.host, relay.port)
            _require(judge(phase, code, _said(said)), where)
            smtp._host = relay.host  # type: ignore[attr-defined]  # for STARTTLS's certificate
            phase = Phase.EHLO
            smtp.ehlo_or_helo_if_needed()
            if relay.tls is Tls.STARTTLS:
                phase = Phase.STARTTLS
                code, said = smtp.starttls(context=context)
                _require(judge(phase, code, _said(said)), where)
                phase = Phase.EHLO
                smtp.ehlo_or_helo_if_needed()
            if credentials and credentials.user:
                phase = Phase.AUTH
                smtp.login(credentials.user, credentials.password)
        except RelayError:
            smtp.close()
            raise
        except smtplib.SMTPNotSupportedError as error:
            smtp.close()
            raise _trouble(phase, f"it does not offer {phase}", where) from error
        except smtplib.SMTPResponseException as error:
            smtp.close()
            reply = judge(phase, error.smtp_code, _said(error.smtp_error))
            raise _trouble(phase, f"it said {reply}", where, reply.code // 100 == 5) from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            smtp.close()
            why = lost(phase, _why(error))
            raise _trouble(phase, str(why), where) from error
        return cls(smtp, relay.timeout)

    def send(self, sender: str, recipient: str, message: bytes) -> Reply:
        """Hand over one message; the judged reply. Never raises for what a relay does.

        After a refused sender or recipient the transaction is reset; ``reply.close`` says that
        this connection is of no more use."""
        phase = Phase.MAIL
        try:
            options = self._mail_options(recipient, message)
            if options is None:
                return Reply(
                    Phase.RCPT,
                    550,
                    "the relay takes no internationalised addresses (SMTPUTF8)",
                    Verdict.REFUSED,
                )
            code, said = self._smtp.mail(addresses.wire(sender), options)
            reply = judge(phase, code, _said(said))
            if reply.verdict is Verdict.ACCEPTED:
                phase = Phase.RCPT
                code, said = self._smtp.rcpt(addresses.wire(recipient))
                reply = judge(phase, code, _said(said))
            if reply.verdict is Verdict.ACCEPTED:
                phase = Phase.DATA
                code, said = self._smtp.docmd("DATA")
                reply = judge(phase, code, _said(said))
            if reply.verdict is not Verdict.ACCEPTED:
                return reply if reply.close else self._reset(reply)
            phase = Phase.DOT
            return self._body(message)
        except smtplib.SMTPResponseException as error:
            return lost(phase, f"the relay answered no SMTP ({error.smtp_code})")
        except (OSError, smtplib.SMTPException, UnicodeError, ValueError) as error:
            return lost(phase, _why(error))

    def _reset(self, reply: Reply) -> Reply:
        """Reset the transaction; `reply` stands, even when the relay hangs up after it."""
        try:
            code, _ = self._smtp.rset()
        except (OSError, smtplib.SMTPException):
            return replace(reply, close=True)
        return reply if code == 250 else replace(reply, close=True)

    def _body(self, message: bytes) -> Reply:
        stuffed = message.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        if not stuffed.endswith(b"\r\n"):
            stuffed += b"\r\n"
        assert self._smtp.sock is not None
        self._smtp.send(stuffed + b".\r\n")
        self._smtp.sock.settimeout(max(DOT_TIMEOUT, self._timeout))
        try:
            code, said = self._smtp.getreply()
        finally:
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(self._timeout)
        return judge(Phase.DOT, code, _said(said))

    def _mail_options(self, recipient: str, message: bytes) -> list[str] | None:
        """The MAIL command's options; None where the recipient needs what the relay lacks."""
        options = []
        if self._smtp.has_extn("size"):
            options.append(f"SIZE={len(message)}")
        if not recipient.rpartition("@")[0].isascii():
            if not self._smtp.has_extn("smtputf8"):
                return None
            self._smtp.command_encoding = "utf-8"
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        else:
            self._smtp.command_encoding = "ascii"
        return options

    def close(self) -> None:
        """Say goodbye, and close whatever the answer."""
        try:
            if self._smtp.sock is not None:
                self._smtp.docmd("QUIT")
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._smtp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


_HINTS = {
    Phase.CONNECT: "see that relay.host and relay.port are right and that it runs",
    Phase.EHLO: "see that an SMTP server listens there",
    Phase.STARTTLS: "set relay.tls to what the relay offers: starttls, implicit or none",
    Phase.AUTH: "see relay.user, and MAILER_RELAY_PASSWORD or relay.password_file",
}


def _trouble(phase: Phase, what: str, where: str, lasting: bool = False) -> RelayError:
    lasting = lasting or phase in {Phase.STARTTLS, Phase.AUTH}
    return RelayError(what, where=where, hint=_HINTS[phase], lasting=lasting)


def _require(reply: Reply, where: str) -> None:
    if reply.verdict is not Verdict.ACCEPTED:
        raise _trouble(reply.phase, f"it said {reply}", where, reply.code // 100 == 5)


def _said(text: bytes | str) -> str:
    """A reply's text on one line, as far as it can be read."""
    said = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:500]


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
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
        return "the connection was lost"
    return str(error) or type(error).__name__
