"""A small HTTP/1.1 client: kept connections, one request on each at a time.

It reads status and Content-Length and throws the rest away: beside the server, on the same two
cores, a full client would be most of what is measured.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.delivery.children import LOOPBACK


@dataclass(frozen=True, slots=True)
class Request:
    """`kind` is what it counts under."""

    kind: str
    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/x-www-form-urlencoded"

    def raw(self) -> bytes:
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n"
        if self.method == "POST":
            head += f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


@dataclass(slots=True)
class Tally:
    """Seconds of each answer by kind, and what was not answered with 200."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, status: int | str, seconds: float) -> None:
        if status == 200:
            self.seconds.setdefault(kind, []).append(seconds)
        else:
            key = f"{kind}: {status}"
            self.errors[key] = self.errors.get(key, 0) + 1


class Client:
    """Requests to one port of loopback."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: Request) -> int:
        """The status of the answer."""
        if self._free:
            reader, writer = self._free.pop()
        else:
            reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        writer.write(request.raw())
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if length and request.method != "HEAD":
            await reader.readexactly(length)
        self._free.append((reader, writer))
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def one_by_one(port: int, requests: Sequence[Request]) -> Tally:
    """Each after the one before: how long an answer takes by itself."""
    client, tally = Client(port), Tally()
    for request in requests:
        begun = time.perf_counter()
        status = await client.ask(request)
        tally.add(request.kind, status, time.perf_counter() - begun)
    client.close()
    return tally


async def at_rate(port: int, requests: Sequence[Request], rate: float, patience: float) -> Tally:
    """`rate` a second, whatever the answers take, from when each was due: a server that falls
    behind can't hide it. What takes longer than `patience` seconds is an error."""
    client, tally = Client(port), Tally()
    start = time.perf_counter()

    async def send(number: int, request: Request) -> None:
        due = start + number / rate
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        try:
            status: int | str = await asyncio.wait_for(client.ask(request), patience)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            status = type(error).__name__
        tally.add(request.kind, status, time.perf_counter() - due)

    await asyncio.gather(*(send(number, one) for number, one in enumerate(requests)))
    client.close()
    return tally
