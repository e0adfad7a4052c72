"""A sink that offers CHUNKING, which Postfix's ``smtp-sink`` does not: it discards and counts every
message, and reads no byte of one.

It is a process of its own: ``chunk_sink.py COUNTERS`` prints its port, and writes the number of
messages into the file as smtp-sink does.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.delivery.programs import (
    LOOPBACK,
    build_environment,
    build_module_command,
    run_program,
)
from tests.bench.delivery.sink import Sink

EHLO_REPLY = b"250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n"
REPLIES = {
    b"EHLO": EHLO_REPLY,
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"QUIT": b"221 Bye\r\n",
}
ACCEPTED = b"250 2.0.0 Ok\r\n"
UNKNOWN = b"502 5.5.2 Error: command not recognized\r\n"


class _Counter:
    def __init__(self, counters: int) -> None:
        self._counters = counters
        self.message_count = 0

    def write_count(self) -> None:
        os.pwrite(self._counters, f"mesg={self.message_count:<12}\n".encode(), 0)


class _SinkConversation(asyncio.Protocol):
    def __init__(self, counter: _Counter) -> None:
        self._counter = counter
        self._line = b""
        self._chunk_size = 0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        replies: list[bytes] = []
        message_count = self._counter.message_count
        if self._line:
            data, self._line = self._line + data, b""
        start, end = 0, len(data)
        while start < end:
            if self._chunk_size:
                chunk_part = min(self._chunk_size, end - start)
                start += chunk_part
                self._chunk_size -= chunk_part
                if not self._chunk_size:
                    self._counter.message_count += 1
                    replies.append(ACCEPTED)
                continue
            line_end = data.find(b"\n", start)
            if line_end < 0:
                self._line = data[start:]
                break
            verb = data[start : start + 4].upper()
            if verb == b"BDAT":
                self._chunk_size = int(data[start + 5 : line_end].split(b" ", 1)[0])
            else:
                replies.append(REPLIES.get(verb, UNKNOWN))
            start = line_end + 1
        if self._counter.message_count != message_count:
            self._counter.write_count()
        self._transport.write(b"".join(replies))


async def _serve(counters: str) -> None:
    loop = asyncio.get_running_loop()
    counter = _Counter(os.open(counters, os.O_WRONLY | os.O_CREAT, 0o644))
    server = await loop.create_server(lambda: _SinkConversation(counter), LOOPBACK, 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def run_chunk_sink(folder: Path) -> Iterator[Sink]:
    """Run a new sink that offers CHUNKING."""
    counters = folder / "chunk-sink.txt"
    counters.write_bytes(b"")
    with run_program(
        build_module_command("chunk_sink", counters),
        env=build_environment(),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline()
        if not line:
            sys.exit("the sink with CHUNKING did not start")
        yield Sink(int(line), counters)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
