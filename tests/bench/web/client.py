"""A small HTTP/1.1 client with open connections, and one request at a time on each.

It reads status and Content-Length and discards the rest: on the same two cores as the server, a
full client would dominate the measurement.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.delivery.programs import LOOPBACK


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """A request. The tally counts it under `kind`."""

    kind: str
    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/x-www-form-urlencoded"

    def to_bytes(self) -> bytes:
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n"
        if self.method == "POST":
            head += f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


@dataclass(slots=True)
class AnswerTally:
    """The seconds of each answer by kind, and the count of answers other than 200."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def add_answer(self, kind: str, status: int | str, seconds: float) -> None:
        if status == 200:
            self.seconds.setdefault(kind, []).append(seconds)
        else:
            key = f"{kind}: {status}"
            self.errors[key] = self.errors.get(key, 0) + 1


class BenchClient:
    """Sends requests to one port of loopback."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send_request(self, request: BenchRequest) -> int:
        """Send a request, and return the status of the answer."""
        if self._free:
            reader, writer = self._free.pop()
        else:
            reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        writer.write(request.to_bytes())
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


async def request_one_by_one(port: int, requests: Sequence[BenchRequest]) -> AnswerTally:
    """Send requests one after another, to measure each answer alone."""
    client, tally = BenchClient(port), AnswerTally()
    for request in requests:
        started_at = time.perf_counter()
        status = await client.send_request(request)
        tally.add_answer(request.kind, status, time.perf_counter() - started_at)
    client.close()
    return tally


async def request_at_rate(
    port: int, requests: Sequence[BenchRequest], rate: float, patience: float
) -> AnswerTally:
    """Send `rate` requests a second, however long the answers take.

    Each answer is timed from the moment when its request was due, so that a server that falls
    behind can't hide it. An answer that takes longer than `patience` seconds is an error."""
    client, tally = BenchClient(port), AnswerTally()
    start = time.perf_counter()

    async def send_when_due(number: int, request: BenchRequest) -> None:
        due_at = start + number / rate
        await asyncio.sleep(max(due_at - time.perf_counter(), 0))
        try:
            status: int | str = await asyncio.wait_for(client.send_request(request), patience)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            status = type(error).__name__
        tally.add_answer(request.kind, status, time.perf_counter() - due_at)

    await asyncio.gather(
        *(send_when_due(number, request) for number, request in enumerate(requests))
    )
    client.close()
    return tally
