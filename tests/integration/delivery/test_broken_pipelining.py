"""Relays that offer PIPELINING and break it get messages step by step, none lost or doubled."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from mailer.app import Mailer
from mailer.model.edition_states import EditionState
from tests.fake_relay import Relay
from tests.integration.delivery.delivery_runs import deliver_edition, with_relay
from tests.integration.factories import begin_edition, make_addresses, read_deliveries

READERS = make_addresses(25)

FAULTS = {
    "loses after dot": "what follows a message's end is thrown away",
    "loses after MAIL": "what follows MAIL is thrown away",
    "loses MAIL": "the next MAIL is thrown away, the rest is not",
    "554": "synchronization error, then close",
    "554 at dot": "synchronization error at a message's end",
    "503": "improper use of pipelining",
}


class BrokenRelay:
    """A relay that offers PIPELINING and has one of the faults."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.accepted: list[str] = []
        self.commands: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept_connections, daemon=True).start()

    def close(self) -> None:
        for sock in (*self._sockets, self._listener):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept_connections(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._sockets.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        connection.sendall(b"220 relay.example.net ESMTP\r\n")
        buffer, recipient, in_data = b"", "", False
        while True:
            while b"\r\n" not in buffer:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                buffer += chunk
            line, _, buffer = buffer.partition(b"\r\n")
            if in_data:
                if line != b".":
                    continue
                in_data = False
                if self.fault == "554 at dot" and buffer:
                    connection.sendall(b"554 5.5.0 SMTP protocol synchronisation violated\r\n")
                    return
                self.accepted.append(recipient)
                recipient = ""
                connection.sendall(b"250 2.0.0 queued\r\n")
                if self.fault == "loses after dot":
                    buffer = b""
                elif self.fault == "loses MAIL":
                    buffer = buffer.partition(b"\r\n")[2]
                continue
            command = line.decode()
            self.commands.append(command)
            match command[:4].upper():
                case "EHLO":
                    recipient = ""
                    connection.sendall(
                        b"250-relay.example.net\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
                    )
                case "MAIL":
                    if self.fault == "554" and buffer:
                        connection.sendall(b"554 5.5.0 Error: SMTP protocol synchronization\r\n")
                        return
                    if self.fault == "loses after MAIL":
                        buffer = b""
                    connection.sendall(b"250 2.1.0 ok\r\n")
                    recipient = "awaited"
                case "RCPT" if not recipient:
                    connection.sendall(b"503 5.5.1 MAIL first\r\n")
                case "RCPT":
                    if self.fault == "503" and buffer:
                        connection.sendall(b"503 5.5.0 improper use of SMTP command pipelining\r\n")
                        return
                    recipient = command.partition("<")[2].partition(">")[0]
                    connection.sendall(b"250 2.1.5 ok\r\n")
                case "DATA" if "@" not in recipient:
                    connection.sendall(b"503 5.5.1 RCPT first\r\n")
                case "DATA":
                    in_data = True
                    connection.sendall(b"354 go on\r\n")
                case "QUIT":
                    connection.sendall(b"221 bye\r\n")
                    return
                case _:
                    recipient = ""
                    connection.sendall(b"250 ok\r\n")


@contextmanager
def open_broken_relay(fault: str) -> Iterator[BrokenRelay]:
    broken_relay = BrokenRelay(fault)
    try:
        yield broken_relay
    finally:
        broken_relay.close()


@pytest.fixture
def relay() -> Iterator[Relay]:
    """The office's own relay, which these tests do not use."""
    with Relay() as unused_relay:
        yield unused_relay


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("connections", [1, 4])
def test_relay_breaking_pipelining_gets_each_message_once(
    mailer: Mailer, relay: Relay, fault: str, connections: int
) -> None:
    with open_broken_relay(fault) as broken_relay:
        edition = begin_edition(mailer, *READERS)
        changed_mailer = with_relay(
            mailer, port=broken_relay.port, connections=connections, window=4, timeout=0.5
        )
        progress, report = deliver_edition(changed_mailer, edition)
        assert sorted(broken_relay.accepted) == READERS
    assert report.edition.state is EditionState.SENT
    (note,) = progress.notes.values()
    assert "PIPELINING" in note
    assert {row.attempt for row in read_deliveries(mailer.store, edition).values()} == {1}


@pytest.mark.parametrize("fault", FAULTS)
def test_relay_setting_turns_pipelining_off(mailer: Mailer, relay: Relay, fault: str) -> None:
    with open_broken_relay(fault) as broken_relay:
        edition = begin_edition(mailer, *READERS[:5])
        changed_mailer = with_relay(
            mailer, port=broken_relay.port, pipelining=False, connections=1, timeout=2
        )
        progress, _ = deliver_edition(changed_mailer, edition)
        assert broken_relay.accepted == READERS[:5]
    assert progress.notes == {}
