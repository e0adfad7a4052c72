"""The socket to a relay: smtplib's connection, with its own reader of replies.

smtplib reads through a buffered file, which loses bytes that follow a reply when TLS begins or a
read times out. This reader keeps those bytes, and limits the size of a reply. The socket blocks
during the greeting, TLS and authentication, which smtplib does. Then it moves to a loop.
"""

import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress

from mailer.delivery.event_loop import EventLoop

MAX_REPLY_SIZE = 64 * 1024
"""Maximum size of one reply in bytes; RFC 5321 §4.5.3.1.5 allows lines of 512."""

READ_SIZE = 4096
"""Maximum number of bytes of replies for one system call."""

CONNECTION_LOST = "the connection was lost"

MAX_TLS_RECORD = 16 * 1024
"""Maximum size of one TLS record in bytes (RFC 8446 §5.1). The system may have sent a record that
`unsent_size` still counts."""

MAX_PIECES = 1000
"""Maximum number of pieces for one system call; Linux accepts 1024."""


class SmtpSocket(smtplib.SMTP):
    """A connection, over TLS from the first byte if `implicit_tls` is given.

    `ehlo_name` is the name in EHLO. `read_ahead` has received bytes that do not belong to a reply
    yet. `unsent_size` is the number of bytes of the last write that the system has not
    accepted."""

    def __init__(
        self, timeout: float, implicit_tls: ssl.SSLContext | None = None, ehlo_name: str = ""
    ) -> None:
        self._implicit_tls = implicit_tls
        self.read_ahead = b""
        self.unsent_size = 0
        self.is_encrypted = False
        self._loop: EventLoop | None = None
        # Without a name, smtplib looks up this machine's, which may take seconds without DNS.
        super().__init__(timeout=timeout, local_hostname=ehlo_name or None)

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
        """Send EHLO, or HELO if the relay does not know EHLO (RFC 5321 §3.2).

        smtplib would fall back to HELO, which offers no STARTTLS, even if EHLO was only deferred.
        Raises SMTPHeloError."""
        code, reply_text = self.ehlo()
        if 500 <= code <= 599:
            code, reply_text = self.helo()
        if not 200 <= code <= 299:
            raise smtplib.SMTPHeloError(code, reply_text)

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply (RFC 5321 §4.2) and join its lines; for smtplib, while the socket blocks.

        The code is -1 if the text is not an SMTP reply. Raises OSError, for instance if the
        connection was closed or the reply was not complete within the timeout."""
        deadline = time.monotonic() + self.timeout
        try:
            while (reply := self.take_reply()) is None:
                sock = self._require_socket()
                sock.settimeout(max(deadline - time.monotonic(), 0.001))
                self._append_received(sock.recv(READ_SIZE))
        finally:
            if self.sock is not None:
                self.sock.settimeout(self.timeout)
        return reply

    # ---- on a loop ------------------------------------------------------------------------------

    def move_to_loop(self, loop: EventLoop) -> None:
        """Stop blocking: from now on the loop's coroutines use the socket."""
        self._loop = loop
        if self.sock is not None:
            self.sock.setblocking(False)
            self.is_encrypted = isinstance(self.sock, ssl.SSLSocket)

    async def read_reply(self, seconds: float) -> tuple[int, bytes]:
        """Read a reply, as :meth:`getreply` does. Raises TimeoutError if the reply is not complete
        within `seconds`."""
        if self.read_ahead and (reply := self.take_reply()) is not None:
            return reply
        deadline = time.monotonic() + seconds
        sock, loop = self._require_socket(), self._require_loop()
        must_wait = not self.is_encrypted  # TLS may have buffered some bytes already
        while True:
            if must_wait and not await loop.wait_readable(sock, deadline):
                raise TimeoutError("timed out")
            try:
                self._append_received(sock.recv(READ_SIZE))
            except ssl.SSLWantWriteError:
                must_wait = False
                await self._wait_writable(deadline)
            except (BlockingIOError, ssl.SSLWantReadError):
                must_wait = True
            else:
                must_wait = not self.is_encrypted
                if (reply := self.take_reply()) is not None:
                    return reply

    def receive_available(self) -> bool:
        """Append to `read_ahead` what has come, without waiting. Returns False if nothing has come.
        Raises OSError or SMTPServerDisconnected if the connection has ended."""
        try:
            self._append_received(self._require_socket().recv(READ_SIZE))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        return True

    def keep_received(self) -> None:
        """Append to `read_ahead` what has come, without waiting and without raising an error."""
        with suppress(OSError, smtplib.SMTPException):
            while self.receive_available():
                pass

    async def write(self, pieces: Sequence[bytes], *, keep_received: bool = False) -> None:
        """Write all pieces. The timeout begins again with each part that the relay accepts.

        With `keep_received`, bytes that come while the relay does not accept more are appended to
        `read_ahead`; otherwise they wait. Afterwards, and also after an error, `unsent_size` is the
        number of bytes that the system has not accepted."""
        if not self.write_at_once(pieces):
            await self.write_rest(pieces, keep_received=keep_received)

    def write_at_once(self, pieces: Sequence[bytes]) -> bool:
        """Write as much as the system accepts without waiting. Returns True if that was all; the
        caller passes the same pieces to :meth:`write_rest` otherwise."""
        self.unsent_size = size = sum(map(len, pieces))
        sock = self._require_socket()
        if not size or self.is_encrypted or len(pieces) >= MAX_PIECES:
            return not size
        try:
            self.unsent_size = size - sock.sendmsg(pieces)
        except BlockingIOError:
            return False
        return not self.unsent_size

    async def write_rest(self, pieces: Sequence[bytes], *, keep_received: bool = False) -> None:
        """Write the last `unsent_size` bytes of the pieces, as :meth:`write` does."""
        sock = self._require_socket()
        content = memoryview(b"".join(pieces))
        while self.unsent_size:
            deadline = time.monotonic() + self.timeout
            try:
                self.unsent_size -= sock.send(content[len(content) - self.unsent_size :])
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._wait_writable(deadline, or_readable=keep_received)
                if keep_received:
                    self.receive_available()
            except ssl.SSLWantReadError:
                await self._wait_readable(deadline)

    async def _wait_readable(self, deadline: float) -> None:
        if not await self._require_loop().wait_readable(self._require_socket(), deadline):
            raise TimeoutError("timed out")

    async def _wait_writable(self, deadline: float, *, or_readable: bool = False) -> None:
        if not await self._require_loop().wait_writable(
            self._require_socket(), deadline, or_readable=or_readable
        ):
            raise TimeoutError("timed out")

    def _require_loop(self) -> EventLoop:
        assert self._loop is not None, "it was moved to a loop"
        return self._loop

    # ---- both -----------------------------------------------------------------------------------

    def _require_socket(self) -> socket.socket:
        """Return the socket. Raises SMTPServerDisconnected if it is closed."""
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

    def take_reply(self) -> tuple[int, bytes] | None:
        """Take the first reply out of `read_ahead`. Returns None if the reply is not complete."""
        ahead = self.read_ahead
        end = ahead.find(b"\n")
        if end > 3 and ahead[3] == 32 and ahead[:3].isdigit():  # nearly every reply: one line
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
