"""The bench's sink counts every message once, however its bytes arrive."""

import socket
from pathlib import Path

import pytest

from tests.bench.delivery.programs import LOOPBACK
from tests.bench.delivery.python_sink import run_python_sink

MESSAGE = b"Subject: hello\r\n\r\nline\r\n..dot\r\n"
ENVELOPE = b"MAIL FROM:<news@example.org>\r\nRCPT TO:<reader@example.org>\r\n"
CHUNKS = ENVELOPE + b"BDAT %d LAST\r\n%s" % (len(MESSAGE), MESSAGE)
DATA = ENVELOPE + b"DATA\r\n" + MESSAGE + b".\r\n"
EMPTY_DATA = ENVELOPE + b"DATA\r\n.\r\n"
CONVERSATION = b"EHLO bench\r\n" + CHUNKS * 2 + DATA * 2 + EMPTY_DATA + CHUNKS + b"QUIT\r\n"


@pytest.mark.parametrize("piece_size", [1, 2, 3, 5, 64, len(CONVERSATION)])
def test_sink_counts_messages_split_at_every_byte(tmp_path: Path, piece_size: int) -> None:
    with run_python_sink(tmp_path) as sink:
        with socket.create_connection((LOOPBACK, sink.port), 10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start in range(0, len(CONVERSATION), piece_size):
                connection.sendall(CONVERSATION[start : start + piece_size])
            replies = read_replies(connection)
        assert sink.messages == 6
    assert [reply[:3] for reply in replies].count(b"354") == 3
    assert [reply for reply in replies if reply.startswith(b"250 2.0.0")] == [b"250 2.0.0 Ok"] * 6
    assert replies[-1] == b"221 Bye"
    assert not [reply for reply in replies if reply.startswith(b"5")]


def read_replies(connection: socket.socket) -> list[bytes]:
    received = b""
    while not received.endswith(b"221 Bye\r\n"):
        received += connection.recv(65536)
    return received.splitlines()


def test_sink_offers_chunking_only_if_told(tmp_path: Path) -> None:
    with (
        run_python_sink(tmp_path, chunking=False) as sink,
        socket.create_connection((LOOPBACK, sink.port), 10) as connection,
    ):
        connection.sendall(b"EHLO bench\r\nQUIT\r\n")
        replies = read_replies(connection)
    assert replies[1:-1] == [b"250-sink", b"250-PIPELINING", b"250 8BITMIME"]
