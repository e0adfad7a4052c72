"""The link to a relay: smtplib's connection, with our own reader of replies.

smtplib reads through a buffered file, which forgets what came behind a reply when TLS begins or a
read times out; this one keeps it, and knows how long a reply may be. It blocks until the relay has
greeted, secured and authenticated us, which is smtplib's work; then it moves to a loop.
"""

import smtplib
import socket
import ssl
import time
from collections.abc import Sequence

from mailer.delivery.event_loop import EventLoop

MAX_REPLY_SIZE = 64 * 1024
"""Bytes of one reply; RFC 5321 §4.5.3.1.5 allows lines of 512."""

CONNECTION_LOST = "the connection was lost"

MAX_PIECES = 1000
"""Pieces that one system call is given, at most: Linux takes 1024."""


class SmtpSocket(smtplib.SMTP):
    """A connection, over TLS from the first byte when given a context. `ahead` is what has come
    and was not yet read as a reply, `unsent` how much of the last writing was not taken."""

    def __init__(self, timeout: float, implicit_tls: ssl.SSLContext | None = None) -> None:
        self._implicit_tls = implicit_tls
        self.read_ahead = b""
        self.unsent_size = 0
        self.is_encrypted = False
        self._loop: EventLoop | None = None
        super().__init__(timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain_socket = socket.create_connection((host, port), timeout)
        plain_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._implicit_tls is None:
            return plain_socket
        try:
            return self._implicit_tls.wrap_socket(plain_socket, server_hostname=host)
        except BaseException:
            plain_socket.close()
            raise

    def send_hello(self) -> None:
        """EHLO, or HELO where that is not known (RFC 5321 §3.2). smtplib also falls back to HELO,
        which offers no STARTTLS, when EHLO was only put off. Raises SMTPHeloError."""
        code, reply_text = self.ehlo()
        if 500 <= code <= 599:
            code, reply_text = self.helo()
        if not 200 <= code <= 299:
            raise smtplib.SMTPHeloError(code, reply_text)

    def getreply(self) -> tuple[int, bytes]:
        """A reply (RFC 5321 §4.2), its lines joined; for smtplib, as long as the link blocks.
        Code -1: it is none. Raises OSError, also for a connection that was closed or a reply that
        did not come whole within the timeout."""
        deadline = time.monotonic() + self.timeout
        try:
            while (reply := self._parse_reply()) is None:
                sock = self._require_socket()
                sock.settimeout(max(deadline - time.monotonic(), 0.001))
                self._append_received(sock.recv(4096))
        finally:
            if self.sock is not None:
                self.sock.settimeout(self.timeout)
        return reply

    # ---- on a loop ------------------------------------------------------------------------------

    def move_to_loop(self, loop: EventLoop) -> None:
        """From now on nothing blocks: the loop's coroutines use it."""
        self._loop = loop
        if self.sock is not None:
            self.sock.setblocking(False)
            self.is_encrypted = isinstance(self.sock, ssl.SSLSocket)

    async def read_reply(self, seconds: float) -> tuple[int, bytes]:
        """As :meth:`getreply`; TimeoutError when it has not come whole within so many seconds."""
        reply = self._parse_reply()
        if reply is not None:
            return reply
        deadline = time.monotonic() + seconds
        sock = self._require_socket()
        while True:
            if not self.is_encrypted:  # TLS may have some that was read already
                await self._wait_readable(deadline)
            try:
                self._append_received(sock.recv(4096))
                reply = self._parse_reply()
                if reply is not None:
                    return reply
            except ssl.SSLWantWriteError:
                await self._wait_writable(deadline)
            except (BlockingIOError, ssl.SSLWantReadError):
                await self._wait_readable(deadline)

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Write it all; each part that the relay takes may cost it the link's timeout. `unsent`
        says how many bytes the system has not taken, also when it raises."""
        self.unsent_size = sum(map(len, pieces))
        sock = self._require_socket()
        is_vectored = not self.is_encrypted and len(pieces) < MAX_PIECES
        remaining_bytes = memoryview(b"" if is_vectored else b"".join(pieces))
        while self.unsent_size:
            deadline = time.monotonic() + self.timeout
            try:
                if is_vectored:
                    self.unsent_size -= sock.sendmsg(pieces)
                else:
                    self.unsent_size -= sock.send(
                        remaining_bytes[len(remaining_bytes) - self.unsent_size :]
                    )
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._wait_writable(deadline)
            except ssl.SSLWantReadError:
                await self._wait_readable(deadline)
            if is_vectored and self.unsent_size:
                is_vectored, remaining_bytes = False, memoryview(b"".join(pieces))

    async def _wait_readable(self, deadline: float) -> None:
        assert self._loop is not None, "it was moved to a loop"
        if not await self._loop.wait_readable(self._require_socket(), deadline):
            raise TimeoutError("timed out")

    async def _wait_writable(self, deadline: float) -> None:
        assert self._loop is not None, "it was moved to a loop"
        if not await self._loop.wait_writable(self._require_socket(), deadline):
            raise TimeoutError("timed out")

    # ---- both -----------------------------------------------------------------------------------

    def _require_socket(self) -> socket.socket:
        """Raises SMTPServerDisconnected when it is closed."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected(CONNECTION_LOST)
        return self.sock

    def close(self) -> None:
        if self._loop is not None and self.sock is not None:
            self._loop.forget_socket(self.sock)
        super().close()

    def _append_received(self, received: bytes) -> None:
        if not received or len(self.read_ahead) > MAX_REPLY_SIZE:
            self.close()
            raise smtplib.SMTPServerDisconnected(CONNECTION_LOST)
        self.read_ahead += received

    def _parse_reply(self) -> tuple[int, bytes] | None:
        """The reply that `ahead` begins with, taken from there; None when it is not whole."""
        ahead = self.read_ahead
        end = ahead.find(b"\n")
        if end > 3 and ahead[3] == 32 and ahead[:3].isdigit():  # one line, as nearly always
            self.read_ahead = ahead[end + 1 :]
            return int(ahead[:3]), ahead[4:end].rstrip(b"\r")
        text_lines: list[bytes] = []
        start = 0
        while end >= 0:
            line = ahead[start:end].rstrip(b"\r")
            start = end + 1
            code = line[:3]
            if not code.isdigit() or line[3:4] not in (b" ", b"-", b"") or start > MAX_REPLY_SIZE:
                self.read_ahead = ahead[start:]
                return -1, line[:500]
            text_lines.append(line[4:])
            if line[3:4] != b"-":
                self.read_ahead = ahead[start:]
                return int(code), b"\n".join(text_lines)
            end = ahead.find(b"\n", start)
        return None
