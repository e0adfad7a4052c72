"""The bench's distance: every byte arrives, in order, later."""

import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.bench.delivery.children import LOOPBACK
from tests.bench.delivery.delay import open_delay_proxy

EACH_WAY = 0.025
PATIENCE = 10.0


def _echo(listener: socket.socket) -> None:
    """Say back what one client says, until it goes."""
    link, _ = listener.accept()
    with link:
        while data := link.recv(65536):
            link.sendall(data)


@pytest.fixture(scope="module")
def far() -> Iterator[socket.socket]:
    """A link to an echo that is 50 ms away, there and back. When the near end goes, so does the
    far one: the echo's thread ends."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        echo = threading.Thread(target=_echo, args=(listener,))
        echo.start()
        with open_delay_proxy(listener.getsockname()[1], EACH_WAY) as port:
            with socket.create_connection((LOOPBACK, port), PATIENCE) as link:
                yield link
            echo.join(PATIENCE)
        assert not echo.is_alive()


def _receive(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size and (data := link.recv(65536)):
        got += data
    return got


def test_a_round_trip_takes_twice_the_way(far: socket.socket) -> None:
    for _ in range(3):
        start = time.perf_counter()
        far.sendall(b"NOOP\r\n")
        assert _receive(far, 6) == b"NOOP\r\n"
        assert time.perf_counter() - start >= 2 * EACH_WAY


def test_bytes_pass_unchanged_and_do_not_wait_for_each_other(far: socket.socket) -> None:
    data = random.Random(50).randbytes(2_000_000)
    pieces = [data[at : at + 20_000] for at in range(0, len(data), 20_000)]

    def send() -> None:
        for piece in pieces:
            far.sendall(piece)

    start = time.perf_counter()
    sender = threading.Thread(target=send)
    sender.start()
    got = _receive(far, len(data))
    sender.join(PATIENCE)
    assert got == data
    assert time.perf_counter() - start < len(pieces) * EACH_WAY
