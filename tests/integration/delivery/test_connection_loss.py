"""Links that die or hang where it is easy to be wrong about what has gone."""

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
from mailer.delivery.replies import Verdict
from mailer.delivery.smtp import prepare_mail
from mailer.errors import RelayError
from mailer.message import MessageTemplate
from mailer.model.deliveries import DeliveryState
from tests.fake_relay import Envelope, Relay, Step
from tests.integration.delivery.delivery_runs import deliver_edition, with_relay
from tests.integration.delivery.proxy import Proxy
from tests.integration.delivery.smtp_dialogue import Conversation
from tests.integration.delivery.worker_processes import MailerProcesses
from tests.integration.factories import (
    begin_edition,
    make_addresses,
    read_deliveries,
    read_delivery_states,
)

READERS = make_addresses(40)
BIG = b"Subject: big\r\n\r\n" + (b"y" * 70 + b"\r\n") * 130_000
"""More than the system keeps on its way."""
_S = DeliveryState


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def tls(certificate: tuple[Path, Path], relay: Relay) -> Path:
    """The relay offers STARTTLS; the file of who vouches for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    relay.tls = context
    return certificate[0]


def test_over_tls_too_a_message_of_which_the_dot_has_not_gone_is_lost_and_not_in_doubt(
    relay: Relay, tls: Path
) -> None:
    for cut, verdict in ((300_000, Verdict.LOST), (None, Verdict.ACCEPTED)):
        with Proxy(relay.port, iter([cut])) as proxy:
            settings = RelaySettings(
                host="127.0.0.1", port=proxy.port, tls=Tls.STARTTLS, timeout=5, ca_file=tls
            )
            with Conversation(settings) as connection:
                reply = connection.deliver_mail(prepare_mail("a@example.org", "b@example.org", BIG))
            assert reply.verdict is verdict
            if cut:
                assert "at message" in reply.text


def test_a_link_that_is_killed_lets_nothing_out_in_the_clear(
    relay: Relay, tls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An SSLSocket's own shutdown() takes the encryption off first."""
    settings = RelaySettings(
        host="127.0.0.1", port=relay.port, tls=Tls.STARTTLS, timeout=5, ca_file=tls
    )
    monkeypatch.setattr(ssl.SSLSocket, "shutdown", lambda *_: pytest.fail("in the clear"))
    with Conversation(settings) as connection:
        connection._connection.kill_connection()
        reply = connection.deliver_mail(prepare_mail("a@example.org", "b@example.org", BIG))
        assert reply.verdict is Verdict.LOST


