"""Connections that die or hang at moments when it is hard to tell if a message was sent."""

import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mailer.app import Mailer
from mailer.config import Relay as RelaySettings
from mailer.config import Tls
from mailer.delivery.event_loop import EventLoop
from mailer.delivery.replies import Verdict
from mailer.errors import RelayError
from mailer.message import MessageTemplate
from mailer.model.deliveries import DeliveryState
from tests.fake_relay import Envelope, Relay, Step
from tests.integration.delivery.delivery_runs import deliver_edition, with_relay
from tests.integration.delivery.proxy import Proxy
from tests.integration.delivery.smtp_dialogue import Conversation, prepare_mail
from tests.integration.delivery.worker_processes import MailerProcesses
from tests.integration.factories import (
    begin_edition,
    make_addresses,
    read_deliveries,
    read_delivery_states,
)

READERS = make_addresses(40)
BIG = b"Subject: big\r\n\r\n" + (b"y" * 70 + b"\r\n") * 130_000
"""A message larger than the system's buffers."""
_S = DeliveryState


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def ca_file(certificate: tuple[Path, Path], relay: Relay) -> Path:
    """Let the relay offer STARTTLS, and return the CA file for its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    relay.tls = context
    return certificate[0]


def test_tls_message_without_final_dot_is_lost_not_in_doubt(relay: Relay, ca_file: Path) -> None:
    for cut, verdict in ((300_000, Verdict.LOST), (None, Verdict.ACCEPTED)):
        with Proxy(relay.port, iter([cut])) as proxy:
            settings = RelaySettings(
                host="127.0.0.1", port=proxy.port, tls=Tls.STARTTLS, timeout=5, ca_file=ca_file
            )
            with Conversation(settings) as connection:
                reply = connection.deliver_mail(prepare_mail("a@example.org", "b@example.org", BIG))
            assert reply.verdict is verdict
            if cut:
                assert "at message" in reply.text


def test_killed_tls_connection_sends_nothing_unencrypted(
    relay: Relay, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSLSocket.shutdown() would remove the encryption first."""
    settings = RelaySettings(
        host="127.0.0.1", port=relay.port, tls=Tls.STARTTLS, timeout=5, ca_file=ca_file
    )
    monkeypatch.setattr(ssl.SSLSocket, "shutdown", lambda *_: pytest.fail("sent unencrypted"))
    with Conversation(settings) as connection:
        connection._connection.kill_connection()
        reply = connection.deliver_mail(prepare_mail("a@example.org", "b@example.org", BIG))
        assert reply.verdict is Verdict.LOST


