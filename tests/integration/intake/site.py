"""A real web site on loopback that answers, byte for byte, as a test tells it to.

    site.answer_with("/feed", build_answer(b"…", "Content-Type: text/xml"))  fields and body
    site.answer_with("/slow", b"HTTP/1.1 200 OK\r\n", 0.5, b"…")     bytes, pauses in seconds
    site.answer_with("/bomb", repeat_endlessly(b"…"))                 any iterable of bytes

The site closes the connection after each answer. A client may disconnect during an answer. The site
is not on 127.0.0.1, so that a guard can admit it and no other address of this machine.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from mailer.intake.fetching import FetchGuard
from mailer.intake.fetching.guard import PORTS
from mailer.intake.fetching.public import is_public

HOST = "127.83.17.5"
NAME = "news.example.org"


@dataclass(frozen=True)
class ReceivedRequest:
    """A request: its path, its fields by lower-case names, and the server name that TLS sent."""

    path: str
    fields: dict[str, str]
    server_name: str = ""


Part = bytes | float | Iterable[bytes]
Answer = Callable[[ReceivedRequest], Iterable[Part]]


def build_answer(body: bytes = b"", *fields: str, status: str = "200 OK") -> bytes:
    """Build a complete answer. Content-Length is added unless a field gives the length."""
    field_text = " ".join(fields).lower()
    if "content-length:" not in field_text and "transfer-encoding:" not in field_text:
        fields = (*fields, f"Content-Length: {len(body)}")
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode() + body


def build_redirect(location: str, status: str = "302 Found") -> bytes:
    return build_answer(b"", f"Location: {location}", status=status)


def encode_chunked(body: Iterable[bytes]) -> Iterator[bytes]:
    for piece in body:
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    yield b"0\r\n\r\n"


@dataclass
class LoopbackSite:
    """The server. With `tls` it speaks HTTPS."""

    tls: ssl.SSLContext | None = None
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._names: dict[int, str] = {}
        if self.tls is not None:
            self.tls.sni_callback = self._record_server_name
        self._acceptor = threading.Thread(target=self._accept_connections, daemon=True)
        self._acceptor.start()

    def _record_server_name(
        self, connection: ssl.SSLObject, name: str | None, context: object
    ) -> None:
        self._server_name = name or ""

    def answer_with(self, path: str, *parts: Part) -> None:
        """Answer requests for `path` with these parts."""
        self._answers[path] = lambda request: parts

    def answer_by(self, path: str, answers: Answer) -> None:
        """Answer requests for `path` with the parts that `answers` returns for a request."""
        self._answers[path] = answers

    def build_url(self, path: str = "/", name: str = NAME) -> str:
        return f"{'https' if self.tls else 'http'}://{name}:{self.port}{path}"

    def create_guard(self, *answers: str, tls: ssl.SSLContext | None = None) -> FetchGuard:
        """Return a guard that allows only the public internet and this site.

        Every name resolves to this site, or to `answers`."""
        own_address = ip_address(HOST)
        return FetchGuard(
            is_allowed=lambda address: address == own_address or is_public(address),
            look_up=lambda name, port: answers or (HOST,),
            ports=(*PORTS, self.port),
            tls=tls,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with suppress(OSError):
            socket.create_connection((HOST, self.port), 1).close()
        self._acceptor.join(5)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _accept_connections(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            self.connections += 1
            thread = threading.Thread(
                target=self._serve_connection, args=(connection,), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _serve_connection(self, plain_socket: socket.socket) -> None:
        with suppress(OSError):
            plain_socket.settimeout(10)
            with plain_socket:
                self._server_name = ""
                connection = (
                    self.tls.wrap_socket(plain_socket, server_side=True)
                    if self.tls
                    else plain_socket
                )
                with connection:
                    self._answer_request(connection)

    def _answer_request(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65536)
            if not received:
                return
            head += received
            if head.startswith(b"\x16"):  # TLS to a port without TLS
                return
        lines = head.decode("latin-1").split("\r\n")
        path = lines[0].split(" ")[1]
        fields = {
            name.lower(): value
            for name, value in re.findall(r"(?m)^([\w-]+): (.*?)\r?$", "\n".join(lines[1:]))
        }
        request = ReceivedRequest(path, fields, self._server_name)
        self.requests.append(request)
        for part in self._answers[path](request):
            if isinstance(part, bytes):
                connection.sendall(part)
            elif isinstance(part, float):
                self._closing.wait(part)
            else:
                for piece in part:
                    connection.sendall(piece)
                    if self._closing.is_set():
                        return
        connection.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and connection.recv(65536):
            pass
