"""Slow, large and many connections, with real sockets on this machine."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO

import pytest

from mailer.app import Mailer
from mailer.log import create_logger
from mailer.web.public.app import build_server
from mailer.web.public.connections import ConnectionLimits
from tests.integration.web.public.requests import on_sqlite

pytestmark = on_sqlite

LIMITS = ConnectionLimits(
    head_timeout=0.4,
    message_timeout=0.5,
    write_timeout=0.4,
    max_head_bytes=8192,
    max_message_bytes=200_000,
    max_connections=12,
    max_per_client=6,
)
HEALTH_CHECK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
Connect = Callable[[], socket.socket]


@contextmanager
def run_server(mailer: Mailer, limits: ConnectionLimits) -> Iterator[tuple[Connect, StringIO]]:
    """Run the pages on a free port of this machine. Yields a function that connects to them, and
    their log."""
    log_stream = StringIO()
    with socket.create_server(("127.0.0.1", 0)) as listening_socket:
        server = build_server(mailer, create_logger(log_stream), limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening_socket]})
        address = listening_socket.getsockname()
        thread.start()
        while not server.started:
            time.sleep(0.005)
        opened: list[socket.socket] = []

        def connect() -> socket.socket:
            opened.append(socket.create_connection(address, timeout=5))
            return opened[-1]

        try:
            yield connect, log_stream
        finally:
            for connection in opened:
                connection.close()
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def connect(mailer: Mailer) -> Iterator[Connect]:
    """A function that connects to the pages. This machine counts as a client, not as a proxy."""
    web = mailer.settings.web.model_copy(update={"proxies": ()})
    mailer.settings = mailer.settings.model_copy(update={"web": web})
    with run_server(mailer, LIMITS) as (connect, _):
        yield connect


def read_answer(connection: socket.socket) -> bytes:
    """Read until the server closes the connection or stops sending."""
    answer = b""
    with contextlib.suppress(ConnectionResetError, TimeoutError):
        while part := connection.recv(65536):
            answer += part
    return answer


def read_status(connection: socket.socket) -> int:
    """Return the status of the next answer, or 0 if the connection was closed."""
    try:
        answer = connection.recv(65536)
    except ConnectionResetError:
        return 0
    return int(answer.split()[1]) if answer else 0


def check_health(connect: Connect) -> int:
    connection = connect()
    connection.sendall(HEALTH_CHECK)
    return read_status(connection)


def test_slow_head_of_request_ends_in_time(connect: Connect) -> None:
    connection = connect()
    started_at = time.monotonic()
    connection.sendall(b"GET /healthz HTTP/1.1\r\n")
    with contextlib.suppress(OSError):
        for number in range(100):
            connection.sendall(b"X-%d: y\r\n" % number)
            time.sleep(0.02)
            if time.monotonic() - started_at > 2 * LIMITS.head_timeout:
                break
    assert read_answer(connection)[:12] in {b"HTTP/1.1 408", b""}
    assert time.monotonic() - started_at < 4 * LIMITS.head_timeout


@pytest.mark.parametrize("first_bytes", [b"", b"\r\n", b"GET"])
def test_connection_without_request_is_closed(connect: Connect, first_bytes: bytes) -> None:
    connection = connect()
    started_at = time.monotonic()
    connection.sendall(first_bytes)
    read_answer(connection)
    assert time.monotonic() - started_at < 4 * LIMITS.head_timeout


def test_slow_second_head_of_connection_ends_in_time(connect: Connect) -> None:
    connection = connect()
    connection.sendall(HEALTH_CHECK)
    assert read_status(connection) == 200
    time.sleep(1.5 * LIMITS.head_timeout)  # silence between two requests is allowed
    connection.sendall(HEALTH_CHECK)
    assert read_status(connection) == 200
    connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
    assert read_answer(connection).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 500_000,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100_000,
        b"GET /" + b"a" * 500_000,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_large_head_of_request_is_refused(connect: Connect, head: bytes) -> None:
    connection = connect()
    with contextlib.suppress(ConnectionError):
        connection.sendall(head)
    assert read_answer(connection)[:12] in {b"HTTP/1.1 431", b""}
    assert check_health(connect) == 200


def test_head_below_the_limit_is_answered(connect: Connect) -> None:
    connection = connect()
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 8000 + b"\r\n\r\n")
    assert read_status(connection) == 200


def test_endless_trailer_of_request_is_cut_off(connect: Connect) -> None:
    connection = connect()
    connection.sendall(
        b"POST /subscribe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
    )
    with pytest.raises(ConnectionError):
        connection.sendall(b"a" * 50_000_000)
    assert check_health(connect) == 200


def test_body_that_trickles_after_its_answer_is_cut_off(connect: Connect) -> None:
    connection = connect()
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    assert read_status(connection) == 200
    started_at = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - started_at < 5:
            connection.sendall(b"a")
            time.sleep(0.05)
    assert time.monotonic() - started_at < 4 * LIMITS.message_timeout


def test_pipelined_requests_are_all_answered(connect: Connect) -> None:
    connection = connect()
    connection.sendall(HEALTH_CHECK * 100)
    answers = b""
    while answers.count(b"HTTP/1.1 200") < 100:
        part = connection.recv(65536)
        assert part
        answers += part


def test_connections_of_one_client_are_limited(connect: Connect) -> None:
    """The connection that has waited longest for a request gives way."""
    connections = [connect() for _ in range(LIMITS.max_per_client + 2)]
    for connection in connections[-LIMITS.max_per_client :]:
        connection.sendall(HEALTH_CHECK)
        assert read_status(connection) == 200
    for connection in connections[:2]:
        assert read_answer(connection) == b""


def test_health_check_is_answered_while_all_connections_are_busy(connect: Connect) -> None:
    form = b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    for _ in range(LIMITS.max_per_client):
        connect().sendall(form)
    time.sleep(0.1)
    page_connection = connect()
    page_connection.sendall(b"GET /subscribe HTTP/1.1\r\nHost: x\r\n\r\n")
    assert read_status(page_connection) == 503
    assert check_health(connect) == 200


def test_connections_through_proxy_share_the_limit_of_all(mailer: Mailer) -> None:
    limits = replace(LIMITS, head_timeout=30.0)
    with run_server(mailer, limits) as (connect, log_stream):
        half_requests = [connect() for _ in range(3 * limits.max_connections)]
        for connection in half_requests[-limits.max_connections :]:
            connection.sendall(b"GET /subscribe HTTP/1.1\r\nX-a: b\r\n")
        assert check_health(connect) == 200
        connection = connect()
        connection.sendall(b"GET /subscribe HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_status(connection) == 200
    lines = [json.loads(line) for line in log_stream.getvalue().splitlines()]
    assert [line["event"] for line in lines].count("connections refused") == 1
