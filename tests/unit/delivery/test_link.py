"""Replies are read as they were written, however they come, and nothing behind one is forgotten."""

import contextlib
import smtplib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.link import LONGEST_REPLY, Link


@dataclass
class Wire:
    """A link, and the relay's end of it."""

    link: Link
    relay: socket.socket


@contextlib.contextmanager
def wire(timeout: float = 5.0) -> Iterator[Wire]:
    ours, theirs = socket.socketpair()
    ours.settimeout(timeout)
    link = Link(timeout)
    link.sock = ours
    try:
        yield Wire(link, theirs)
    finally:
        theirs.close()
        link.close()


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


@given(st.lists(replies, min_size=1, max_size=4), line_ends, st.lists(st.integers(1, 400)))
def test_replies_are_read_as_they_were_written_however_they_come(
    said: list[tuple[int, list[str]]], end: bytes, cuts: list[int]
) -> None:
    stream = b"".join(written(code, lines, end) for code, lines in said)
    with wire() as ours:
        for cut in [*cuts, len(stream)]:
            piece, stream = stream[:cut], stream[cut:]
            ours.relay.sendall(piece)
        found = [ours.link.getreply() for _ in said]
        assert ours.link.ahead == b""
    assert found == [(code, "\n".join(lines).encode("latin-1")) for code, lines in said]


@pytest.mark.parametrize("said", [b"250\r\n", b"250 \r\n", b"250\n"])
def test_a_reply_may_have_no_text(said: bytes) -> None:
    with wire() as ours:
        ours.relay.sendall(said)
        assert ours.link.getreply() == (250, b"")


@pytest.mark.parametrize(
    "said", [b"hello\r\n", b"\r\n", b"25\r\n", b"2500 ok\r\n", b"250_ok\r\n", b"SSH-2.0-x\r\n"]
)
def test_what_is_no_reply_is_told_as_none(said: bytes) -> None:
    with wire() as ours:
        ours.relay.sendall(said)
        assert ours.link.getreply()[0] < 200


def test_a_relay_that_goes_on_and_on_is_not_listened_to_for_ever() -> None:
    with wire() as ours:
        ours.relay.setblocking(False)
        line = b"250-" + b"x" * 500 + b"\r\n"
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 3 * LONGEST_REPLY:
                sent += ours.relay.send(line)
        if sent > LONGEST_REPLY + len(line):
            assert ours.link.getreply()[0] == -1


def test_a_line_that_never_ends_is_given_up() -> None:
    with wire() as ours:
        ours.link.ahead = b"x" * (LONGEST_REPLY + 1)
        ours.relay.sendall(b"x")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            ours.link.getreply()


def test_a_link_that_was_closed_is_told_as_lost() -> None:
    with wire() as ours:
        ours.relay.sendall(b"250-half a rep")
        ours.relay.close()
        with pytest.raises(smtplib.SMTPServerDisconnected, match="was lost"):
            ours.link.getreply()


@pytest.mark.parametrize("settled", [False, True], ids=["Python's timeout", "the system's"])
def test_silence_ends_with_the_timeout(settled: bool) -> None:
    with wire(timeout=0.2) as ours:
        if settled:
            ours.link.settle_down()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ours.link.getreply()
        assert 0.15 < time.monotonic() - began < 4


@pytest.mark.parametrize("settled", [False, True], ids=["Python's timeout", "the system's"])
def test_one_reply_may_be_waited_for_longer(settled: bool) -> None:
    with wire(timeout=0.2) as ours:
        if settled:
            ours.link.settle_down()
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            ours.link.getreply(patience=0.7)
        assert 0.6 < time.monotonic() - began < 5
