"""Replies are read as they were written, however they come, and nothing behind one is forgotten."""

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
class Wire:
    """A link, and the relay's end of it."""

    link: SmtpSocket
    relay: socket.socket
    on_a_loop: bool = False

    def reply(self, within: float = 5.0) -> tuple[int, bytes]:
        """The next reply, read in the one way or the other."""
        if not self.on_a_loop:
            return self.link.getreply()
        loop = EventLoop()
        self.link.move_to_loop(loop)
        return run_coroutine(self.link.read_reply(within), loop)


@contextlib.contextmanager
def wire(timeout: float = 5.0, *, on_a_loop: bool = False) -> Iterator[Wire]:
    ours, theirs = socket.socketpair()
    ours.settimeout(timeout)
    link = SmtpSocket(timeout)
    link.sock = ours
    try:
        yield Wire(link, theirs, on_a_loop)
    finally:
        theirs.close()
        link.close()


either_way = pytest.mark.parametrize("on_a_loop", [False, True], ids=["blocking", "on a loop"])

texts = st.lists(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=60),
    min_size=1,
    max_size=4,
)
replies = st.tuples(st.integers(200, 599), texts)
line_ends = st.sampled_from([b"\r\n", b"\n"])


def written(code: int, lines: list[str], end: bytes) -> bytes:
    *more, last = [one.encode("latin-1") for one in lines]
    return b"".join(b"%d-%s%s" % (code, one, end) for one in more) + b"%d %s%s" % (code, last, end)


@given(
    st.lists(replies, min_size=1, max_size=4),
    line_ends,
    st.lists(st.integers(1, 400)),
    st.booleans(),
)
def test_replies_are_read_as_they_were_written_however_they_come(
    said: list[tuple[int, list[str]]], end: bytes, cuts: list[int], on_a_loop: bool
) -> None:
    stream = b"".join(written(code, lines, end) for code, lines in said)
    with wire(on_a_loop=on_a_loop) as ours:
        for cut in [*cuts, len(stream)]:
            piece, stream = stream[:cut], stream[cut:]
            ours.relay.sendall(piece)
        found = [ours.reply() for _ in said]
        assert ours.link.read_ahead == b""
    assert found == [(code, "\n".join(lines).encode("latin-1")) for code, lines in said]


@either_way
@pytest.mark.parametrize("said", [b"250\r\n", b"250 \r\n", b"250\n"])
def test_a_reply_may_have_no_text(said: bytes, on_a_loop: bool) -> None:
    with wire(on_a_loop=on_a_loop) as ours:
        ours.relay.sendall(said)
        assert ours.reply() == (250, b"")


@either_way
@pytest.mark.parametrize(
    "said", [b"hello\r\n", b"\r\n", b"25\r\n", b"2500 ok\r\n", b"250_ok\r\n", b"SSH-2.0-x\r\n"]
)
def test_what_is_no_reply_is_told_as_none(said: bytes, on_a_loop: bool) -> None:
    with wire(on_a_loop=on_a_loop) as ours:
        ours.relay.sendall(said)
        assert ours.reply()[0] < 200


@either_way
def test_a_relay_that_goes_on_and_on_is_not_listened_to_for_ever(on_a_loop: bool) -> None:
    with wire(on_a_loop=on_a_loop) as ours:
        ours.relay.setblocking(False)
        line = b"250-" + b"x" * 500 + b"\r\n"
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 3 * MAX_REPLY_SIZE:
                sent += ours.relay.send(line)
        if sent > MAX_REPLY_SIZE + len(line):
            assert ours.reply()[0] == -1


@either_way
def test_a_line_that_never_ends_is_given_up(on_a_loop: bool) -> None:
    with wire(on_a_loop=on_a_loop) as ours:
        ours.link.read_ahead = b"x" * (MAX_REPLY_SIZE + 1)
        ours.relay.sendall(b"x")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            ours.reply()


@either_way
def test_a_link_that_was_closed_is_told_as_lost(on_a_loop: bool) -> None:
    with wire(on_a_loop=on_a_loop) as ours:
        ours.relay.sendall(b"250-half a rep")
        ours.relay.close()
        with pytest.raises(smtplib.SMTPServerDisconnected, match="was lost"):
            ours.reply()


@either_way
def test_silence_ends_with_the_timeout(on_a_loop: bool) -> None:
    with wire(timeout=0.2, on_a_loop=on_a_loop) as ours:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ours.reply(within=0.2)
        assert 0.15 < time.monotonic() - began < 4


def test_a_reply_that_comes_in_drops_must_have_come_whole_in_time() -> None:
    with wire(on_a_loop=True) as ours:

        def drip() -> None:
            with contextlib.suppress(OSError):
                for _ in range(40):
                    ours.relay.sendall(b"2")
                    time.sleep(0.1)

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ours.reply(within=0.5)
        assert 0.4 < time.monotonic() - began < 3
        ours.relay.shutdown(socket.SHUT_RDWR)
        dripping.join()


@pytest.mark.parametrize("pieces", [1, 7, 3000])
def test_what_a_relay_takes_in_parts_is_written_whole(pieces: int) -> None:
    data = [bytes([65 + n % 26]) * (3_000_000 // pieces) for n in range(pieces)]
    got = bytearray()
    with wire(on_a_loop=True) as ours:

        def read() -> None:
            while len(got) < len(b"".join(data)):
                time.sleep(0.001)
                got.extend(ours.relay.recv(100_000))

        reading = threading.Thread(target=read)
        reading.start()
        loop = EventLoop()
        ours.link.move_to_loop(loop)
        run_coroutine(ours.link.write(data), loop)
        reading.join()
        assert ours.link.unsent_size == 0
    assert bytes(got) == b"".join(data)


def test_what_a_relay_never_takes_is_told_as_unsent() -> None:
    with wire(timeout=0.3, on_a_loop=True) as ours:
        loop = EventLoop()
        ours.link.move_to_loop(loop)
        with pytest.raises(TimeoutError):
            run_coroutine(ours.link.write([b"x" * 30_000_000]), loop)
        assert 0 < ours.link.unsent_size < 30_000_000
