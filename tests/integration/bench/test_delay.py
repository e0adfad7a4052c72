"""The bench's delay proxy: every byte arrives, in order, later."""

import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.bench.delivery.delay import open_delay_proxy
from tests.bench.delivery.programs import LOOPBACK

EACH_WAY = 0.025
PATIENCE = 10.0


def echo_data(listener: socket.socket) -> None:
    """Send one client's data back until it closes."""
    connection, _ = listener.accept()
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


@pytest.fixture(scope="module")
def far_socket() -> Iterator[socket.socket]:
    """A connection to an echo server with a round trip of 50 ms. When the near end closes, the far
    end closes too, so the echo's thread ends."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        echo = threading.Thread(target=echo_data, args=(listener,))
        echo.start()
        with open_delay_proxy(listener.getsockname()[1], EACH_WAY) as port:
            with socket.create_connection((LOOPBACK, port), PATIENCE) as connection:
                yield connection
            echo.join(PATIENCE)
        assert not echo.is_alive()


def receive_bytes(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (data := connection.recv(65536)):
        received += data
    return received


def test_delay_proxy_round_trip_takes_twice_the_delay(far_socket: socket.socket) -> None:
    for _ in range(3):
        start = time.perf_counter()
        far_socket.sendall(b"NOOP\r\n")
        assert receive_bytes(far_socket, 6) == b"NOOP\r\n"
        assert time.perf_counter() - start >= 2 * EACH_WAY


def test_delay_proxy_passes_bytes_unchanged_and_in_parallel(far_socket: socket.socket) -> None:
    data = random.Random(50).randbytes(2_000_000)
    pieces = [data[start : start + 20_000] for start in range(0, len(data), 20_000)]

    def send() -> None:
        for piece in pieces:
            far_socket.sendall(piece)

    start = time.perf_counter()
    sending_thread = threading.Thread(target=send)
    sending_thread.start()
    received = receive_bytes(far_socket, len(data))
    sending_thread.join(PATIENCE)
    assert received == data
    assert time.perf_counter() - start < len(pieces) * EACH_WAY
