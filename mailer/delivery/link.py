"""The link to a relay: smtplib's connection, with our own reader of replies.

smtplib reads through a buffered file, which forgets what came behind a reply when TLS begins or a
read times out; this one keeps it, knows how long a reply may be, and can wait longer for one.
"""

import smtplib
import socket
import ssl
import struct
import time

LONGEST_REPLY = 64 * 1024
"""Bytes of one reply; RFC 5321 §4.5.3.1.5 allows lines of 512."""

LOST = "the connection was lost"


class Link(smtplib.SMTP):
    """A connection, over TLS from the first byte when given a context. `ahead` is what has come
    and was not yet read as a reply."""

    def __init__(self, timeout: float, implicit_tls: ssl.SSLContext | None = None) -> None:
        self._implicit_tls = implicit_tls
        self.ahead = b""
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

    def settle_down(self) -> None:
        """From now on the system keeps the timeout, where it can: Python's own costs a second
        system call each time, and lets go of the interpreter for it."""
        if self.sock is None or isinstance(self.sock, ssl.SSLSocket):
            return
        seconds, rest = divmod(self.timeout, 1)
        value = struct.pack("@ll", int(seconds), int(rest * 1e6))
        self.sock.settimeout(None)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.sock.setsockopt(socket.SOL_SOCKET, option, value)

    def getreply(self, patience: float = 0.0) -> tuple[int, bytes]:
        """A reply (RFC 5321 §4.2), its lines joined; it may take the link's timeout, or `patience`
        seconds when those are more. Code -1: it is none. Raises OSError, also for a connection that
        was closed."""
        ahead = self.ahead
        while (end := ahead.find(b"\n")) < 0:
            ahead = self._more(patience)
        if end > 3 and ahead[3] == 32 and ahead[:3].isdigit():  # one line, as nearly always
            self.ahead = ahead[end + 1 :]
            return int(ahead[:3]), ahead[4:end].rstrip(b"\r")
        said: list[bytes] = []
        length = 0
        while True:
            while b"\n" not in self.ahead:
                self._more(patience)
            line, _, self.ahead = self.ahead.partition(b"\n")
            line = line.rstrip(b"\r")
            length += len(line)
            code = line[:3]
            if not code.isdigit() or line[3:4] not in (b" ", b"-", b"") or length > LONGEST_REPLY:
                return -1, line[:500]
            said.append(line[4:])
            if line[3:4] != b"-":
                return int(code), b"\n".join(said)

    def _more(self, patience: float) -> bytes:
        """Wait for more of a reply; all that is there now."""
        # With a deadline rather than a timeout of its own: settimeout() is a system call, and
        # lets go of the interpreter.
        deadline = 0.0
        while True:
            if self.sock is None:
                raise smtplib.SMTPServerDisconnected(LOST)
            try:
                got = self.sock.recv(4096)
                break
            except (TimeoutError, BlockingIOError) as error:
                now = time.monotonic()
                deadline = deadline or now + patience - self.timeout
                if now >= deadline:
                    raise TimeoutError("timed out") from error
        if not got or len(self.ahead) > LONGEST_REPLY:
            self.close()
            raise smtplib.SMTPServerDisconnected(LOST)
        self.ahead += got
        return self.ahead
