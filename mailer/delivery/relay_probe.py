"""Probe a relay: connect, log in, and ask whether it accepts each sender. No message is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailer import addresses
from mailer.config import Relay
from mailer.delivery.replies import Phase, Reply
from mailer.delivery.smtp import RelayConnection, RelayCredentials

MAX_WAIT = 20.0
"""Seconds to wait for each reply; a person waits for the result."""


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """The answer of a relay: its extensions that make sending faster, and its reply to MAIL for
    each envelope sender."""

    extensions: tuple[str, ...]
    replies: Mapping[str, Reply]


def probe_relay(
    relay: Relay, credentials: RelayCredentials | None, envelope_senders: Iterable[str]
) -> RelayAnswer:
    """Connect to a relay as for sending, and begin a mail of each envelope sender, which RSET
    withdraws (RFC 5321 §4.1.1.5). Raises RelayError if no connection can be opened."""
    relay = relay.model_copy(update={"timeout": min(relay.timeout, MAX_WAIT)})
    connection = RelayConnection.connect_to(relay, credentials)
    try:
        extensions = {
            "PIPELINING": connection.supports_pipelining,
            "CHUNKING": connection.supports_chunking,
        }
        replies: dict[str, Reply] = {}
        is_open = True
        for sender in envelope_senders:
            if not is_open:
                connection = RelayConnection.connect_to(relay, credentials)
            reply = connection.run_command(
                Phase.MAIL, f"MAIL FROM:<{addresses.to_wire_form(sender)}>"
            )
            replies[sender] = reply
            is_open = not (
                reply.needs_close or connection.run_command(Phase.RSET, "RSET").needs_close
            )
            if not is_open:
                connection.drop_connection()
        if is_open:
            connection.run_command(Phase.QUIT, "QUIT")
    finally:
        connection.drop_connection()
    return RelayAnswer(tuple(name for name, is_used in extensions.items() if is_used), replies)