@pytest.mark.parametrize("relay", ["pipelining", "step by step"], indirect=True)
def test_unbuildable_message_fails_without_harming_others(
    mailer: Mailer, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_address = READERS[20]
    build_pieces = MessageTemplate.build_pieces

    def fail_for_bad_address(self: MessageTemplate, recipient: object, now: object) -> list[bytes]:
        if recipient.address == bad_address:  # type: ignore[attr-defined]
            raise ValueError("its domain can't be encoded")
        return build_pieces(self, recipient, now)  # type: ignore[arg-type]

    monkeypatch.setattr(MessageTemplate, "build_pieces", fail_for_bad_address)
    edition = begin_edition(mailer, *READERS)
    deliver_edition(with_relay(mailer, connections=2, window=5), edition)
    deliveries = read_deliveries(mailer.store, edition)
    assert deliveries[bad_address].state is _S.FAILED
    assert "no message can be made" in deliveries[bad_address].reply
    assert {
        delivery.state for address, delivery in deliveries.items() if address != bad_address
    } == {_S.SENT}
    assert sorted(relay.accepted) == sorted({*READERS} - {bad_address})


def test_internal_error_leaves_unanswered_message_in_doubt(
    mailer: Mailer, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay's 354 must not count as its reply to the message."""
    has_failed = threading.Event()
    run_iteration = EventLoop._run_iteration

    def fail_before_reply_is_read(loop: EventLoop) -> None:
        if has_failed.is_set():
            raise RuntimeError("an internal error")
        run_iteration(loop)

    def accept_and_fail(_: Envelope) -> str:
        has_failed.set()
        return "250 2.0.0 queued"

    monkeypatch.setattr(EventLoop, "_run_iteration", fail_before_reply_is_read)
    relay.answer_once(Step.DOT, accept_and_fail, to=READERS[0])
    edition = begin_edition(mailer, READERS[0])
    with pytest.raises((RuntimeError, AssertionError)):  # the second closes the connection
        deliver_edition(with_relay(mailer, connections=1), edition)
    assert read_deliveries(mailer.store, edition)[READERS[0]].state is _S.IN_DOUBT


@pytest.mark.parametrize("relay", ["pipelining"], indirect=True)
def test_per_connection_limit_bounds_messages_past_gate(mailer: Mailer, relay: Relay) -> None:
    """Otherwise each message would pass the gate repeatedly, and be in doubt if the worker died."""
    max_on_wire = 0

    def count_on_wire(_: Envelope) -> str:
        nonlocal max_on_wire
        on_wire = [
            state
            for state in read_delivery_states(mailer.store, edition).values()
            if state is _S.ON_WIRE
        ]
        max_on_wire = max(max_on_wire, len(on_wire))
        return "250 2.0.0 queued"

    edition = begin_edition(mailer, *READERS)
    relay.answer_always(Step.DOT, count_on_wire)
    relay.answer_once(Step.RCPT, "550 5.1.1 no such user", to=READERS[3])
    started_at = time.monotonic()
    progress, _ = deliver_edition(
        with_relay(mailer, connections=2, window=10, per_connection=2), edition
    )
    assert (progress.sent, progress.failed) == (39, 1)
    assert max_on_wire <= 4, "two connections of two messages each"
    assert relay.connections >= 20
    assert time.monotonic() - started_at < 15, "no connection may wait for messages above its limit"


@contextmanager
def open_hanging_relay(greeting: bytes, pause: float) -> Iterator[tuple[int, threading.Event]]:
    """Open a relay that sends only `greeting`, one byte at a time.

    Yields (its port, an event that is set when a client has connected)."""
    stop_event, was_called = threading.Event(), threading.Event()

    def send_slowly(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            for byte in greeting:
                connection.send(bytes([byte]))
                if stop_event.wait(pause):
                    return
            stop_event.wait(60)

    def accept_connections() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                was_called.set()
                threading.Thread(target=send_slowly, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept_connections, daemon=True).start()
        try:
            yield listener.getsockname()[1], was_called
        finally:
            stop_event.set()
            listener.shutdown(socket.SHUT_RDWR)


def test_slow_greeting_times_out() -> None:
    with open_hanging_relay(b"220-" + b"x" * 400, 0.1) as (port, _):
        settings = RelaySettings(host="127.0.0.1", port=port, tls=Tls.NONE, timeout=0.5)
        started_at = time.monotonic()
        with pytest.raises(RelayError, match="did not answer in time"):
            Conversation(settings)
        assert time.monotonic() - started_at < 3


def test_sigterm_does_not_wait_for_silent_relay(
    mailer: Mailer, relay: Relay, worker_processes: MailerProcesses
) -> None:
    edition = begin_edition(mailer, *READERS)
    with open_hanging_relay(b"", 1) as (port, was_called):
        worker = worker_processes.send_edition(edition, RELAY_PORT=port, RELAY_TIMEOUT=60)
        assert was_called.wait(30)
        time.sleep(0.2)
        signalled_at = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        result = worker.wait()
        assert time.monotonic() - signalled_at < 3
    assert result.code == 4
    assert {delivery.state for delivery in read_deliveries(mailer.store, edition).values()} == {
        _S.QUEUED
    }
    assert relay.accepted == []


@pytest.mark.parametrize("relay", ["pipelining"], indirect=True)
def test_idle_connection_closed_by_relay_loses_no_message(mailer: Mailer, relay: Relay) -> None:
    """At four messages a second, each of eight connections waits for two seconds, but the proxy
    closes idle ones after half a second."""
    edition = begin_edition(mailer, *READERS[:8])
    with ImpatientProxy(relay.port) as port:
        progress, report = deliver_edition(
            with_relay(mailer, port=port, connections=8, window=1, rate=4.0), edition
        )
    replies = {delivery.reply for delivery in read_deliveries(mailer.store, edition).values()}
    assert progress.sent == 8, replies
    assert report.edition.state.value == "sent"
    assert sorted(relay.accepted) == READERS[:8]


class ImpatientProxy:
    """A proxy before a relay that closes connections after half a second without data."""

    def __init__(self, port: int) -> None:
        self._relay_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay_connection, args=(client,), daemon=True).start()

    def _relay_connection(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self._relay_port)) as relay,
        ):
            reply_thread = threading.Thread(
                target=self._relay_replies, args=(relay, client), daemon=True
            )
            reply_thread.start()
            client.settimeout(0.5)
            while data := client.recv(1 << 16):
                relay.sendall(data)

    @staticmethod
    def _relay_replies(relay: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := relay.recv(1 << 16):
                client.sendall(data)