@pytest.mark.parametrize("relay", ["pipelining", "step by step"], indirect=True)
def test_a_message_that_can_not_be_made_harms_no_other(
    mailer: Mailer, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = READERS[20]
    pieces = MessageTemplate.build_pieces

    def fussy(self: MessageTemplate, recipient: object, now: object) -> list[bytes]:
        if recipient.address == bad:  # type: ignore[attr-defined]
            raise ValueError("its domain can't be encoded")
        return pieces(self, recipient, now)  # type: ignore[arg-type]

    monkeypatch.setattr(MessageTemplate, "build_pieces", fussy)
    edition = begin_edition(mailer, *READERS)
    deliver_edition(with_relay(mailer, connections=2, window=5), edition)
    found = read_deliveries(mailer.store, edition)
    assert found[bad].state is _S.FAILED
    assert "no message can be made" in found[bad].reply
    assert {one.state for address, one in found.items() if address != bad} == {_S.SENT}
    assert sorted(relay.accepted) == sorted({*READERS} - {bad})


@pytest.mark.parametrize("relay", ["pipelining"], indirect=True)
def test_no_more_is_let_out_than_a_connection_may_carry(mailer: Mailer, relay: Relay) -> None:
    """Else each message would pass the gate again and again, in doubt if we died then."""
    most = 0

    def look(_: Envelope) -> str:
        nonlocal most
        held = [
            one for one in read_delivery_states(mailer.store, edition).values() if one is _S.ON_WIRE
        ]
        most = max(most, len(held))
        return "250 2.0.0 queued"

    edition = begin_edition(mailer, *READERS)
    relay.answer_always(Step.DOT, look)
    relay.answer_once(Step.RCPT, "550 5.1.1 no such user", to=READERS[3])
    began = time.monotonic()
    progress, _ = deliver_edition(
        with_relay(mailer, connections=2, window=10, per_connection=2), edition
    )
    assert (progress.sent, progress.failed) == (39, 1)
    assert most <= 4, "two connections of two messages each"
    assert relay.connections >= 20
    assert time.monotonic() - began < 15, "none waits for what it will not be let have"


@contextmanager
def hanging(greeting: bytes, pause: float) -> Iterator[tuple[int, threading.Event]]:
    """A relay that says this, a byte at a time, and nothing more: its port, and whether anybody
    has come."""
    over, called = threading.Event(), threading.Event()

    def drip(link: socket.socket) -> None:
        with link, suppress(OSError):
            for byte in greeting:
                link.send(bytes([byte]))
                if over.wait(pause):
                    return
            over.wait(60)

    def accept() -> None:
        with suppress(OSError):
            while True:
                link, _ = listener.accept()
                called.set()
                threading.Thread(target=drip, args=(link,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1], called
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)


def test_a_relay_that_drips_its_greeting_is_given_up_in_time() -> None:
    with hanging(b"220-" + b"x" * 400, 0.1) as (port, _):
        settings = RelaySettings(host="127.0.0.1", port=port, tls=Tls.NONE, timeout=0.5)
        began = time.monotonic()
        with pytest.raises(RelayError, match="did not answer in time"):
            Conversation(settings)
        assert time.monotonic() - began < 3


def test_who_stops_need_not_wait_for_a_relay_that_never_greets(
    mailer: Mailer, relay: Relay, senders: MailerProcesses
) -> None:
    edition = begin_edition(mailer, *READERS)
    with hanging(b"", 1) as (port, called):
        sender = senders.send_edition(edition, RELAY_PORT=port, RELAY_TIMEOUT=60)
        assert called.wait(30)
        time.sleep(0.2)
        asked = time.monotonic()
        sender.send_signal(signal.SIGTERM)
        done = sender.wait()
        assert time.monotonic() - asked < 3
    assert done.code == 4
    assert {one.state for one in read_deliveries(mailer.store, edition).values()} == {_S.QUEUED}
    assert relay.accepted == []


@pytest.mark.parametrize("relay", ["pipelining"], indirect=True)
def test_a_connection_that_the_relay_has_closed_meanwhile_costs_no_message_its_turn(
    mailer: Mailer, relay: Relay
) -> None:
    """At four messages a second each of eight connections waits for two seconds: this relay waits
    for half of one."""
    edition = begin_edition(mailer, *READERS[:8])
    with Impatient(relay.port) as port:
        progress, report = deliver_edition(
            with_relay(mailer, port=port, connections=8, window=1, rate=4.0), edition
        )
    said = {one.reply for one in read_deliveries(mailer.store, edition).values()}
    assert progress.sent == 8, said
    assert report.edition.state.value == "sent"
    assert sorted(relay.accepted) == READERS[:8]


class Impatient:
    """Stands before a relay and closes links on which nothing was said for half a second."""

    def __init__(self, port: int) -> None:
        self._to = port
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
                threading.Thread(target=self._link, args=(client,), daemon=True).start()

    def _link(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._to)) as relay:
            back = threading.Thread(target=self._back, args=(relay, client), daemon=True)
            back.start()
            client.settimeout(0.5)
            while got := client.recv(1 << 16):
                relay.sendall(got)

    @staticmethod
    def _back(relay: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while got := relay.recv(1 << 16):
                client.sendall(got)
