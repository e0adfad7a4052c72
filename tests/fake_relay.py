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

import base64
import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import Enum, StrEnum
from types import TracebackType
from typing import Self

from tests.received_message import ReceivedMessage


class Step(StrEnum):
    """The steps that a script can answer. `BODY` is the first line of a message, before its end."""

    CONNECT = "connect"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"
    DOT = "dot"
    RSET = "RSET"
    QUIT = "QUIT"


class _NoReply(Enum):
    CLOSE = "close"
    SILENCE = "silence"


CLOSE = _NoReply.CLOSE
"""Close the connection without a reply."""

SILENCE = _NoReply.SILENCE
"""Send nothing more until the client closes."""


@dataclass(frozen=True)
class ReplyThenClose:
    reply: str


def reply_then_close(reply: str) -> ReplyThenClose:
    """Make an action that sends the reply and closes the connection."""
    return ReplyThenClose(reply)


@dataclass
class Envelope:
    """The envelope of one message, as far as the client has sent it."""

    envelope_sender: str = ""
    mail: str = ""
    recipient: str = ""


Response = str | _NoReply | ReplyThenClose
Action = Response | Callable[[Envelope], Response]

_SUCCESS = {
    Step.CONNECT: "220 relay.example.net ESMTP",
    Step.STARTTLS: "220 2.0.0 go ahead",
    Step.AUTH: "235 2.7.0 welcome",
    Step.MAIL: "250 2.1.0 ok",
    Step.RCPT: "250 2.1.5 ok",
    Step.DATA: "354 go on",
    Step.BODY: "",
    Step.DOT: "250 2.0.0 queued",
    Step.RSET: "250 2.0.0 ok",
    Step.QUIT: "221 2.0.0 bye",
}


class _HangUp(Exception):
    """Ends the conversation."""


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
            _Conversation(self, connection, number).run()
        except (OSError, _HangUp):
            pass
        except BaseException as error:
            self._errors.append(error)

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
                general = self._always.get((step, ""), _SUCCESS.get(step, ""))
                action = self._always.get((step, envelope.recipient), general)
        return action(envelope) if callable(action) else action

    def register_connection(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def close_connection(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()


class _Conversation:
    def __init__(self, relay: Relay, connection: socket.socket, number: int) -> None:
        self.relay = relay
        self.connection = connection
        self.number = number
        self.buffer = b""
        self._reset_envelope()

    def _reset_envelope(self) -> None:
        """Start with an empty transaction."""
        self.envelope = Envelope()
        self.has_sender = self.has_recipient = False

    def run(self) -> None:
        self.relay.register_connection(self.connection)
        try:
            self.run_step(Step.CONNECT)
            while line := self.read_line():
                self.run_command(line.decode("utf-8").rstrip("\r\n"))
        finally:
            self.relay.close_connection(self.connection)

    def read_line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            chunk = self.connection.recv(65536)
            if not chunk:
                raise _HangUp
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line + b"\r\n"

    def send_reply(self, reply: str) -> None:
        if reply:
            self.connection.sendall(reply.encode() + b"\r\n")

    def run_step(self, step: Step) -> bool:
        """Answer a step as scripted. Returns True if the answer is success."""
        return self.send_response(self.relay.find_response(step, self.envelope))

    def send_response(self, response: Response) -> bool:
        if response is CLOSE:
            raise _HangUp
        if response is SILENCE:
            while self.connection.recv(65536):
                pass
            raise _HangUp
        if isinstance(response, ReplyThenClose):
            self.send_reply(response.reply)
            # Closing with unread commands would make TCP send a reset, which discards the reply.
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(65536):
                pass
            raise _HangUp
        assert isinstance(response, str)
        self.send_reply(response)
        return response[:1] in {"2", "3", ""}

    def run_command(self, line: str) -> None:
        self.relay.commands.append(line)
        verb = line.partition(" ")[0].upper()
        match verb:
            case "EHLO":
                self.answer_ehlo()
            case "STARTTLS":
                self.answer_starttls()
            case "AUTH":
                self.answer_auth(line)
            case "MAIL" if self.has_sender:
                self.send_reply("503 5.5.1 one MAIL at a time")
            case "MAIL":
                self.envelope = Envelope(envelope_sender=_extract_address(line), mail=line)
                self.has_sender = self.run_step(Step.MAIL)
            case "RCPT" if not self.has_sender:
                self.send_reply("503 5.5.1 MAIL comes first")
            case "RCPT":
                self.envelope.recipient = _extract_address(line)
                self.has_recipient = self.run_step(Step.RCPT)
            case "DATA" if not (self.has_recipient or (self.has_sender and self.relay.lax)):
                self.send_reply("503 5.5.1 no valid recipients")
            case "DATA":
                if self.run_step(Step.DATA):
                    self.receive_data()
            case "RSET":
                self.run_step(Step.RSET)
                self._reset_envelope()
            case "QUIT":
                self.run_step(Step.QUIT)
                raise _HangUp
            case _:
                self.send_reply("500 5.5.2 what?")

    def answer_ehlo(self) -> None:
        secured = isinstance(self.connection, ssl.SSLSocket)
        starttls = ("STARTTLS",) if self.relay.tls and not secured else ()
        lines = ["relay.example.net", *self.relay.offers, *starttls]
        *first_lines, last_line = lines
        reply = "\r\n".join([*(f"250-{line}" for line in first_lines), f"250 {last_line}"])
        self.send_response(self.relay.find_response(Step.EHLO, self.envelope) or reply)

    def answer_starttls(self) -> None:
        assert self.relay.tls is not None
        if not self.run_step(Step.STARTTLS):
            return
        plain = self.connection
        try:
            self.connection = self.relay.tls.wrap_socket(plain, server_side=True)
        finally:
            # wrap_socket detaches the plain socket.
            self.relay.close_connection(plain)
        self.relay.register_connection(self.connection)

    def answer_auth(self, line: str) -> None:
        _, mechanism, *initial = line.split(" ")
        if mechanism.upper() == "LOGIN":
            if not initial:
                self.send_reply("334 " + base64.b64encode(b"Username:").decode())
                self.read_line()
            self.send_reply("334 " + base64.b64encode(b"Password:").decode())
            self.read_line()
        self.run_step(Step.AUTH)

    def receive_data(self) -> None:
        lines: list[bytes] = []
        while (line := self.read_line()) != b".\r\n":
            if not lines:
                self.run_step(Step.BODY)
            lines.append(line)
        if not self.has_recipient:
            self.send_reply("554 5.5.1 no valid recipients")
            self._reset_envelope()
            return
        response = self.relay.find_response(Step.DOT, self.envelope)
        reply = response.reply if isinstance(response, ReplyThenClose) else response
        accepted = isinstance(reply, str) and reply.startswith("2")
        envelope = self.envelope
        self.relay.received.append(
            ReceivedMessage(
                envelope.envelope_sender,
                envelope.recipient,
                envelope.mail,
                b"".join(lines),
                accepted,
                self.number,
            )
        )
        self._reset_envelope()
        self.send_response(response)


def _extract_address(line: str) -> str:
    match = re.search(r"<([^>]*)>", line)
    return match[1] if match else ""
