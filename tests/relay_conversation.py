"""One connection to the fake relay: it reads commands, and answers as the test's script says."""

import base64
import re
import socket
import ssl
from typing import TYPE_CHECKING

from tests.received_message import ReceivedMessage
from tests.relay_script import (
    CLOSE,
    SILENCE,
    SUCCESS,
    Envelope,
    HangUp,
    ReplyThenClose,
    Response,
    Step,
)

if TYPE_CHECKING:
    from tests.fake_relay import Relay


class RelayConversation:
    """One connection to the fake relay."""

    def __init__(self, relay: "Relay", connection: socket.socket, number: int) -> None:
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
                raise HangUp
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
            raise HangUp
        if response is SILENCE:
            while self.connection.recv(65536):
                pass
            raise HangUp
        if isinstance(response, ReplyThenClose):
            self.send_reply(response.reply)
            # Closing with unread commands would make TCP send a reset, which discards the reply.
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(65536):
                pass
            raise HangUp
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
            case "BDAT":
                self.receive_chunk(line)
            case "RSET":
                self.run_step(Step.RSET)
                self._reset_envelope()
            case "QUIT":
                self.run_step(Step.QUIT)
                raise HangUp
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
        self.end_message(b"".join(lines), Step.DOT)

    def receive_chunk(self, line: str) -> None:
        """Receive a chunk, which is the last of its message (RFC 3030)."""
        _, size, _ = line.split(" ")
        while len(self.buffer) < int(size):
            received = self.connection.recv(65536)
            if not received:
                raise HangUp
            self.buffer += received
        chunk, self.buffer = self.buffer[: int(size)], self.buffer[int(size) :]
        if not self.has_recipient:
            # The transaction stays open until RSET.
            self.send_reply("503 5.5.1 no valid recipients")
            return
        # A script for DATA or its final dot also answers a chunk.
        response = self.relay.find_response(Step.DATA, self.envelope)
        if response != SUCCESS[Step.DATA]:
            self.send_response(response)
            return
        self.run_step(Step.BODY)
        is_scripted = self.relay.has_script(Step.BDAT)
        self.end_message(chunk, Step.BDAT if is_scripted else Step.DOT)

    def end_message(self, content: bytes, step: Step) -> None:
        response = self.relay.find_response(step, self.envelope)
        reply = response.reply if isinstance(response, ReplyThenClose) else response
        accepted = isinstance(reply, str) and reply.startswith("2")
        envelope = self.envelope
        self.relay.received.append(
            ReceivedMessage(
                envelope.envelope_sender,
                envelope.recipient,
                envelope.mail,
                content,
                accepted,
                self.number,
            )
        )
        self._reset_envelope()
        self.send_response(response)


def _extract_address(line: str) -> str:
    match = re.search(r"<([^>]*)>", line)
    return match[1] if match else ""
