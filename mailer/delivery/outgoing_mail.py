"""A message that is ready for the wire, and the envelope commands that precede it."""

import re
import smtplib
from collections.abc import Sequence
from typing import NamedTuple

from mailer import addresses
from mailer.delivery.replies import Phase, Reply, Verdict, judge_reply


class OutgoingMail(NamedTuple):
    """A message, in pieces, and its envelope.

    Every line of the message ends in CRLF and has at most 998 bytes. None begins with a dot, so the
    message needs no dot stuffing (RFC 5321 §4.5.2). `size` is the size of all pieces in bytes. If
    `is_ascii`, the message can be sent without 8BITMIME."""

    envelope_sender: str
    recipient: str
    pieces: Sequence[bytes]
    size: int
    is_ascii: bool


class EnvelopeFormat:
    """Formats envelope commands for one relay, according to its reply to EHLO."""

    def __init__(self, smtp_socket: smtplib.SMTP) -> None:
        self._supports_utf8 = smtp_socket.has_extn("smtputf8")
        self._supports_8bit = smtp_socket.has_extn("8bitmime")
        self._supports_size = smtp_socket.has_extn("size")
        size = smtp_socket.esmtp_features.get("size", "")
        self._max_size = int(size) if size.isdigit() else 0

    def refuse_unsupported(self, mail: OutgoingMail) -> Reply | None:
        """Return a refusal of a message that the relay won't accept according to its reply to EHLO,
        or None."""
        is_small_enough = not 0 < self._max_size < mail.size
        if is_small_enough and _PLAIN_ADDRESS.fullmatch(mail.recipient):  # nearly every message
            return None
        if _INVALID_ADDRESS.search(mail.recipient):
            return Reply(Phase.RCPT, 553, "5.1.3 the address is invalid", Verdict.REFUSED)
        if _is_international(mail.recipient) and not self._supports_utf8:
            refusal_text = "5.6.7 the relay accepts no internationalised addresses (SMTPUTF8)"
            return Reply(Phase.RCPT, 550, refusal_text, Verdict.REFUSED)
        if not is_small_enough:
            refusal_text = (
                f"5.3.4 the message has {mail.size} bytes, the relay's limit is {self._max_size}"
                " (SIZE)"
            )
            return Reply(Phase.MAIL, 552, refusal_text, Verdict.REFUSED)
        return None

    def format_envelope(self, mail: OutgoingMail) -> bytes:
        """Format MAIL, RCPT and DATA, which a relay that offers PIPELINING gets at once."""
        return (
            f"{self.format_mail_command(mail)}{self.format_rcpt_command(mail)}DATA\r\n"
        ).encode()

    def format_mail_command(self, mail: OutgoingMail) -> str:
        options = f" SIZE={mail.size}" if self._supports_size else ""
        if not (mail.is_ascii and mail.recipient.isascii()):
            options += self._format_8bit_options(mail)
        return f"MAIL FROM:<{addresses.to_wire_form(mail.envelope_sender)}>{options}\r\n"

    def _format_8bit_options(self, mail: OutgoingMail) -> str:
        options = " SMTPUTF8" if _is_international(mail.recipient) else ""
        return f"{options} BODY=8BITMIME" if self._supports_8bit else options  # RFC 6152

    def format_rcpt_command(self, mail: OutgoingMail) -> str:
        return f"RCPT TO:<{addresses.to_wire_form(mail.recipient)}>\r\n"


_PLAIN_ADDRESS = re.compile(r"[!-;=?-~]+")
_INVALID_ADDRESS = re.compile(r"[\r\n\0<>]")


def _is_international(address: str) -> bool:
    return not address.isascii() and not address.rpartition("@")[0].isascii()


def judge_envelope_reply(recipient: str, phase: Phase, code: int, text: str) -> Reply:
    """Judge a reply to a command about a message to `recipient`. A relay that refuses MAIL
    with SMTPUTF8 may refuse that extension only: the reply counts for this recipient alone."""
    reply = judge_reply(phase, code, text)
    if phase is Phase.MAIL and code // 100 == 5 and _is_international(recipient):
        return reply._replace(verdict=Verdict.REFUSED)
    return reply
