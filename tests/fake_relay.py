"""A real SMTP server on loopback that answers as a test scripts it, and saves its messages.

    relay.answer_once(Step.RCPT, "450 4.2.1 later", to="ana@example.org")   the next time only
    relay.answer_always(Step.DOT, "554 5.7.1 no")                           from now on
    relay.answer_once(Step.DOT, CLOSE)                                      close without a reply

An action is a reply, :data:`CLOSE`, :data:`SILENCE`, ``reply_then_close("…")``, or a function of
the envelope that returns one of those. The function runs while the client waits, so a test can act
between two steps of a conversation. Commands without a script succeed, unless they are out of
order, such as RCPT after a refused MAIL.

It offers PIPELINING (RFC 2920), and reads any number of commands at once;
``relay.remove_extension("PIPELINING")`` turns that off.
"""

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from tests.received_message import ReceivedMessage
from tests.relay_conversation import RelayConversation
from tests.relay_script import (
    CLOSE,
    SILENCE,
    SUCCESS,
    Action,
    Envelope,
    HangUp,
    ReplyThenClose,
    Response,
    Step,
    reply_then_close,
)

__all__ = [
    "CLOSE",
    "SILENCE",
    "Action",
    "Envelope",
    "Relay",
    "ReplyThenClose",
    "Response",
    "Step",
    "reply_then_close",
]


@dataclass
class Relay:
    """The server. `offers` are its EHLO keywords; with `tls` it offers STARTTLS. If `lax`, it
    accepts DATA without an accepted recipient, as some relays do (RFC 2920 §3.1)."""

    offers: tuple[str, ...] = ("PIPELINING", "SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES")
    tls: ssl.SSLContext | None = None
    lax: bool = False
    received: list[ReceivedMessage] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._once: list[tuple[Step, str, Action]] = []
        self._always: dict[tuple[Step, str], Action] = {}
        self._errors: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept_connections, daemon=True)
        self._acceptor.start()

    # ---- the script -----------------------------------------------------------------------------

    def answer_once(self, step: Step, *actions: Action, to: str = "") -> None:
        """Answer with one of the actions each time `step` is met (for the recipient `to`, if
        given)."""
        with self._lock:
            self._once += [(step, to, action) for action in actions]

    def answer_always(self, step: Step, action: Action, to: str = "") -> None:
        """Answer with this action whenever `step` is met and `answer_once` has no action for it."""
        with self._lock:
            self._always[step, to] = action

    def offer_extensions(self, *keywords: str) -> None:
        """Offer these extensions too."""
        self.offers += keywords

    def list_mails(self, address: str) -> list[EmailMessage]:
        """List the mails sent to an address, the newest last."""
        return [received.message for received in self.received if received.recipient == address]

    def remove_extension(self, keyword: str) -> None:
        """Stop offering an extension."""
        self.offers = tuple(
            offered for offered in self.offers if offered.partition(" ")[0] != keyword
        )

    def reset_script(self) -> None:
        """Forget the script, so that every command succeeds from now on."""
        with self._lock:
            self._once.clear()
            self._always.clear()

    @property
    def accepted(self) -> list[str]:
        """The recipients of accepted messages, in order."""
        return [received.recipient for received in self.received if received.accepted]

    def find_message(self, address: str) -> ReceivedMessage:
        (received,) = [
            message
            for message in self.received
            if message.recipient == address and message.accepted
        ]
        return received

    # ---- running --------------------------------------------------------------------------------

    def stop(self) -> None:
        """Close everything. Raises an error that a conversation's thread met."""
        self._closing.set()
        # On Linux close() does not wake a blocked accept(), but a connection does.
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._acceptor.join(10)
        self._listener.close()
        with self._lock:
            open_connections = list(self._open)
        for connection in open_connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        if self._errors:
            raise self._errors[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _accept_connections(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            # Otherwise the second of two replies waits 40 ms for the first one's acknowledgement.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            arguments = (connection, self.connections)
            thread = threading.Thread(target=self._serve_connection, args=arguments, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve_connection(self, connection: socket.socket, number: int) -> None:
        try:
            RelayConversation(self, connection, number).run()
        except (OSError, HangUp):
            pass
        except BaseException as error:
            self._errors.append(error)

    def has_script(self, step: Step) -> bool:
        """Check whether a script answers this step."""
        with self._lock:
            return any(scripted_step is step for scripted_step, *_ in (*self._once, *self._always))

    def find_response(self, step: Step, envelope: Envelope) -> Response:
        """Find the script's response for a step."""
        with self._lock:
            action: Action | None = None
            for number, (scripted_step, recipient, scripted_action) in enumerate(self._once):
                if scripted_step is step and recipient in {"", envelope.recipient}:
                    action = scripted_action
                    del self._once[number]
                    break
            if action is None:
                general = self._always.get((step, ""), SUCCESS.get(step, ""))
                action = self._always.get((step, envelope.recipient), general)
        return action(envelope) if callable(action) else action

    def register_connection(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def close_connection(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()
