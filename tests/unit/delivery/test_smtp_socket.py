"""Replies are read as they were written, in any pieces, and no byte behind a reply is lost."""

import contextlib
import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.event_loop import EventLoop
from mailer.delivery.smtp_socket import MAX_REPLY_SIZE, SmtpSocket
from tests.event_loops import run_coroutine


@dataclass
class SocketPair:
    """The client's SMTP socket and the relay's end of the connection."""

    smtp_socket: SmtpSocket
    relay_socket: socket.socket
    on_loop: bool = False

    def read_reply(self, timeout: float = 5.0) -> tuple[int, bytes]:
        """Read the next reply, on a loop or blocking."""
        if not self.on_loop:
            return self.smtp_socket.getreply()
        loop = EventLoop()
        self.smtp_socket.move_to_loop(loop)
        return run_coroutine(self.smtp_socket.read_reply(timeout), loop)


@contextlib.contextmanager
def open_socket_pair(timeout: float = 5.0, *, on_loop: bool = False) -> Iterator[SocketPair]:
    pair, relay_socket = socket.socketpair()
    pair.settimeout(timeout)
    smtp_socket = SmtpSocket(timeout)
    smtp_socket.sock = pair
    try:
        yield SocketPair(smtp_socket, relay_socket, on_loop)
    finally:
        relay_socket.close()
        smtp_socket.close()


in_both_modes = pytest.mark.parametrize("on_loop", [False, True], ids=["blocking", "on loop"])

reply_texts = st.lists(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=60),
    min_size=1,
    max_size=4,
)
replies = st.tuples(st.integers(200, 599), reply_texts)
line_ends = st.sampled_from([b"\r\n", b"\n"])


def encode_reply(code: int, lines: list[str], end: bytes) -> bytes:
    *more, last = [one.encode("latin-1") for one in lines]
    return b"".join(b"%d-%s%s" % (code, one, end) for one in more) + b"%d %s%s" % (code, last, end)


@given(
    st.lists(replies, min_size=1, max_size=4),
    line_ends,
    st.lists(st.integers(1, 400)),
    st.booleans(),
)
def test_replies_are_read_whole_however_they_are_cut(
    drawn_replies: list[tuple[int, list[str]]], end: bytes, cuts: list[int], on_loop: bool
) -> None:
    stream = b"".join(encode_reply(code, lines, end) for code, lines in drawn_replies)
    with open_socket_pair(on_loop=on_loop) as pair:
        for cut in [*cuts, len(stream)]:
            piece, stream = stream[:cut], stream[cut:]
            pair.relay_socket.sendall(piece)
        replies_read = [pair.read_reply() for _ in drawn_replies]
        assert pair.smtp_socket.read_ahead == b""
    assert replies_read == [
        (code, "\n".join(lines).encode("latin-1")) for code, lines in drawn_replies
    ]


@in_both_modes
@pytest.mark.parametrize("reply_bytes", [b"250\r\n", b"250 \r\n", b"250\n"])
def test_reply_without_text_is_read(reply_bytes: bytes, on_loop: bool) -> None:
    with open_socket_pair(on_loop=on_loop) as pair:
        pair.relay_socket.sendall(reply_bytes)
        assert pair.read_reply() == (250, b"")


@in_both_modes
@pytest.mark.parametrize(
    "reply_bytes",
    [b"hello\r\n", b"\r\n", b"25\r\n", b"2500 ok\r\n", b"250_ok\r\n", b"SSH-2.0-x\r\n"],
)
def test_text_that_is_not_smtp_has_no_valid_code(reply_bytes: bytes, on_loop: bool) -> None:
    with open_socket_pair(on_loop=on_loop) as pair:
        pair.relay_socket.sendall(reply_bytes)
        assert pair.read_reply()[0] < 200


@in_both_modes
def test_endless_reply_is_cut_at_size_limit(on_loop: bool) -> None:
    with open_socket_pair(on_loop=on_loop) as pair:
        pair.relay_socket.setblocking(False)
        line = b"250-" + b"x" * 500 + b"\r\n"
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 3 * MAX_REPLY_SIZE:
                sent += pair.relay_socket.send(line)
        if sent > MAX_REPLY_SIZE + len(line):
            assert pair.read_reply()[0] == -1


@in_both_modes
def test_endless_line_closes_connection(on_loop: bool) -> None:
    with open_socket_pair(on_loop=on_loop) as pair:
        pair.smtp_socket.read_ahead = b"x" * (MAX_REPLY_SIZE + 1)
        pair.relay_socket.sendall(b"x")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            pair.read_reply()


@in_both_modes
def test_connection_closed_in_reply_is_lost(on_loop: bool) -> None:
    with open_socket_pair(on_loop=on_loop) as pair:
        pair.relay_socket.sendall(b"250-half a rep")
        pair.relay_socket.close()
        with pytest.raises(smtplib.SMTPServerDisconnected, match="was lost"):
            pair.read_reply()


@in_both_modes
def test_silent_relay_times_out(on_loop: bool) -> None:
    with open_socket_pair(timeout=0.2, on_loop=on_loop) as pair:
        started_at = time.monotonic()
        with pytest.raises(TimeoutError):
            pair.read_reply(timeout=0.2)
        assert 0.15 < time.monotonic() - started_at < 4


def test_slow_reply_must_be_whole_before_timeout() -> None:
    with open_socket_pair(on_loop=True) as pair:

        def send_slowly() -> None:
            with contextlib.suppress(OSError):
                for _ in range(40):
                    pair.relay_socket.sendall(b"2")
                    time.sleep(0.1)

        sender_thread = threading.Thread(target=send_slowly)
        sender_thread.start()
        started_at = time.monotonic()
        with pytest.raises(TimeoutError):
            pair.read_reply(timeout=0.5)
        assert 0.4 < time.monotonic() - started_at < 3
        pair.relay_socket.shutdown(socket.SHUT_RDWR)
        sender_thread.join()


@pytest.mark.parametrize("piece_count", [1, 7, 3000])
def test_write_completes_when_relay_reads_in_parts(piece_count: int) -> None:
    data = [bytes([65 + n % 26]) * (3_000_000 // piece_count) for n in range(piece_count)]
    received = bytearray()
    with open_socket_pair(on_loop=True) as pair:

        def read_all() -> None:
            while len(received) < len(b"".join(data)):
                time.sleep(0.001)
                received.extend(pair.relay_socket.recv(100_000))

        reader_thread = threading.Thread(target=read_all)
        reader_thread.start()
        loop = EventLoop()
        pair.smtp_socket.move_to_loop(loop)
        run_coroutine(pair.smtp_socket.write(data), loop)
        reader_thread.join()
        assert pair.smtp_socket.unsent_size == 0
    assert bytes(received) == b"".join(data)


def test_unsent_size_counts_bytes_the_relay_never_read() -> None:
    with open_socket_pair(timeout=0.3, on_loop=True) as pair:
        loop = EventLoop()
        pair.smtp_socket.move_to_loop(loop)
        with pytest.raises(TimeoutError):
            run_coroutine(pair.smtp_socket.write([b"x" * 30_000_000]), loop)
        assert 0 < pair.smtp_socket.unsent_size < 30_000_000
