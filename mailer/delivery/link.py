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

from mailer.delivery.loop import Loop

LONGEST_REPLY = 64 * 1024
"""Bytes of one reply; RFC 5321 §4.5.3.1.5 allows lines of 512."""

LOST = "the connection was lost"

IOV_MAX = 1000
"""Pieces that one system call is given, at most: Linux takes 1024."""


class Link(smtplib.SMTP):
    """A connection, over TLS from the first byte when given a context. `ahead` is what has come
    and was not yet read as a reply, `unsent` how much of the last writing was not taken."""

    def __init__(self, timeout: float, implicit_tls: ssl.SSLContext | None = None) -> None:
        self._implicit_tls = implicit_tls
        self.ahead = b""
        self.unsent = 0
        self.encrypted = False
        self._loop: Loop | None = None
        super().__init__(timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._implicit_tls is None:
            return plain
        try:
            return self._implicit_tls.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def greet(self) -> None:
        """EHLO, or HELO where that is not known (RFC 5321 §3.2). smtplib also falls back to HELO,
        which offers no STARTTLS, when EHLO was only put off. Raises SMTPHeloError."""
        code, said = self.ehlo()
        if 500 <= code <= 599:
            code, said = self.helo()
        if not 200 <= code <= 299:
            raise smtplib.SMTPHeloError(code, said)

    def getreply(self) -> tuple[int, bytes]:
        """A reply (RFC 5321 §4.2), its lines joined; for smtplib, as long as the link blocks.
        Code -1: it is none. Raises OSError, also for a connection that was closed or a reply that
        did not come whole within the timeout."""
        deadline = time.monotonic() + self.timeout
        try:
            while (reply := self._parsed()) is None:
                sock = self._live()
                sock.settimeout(max(deadline - time.monotonic(), 0.001))
                self._take_in(sock.recv(4096))
        finally:
            if self.sock is not None:
                self.sock.settimeout(self.timeout)
        return reply

    # ---- on a loop ------------------------------------------------------------------------------

    def move_to(self, loop: Loop) -> None:
        """From now on nothing blocks: the loop's coroutines use it."""
        self._loop = loop
        if self.sock is not None:
            self.sock.setblocking(False)
            self.encrypted = isinstance(self.sock, ssl.SSLSocket)

    async def reply(self, within: float) -> tuple[int, bytes]:
        """As :meth:`getreply`; TimeoutError when it has not come whole within so many seconds."""
        reply = self._parsed()
        if reply is not None:
            return reply
        deadline = time.monotonic() + within
        sock = self._live()
        while True:
            if not self.encrypted:  # TLS may have some that was read already
                await self._readable(deadline)
            try:
                self._take_in(sock.recv(4096))
                reply = self._parsed()
                if reply is not None:
                    return reply
            except ssl.SSLWantWriteError:
                await self._writable(deadline)
            except (BlockingIOError, ssl.SSLWantReadError):
                await self._readable(deadline)

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Write it all; each part that the relay takes may cost it the link's timeout. `unsent`
        says how many bytes the system has not taken, also when it raises."""
        self.unsent = sum(map(len, pieces))
        sock = self._live()
        at_once = not self.encrypted and len(pieces) < IOV_MAX
        rest = memoryview(b"" if at_once else b"".join(pieces))
        while self.unsent:
            deadline = time.monotonic() + self.timeout
            try:
                if at_once:
                    self.unsent -= sock.sendmsg(pieces)
                else:
                    self.unsent -= sock.send(rest[len(rest) - self.unsent :])
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._writable(deadline)
            except ssl.SSLWantReadError:
                await self._readable(deadline)
            if at_once and self.unsent:
                at_once, rest = False, memoryview(b"".join(pieces))

    async def _readable(self, deadline: float) -> None:
        assert self._loop is not None, "it was moved to a loop"
        if not await self._loop.readable(self._live(), deadline):
            raise TimeoutError("timed out")

    async def _writable(self, deadline: float) -> None:
        assert self._loop is not None, "it was moved to a loop"
        if not await self._loop.writable(self._live(), deadline):
            raise TimeoutError("timed out")

    # ---- both -----------------------------------------------------------------------------------

    def _live(self) -> socket.socket:
        """Raises SMTPServerDisconnected when it is closed."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected(LOST)
        return self.sock

    def close(self) -> None:
        if self._loop is not None and self.sock is not None:
            self._loop.forget(self.sock)
        super().close()

    def _take_in(self, got: bytes) -> None:
        if not got or len(self.ahead) > LONGEST_REPLY:
            self.close()
            raise smtplib.SMTPServerDisconnected(LOST)
        self.ahead += got

    def _parsed(self) -> tuple[int, bytes] | None:
        """The reply that `ahead` begins with, taken from there; None when it is not whole."""
        ahead = self.ahead
        end = ahead.find(b"\n")
        if end > 3 and ahead[3] == 32 and ahead[:3].isdigit():  # one line, as nearly always
            self.ahead = ahead[end + 1 :]
            return int(ahead[:3]), ahead[4:end].rstrip(b"\r")
        said: list[bytes] = []
        start = 0
        while end >= 0:
            line = ahead[start:end].rstrip(b"\r")
            start = end + 1
            code = line[:3]
            if not code.isdigit() or line[3:4] not in (b" ", b"-", b"") or start > LONGEST_REPLY:
                self.ahead = ahead[start:]
                return -1, line[:500]
            said.append(line[4:])
            if line[3:4] != b"-":
                self.ahead = ahead[start:]
                return int(code), b"\n".join(said)
            end = ahead.find(b"\n", start)
        return None
