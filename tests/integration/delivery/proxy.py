"""A link between a sender and a relay that breaks after exactly so many bytes."""

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
"""SO_LINGER for a close that throws away what is on its way, and tells the other side so."""

_WHOLE = re.compile(rb"RCPT TO:<([^>]*)>\r\nDATA\r\n.*?\r\n\.\r\n", re.DOTALL | re.IGNORECASE)


@dataclass
class Link:
    """One connection through the proxy. `sent` is all that the client had written when it ended:
    part of it may have come as far as the proxy, and never to the relay."""

    sent: bytes = b""
    cut: bool = False

    def dots(self) -> list[str]:
        """The recipients of the messages that the client had written to the end."""
        return [found.decode() for found in _WHOLE.findall(self.sent)]


class Proxy:
    """Stands before the relay at `port`. Of each connection it takes the next of `cuts`: after so
    many bytes of the client (of the relay, with `replies`) it is cut. None, and what comes when
    they are used up, is left alone.

    A cut is a reset on both sides; with `replies` the client, who may be writing, hears that it is
    over and is listened to until it goes, so that nothing it writes is unseen."""

    def __init__(self, port: int, cuts: Iterator[int | None], *, replies: bool = False) -> None:
        self._to = port
        self._cuts = cuts
        self._replies = replies
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.links: list[Link] = []
        self._start(self._accept)

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

    def _start(self, what: object, *given: object) -> None:
        assert callable(what)
        thread = threading.Thread(target=what, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._link, client, next(self._cuts, None))

    def _link(self, client: socket.socket, left: int | None) -> None:
        link = Link()
        self.links.append(link)
        with (
            client,
            socket.create_connection(("127.0.0.1", self._to)) as relay,
            selectors.DefaultSelector() as ready,
        ):
            for one, other in ((client, relay), (relay, client)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(one, selectors.EVENT_READ, other)
            counted = relay if self._replies else client
            with suppress(OSError):
                while True:
                    for key, _ in ready.select():
                        source, to = key.fileobj, key.data
                        assert isinstance(source, socket.socket)
                        got = source.recv(1 << 16)
                        if not got:
                            return
                        if source is client:
                            link.sent += got
                        if source is counted and left is not None:
                            if len(got) >= left:
                                to.sendall(got[:left])
                                self._cut(link, client, relay)
                                return
                            left -= len(got)
                        to.sendall(got)

    def _cut(self, link: Link, client: socket.socket, relay: socket.socket) -> None:
        link.cut = True
        relay.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if not self._replies:  # it waits for a reply, and writes nothing
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        relay.close()
        client.shutdown(socket.SHUT_WR)
        while got := client.recv(1 << 16):
            link.sent += got
