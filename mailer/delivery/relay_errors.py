"""The errors of a relay, in words: what went wrong in which phase, and what to check."""

import smtplib
import socket
import ssl

from mailer.delivery.replies import Phase, Reply, Verdict
from mailer.delivery.smtp_socket import CONNECTION_LOST
from mailer.errors import NextStep, RelayError

TEMPORARY_HINT = "this is temporary: no message is lost; a worker goes on by itself"
"""The hint of an error that ends by itself. A run of ``mailer send`` ends with it."""

_PHASE_HINTS = {
    Phase.CONNECT: "check the relay's host and port, and that the relay runs",
    Phase.EHLO: "check that an SMTP server listens at the relay's host and port",
    Phase.STARTTLS: "set the relay's tls to a mode that it offers: starttls, implicit or none",
    Phase.AUTH: "check the relay's user, and MAILER_RELAY_PASSWORD or its password_file",
}


def create_relay_error(
    phase: Phase, problem: str, where: str, is_permanent: bool = False, hint: str = ""
) -> RelayError:
    """Create the error of a connection that could not be opened, with advice for the phase."""
    next_steps = [NextStep("send_editions")] if hint == TEMPORARY_HINT else []
    return RelayError(
        problem,
        where=where,
        hint=hint or _PHASE_HINTS[phase],
        next_steps=next_steps,
        is_permanent=is_permanent,
    )


def create_reply_error(reply: Reply, where: str) -> RelayError:
    """Create the error of a reply with which the relay refused a connection."""
    hint = ""
    if reply.code // 100 == 4:
        hint = TEMPORARY_HINT
    elif reply.phase is Phase.CONNECT and reply.is_permanent:
        hint = "ask the relay's operator why this computer's address may not connect"
    return create_relay_error(
        reply.phase, f"the relay replied {reply}", where, reply.is_permanent, hint
    )


def require_accepted(reply: Reply, where: str) -> None:
    """Raise RelayError unless the relay accepted the command."""
    if reply.verdict is not Verdict.ACCEPTED:
        raise create_reply_error(reply, where)


def describe_error(error: Exception) -> str:
    """Describe an error of a connection in words."""
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
