"""A TCP proxy that delays every byte in both directions: a distance, on one machine.

Received bytes get a time stamp and are forwarded, in order, when they are due. The proxy reads as
fast as it can and buffers all bytes on their way, so it adds latency and limits no throughput. It
is a process of its own: ``delay.py PORT SECONDS`` forwards to PORT of loopback and prints its port.
"""

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.delivery.programs import (
    LOOPBACK,
    build_environment,
    build_module_command,
    run_program,
)

_END = b""
"""The end of the data, which is delayed like other bytes."""


class _Side(asyncio.Protocol):
    """One side of a connection, which forwards its bytes to the other side, later.

    When one side ends, the other ends too, after all earlier bytes."""

    def __init__(self, seconds: float, other: asyncio.Transport | None = None) -> None:
        self._seconds = seconds
        self._other = other
        self._loop = asyncio.get_running_loop()
        self._pending: deque[tuple[float, bytes]] = deque()

    def data_received(self, data: bytes) -> None:
        self._pending.append((self._loop.time() + self._seconds, data))
        if len(self._pending) == 1:
            self._loop.call_at(self._pending[0][0], self._forward_due)

    def eof_received(self) -> bool:
        self.data_received(_END)
        return True  # stay open, because bytes of the other side are still on their way

    def connection_lost(self, error: Exception | None) -> None:
        self.data_received(_END)

    def _forward_due(self) -> None:
        while self._pending:
            due, data = self._pending[0]
            if due > self._loop.time():
                self._loop.call_at(due, self._forward_due)
                return
            self._pending.popleft()
            if self._other is None or self._other.is_closing():
                continue
            if data:
                self._other.write(data)
            else:
                self._other.close()


class _Near(_Side):
    """The client's side; it opens the far side, and reads nothing before that."""

    def __init__(self, seconds: float, port: int) -> None:
        super().__init__(seconds)
        self._port = port
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self._connecting = self._loop.create_task(self._connect_onward(transport))

    async def _connect_onward(self, transport: asyncio.Transport) -> None:
        try:
            self._other, _ = await self._loop.create_connection(
                lambda: _Side(self._seconds, transport), LOOPBACK, self._port
            )
        except OSError:
            transport.abort()
            return
        transport.resume_reading()


async def _serve_delayed(port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Near(seconds, port), LOOPBACK, 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def open_delay_proxy(port: int, each_way: float) -> Iterator[int]:
    """Open a proxy to `port`, `each_way` seconds away, and yield its port."""
    with run_program(
        build_module_command("delay", port, each_way),
        env=build_environment(),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline()
        if not line:
            sys.exit("the delay proxy did not start")
        yield int(line)


if __name__ == "__main__":
    asyncio.run(_serve_delayed(int(sys.argv[1]), float(sys.argv[2])))
