"""A proxy between a worker and a relay that cuts connections after an exact number of bytes."""

import re
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for a close that discards data on its way and resets the other side."""

_COMPLETE_MESSAGE = re.compile(
    rb"RCPT TO:<([^>]*)>\r\nDATA\r\n.*?\r\n\.\r\n", re.DOTALL | re.IGNORECASE
)

_CHUNK_HEAD = re.compile(rb"RCPT TO:<([^>]*)>\r\nBDAT (\d+) LAST\r\n", re.IGNORECASE)


@dataclass
class ProxiedConnection:
    """One connection through the proxy.

    `client_bytes` is all that the client wrote before the end; the last part may have reached the
    proxy and not the relay."""

    client_bytes: bytes = b""
    was_cut: bool = False

    def list_completed_recipients(self) -> list[str]:
        """List the recipients of the messages that the client wrote to the end."""
        addresses = list(_COMPLETE_MESSAGE.findall(self.client_bytes))
        addresses += [
            head[1]
            for head in _CHUNK_HEAD.finditer(self.client_bytes)
            if head.end() + int(head[2]) <= len(self.client_bytes)
        ]
        return [address.decode() for address in addresses]


class Proxy:
    """A proxy before the relay at `port`.

    Each connection takes the next number of `cuts`, and is cut after so many bytes of the client
    (of the relay, with `replies`). None, and a connection after the last number, is not cut.

    A cut is a reset on both sides. With `replies`, the client may be writing: it gets an end of
    file, and the proxy reads on until the client closes, so that no byte is missed."""

    def __init__(self, port: int, cuts: Iterator[int | None], *, replies: bool = False) -> None:
        self._relay_port = port
        self._cuts = cuts
        self._replies = replies
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.connections: list[ProxiedConnection] = []
        self._start_thread(self._accept_connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start_thread(self, target: object, *arguments: object) -> None:
        assert callable(target)
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_connections(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start_thread(self._relay_connection, client, next(self._cuts, None))

    def _relay_connection(self, client: socket.socket, remaining: int | None) -> None:
        connection = ProxiedConnection()
        self.connections.append(connection)
        with (
            client,
            socket.create_connection(("127.0.0.1", self._relay_port)) as relay,
            selectors.DefaultSelector() as ready,
        ):
            for source_socket, target_socket in ((client, relay), (relay, client)):
                source_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(source_socket, selectors.EVENT_READ, target_socket)
            counted_socket = relay if self._replies else client
            with suppress(OSError):
                while True:
                    for key, _ in ready.select():
                        source, target = key.fileobj, key.data
                        assert isinstance(source, socket.socket)
                        received = source.recv(1 << 16)
                        if not received:
                            return
                        if source is client:
                            connection.client_bytes += received
                        if source is counted_socket and remaining is not None:
                            if len(received) >= remaining:
                                target.sendall(received[:remaining])
                                self._cut_connection(connection, client, relay)
                                return
                            remaining -= len(received)
                        target.sendall(received)

    def _cut_connection(
        self, connection: ProxiedConnection, client: socket.socket, relay: socket.socket
    ) -> None:
        connection.was_cut = True
        relay.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if not self._replies:  # the client waits for a reply, and writes nothing
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        relay.close()
        client.shutdown(socket.SHUT_WR)
        while received := client.recv(1 << 16):
            connection.client_bytes += received
