"""A sink in Python, for what Postfix's ``smtp-sink`` does not offer: CHUNKING and TLS. It discards
and counts every message.

It is a process of its own: ``python_sink.py COUNTERS OPTIONS`` prints its port, and writes the
number of messages into the file as smtp-sink does.
"""

import argparse
import asyncio
import os
import ssl
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

EHLO_LINES = (b"sink", b"PIPELINING", b"8BITMIME")
REPLIES = {
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"DATA": b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"QUIT": b"221 Bye\r\n",
}
ACCEPTED = b"250 2.0.0 Ok\r\n"
UNKNOWN = b"502 5.5.2 Error: command not recognized\r\n"
END_OF_DATA = b"\r\n.\r\n"


class _Counter:
    def __init__(self, counters: int) -> None:
        self._counters = counters
        self.message_count = 0

    def write_count(self) -> None:
        os.pwrite(self._counters, f"mesg={self.message_count:<12}\n".encode(), 0)


class _SinkConversation(asyncio.Protocol):
    def __init__(self, counter: _Counter, *, chunking: bool) -> None:
        lines = [*EHLO_LINES, *([b"CHUNKING"] if chunking else [])]
        self._replies = REPLIES | {b"EHLO": _format_reply(lines)}
        self._counter = counter
        self._unread = b""
        self._chunk_size = 0
        self._is_in_data = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        replies: list[bytes] = []
        message_count = self._counter.message_count
        if self._unread:
            data, self._unread = self._unread + data, b""
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
            if self._is_in_data:
                data_end = data.find(END_OF_DATA, start)
                if data_end < 0:
                    self._unread = data[max(start, end - len(END_OF_DATA) + 1) :]
                    break
                self._is_in_data = False
                self._counter.message_count += 1
                replies.append(ACCEPTED)
                start = data_end + len(END_OF_DATA)
                continue
            line_end = data.find(b"\n", start)
            if line_end < 0:
                self._unread = data[start:]
                break
            line_start, start = start, line_end + 1
            verb = data[line_start : line_start + 4].upper()
            if verb == b"BDAT":
                self._chunk_size = int(data[line_start + 5 : line_end].split(b" ", 1)[0])
            else:
                replies.append(self._replies.get(verb, UNKNOWN))
                if verb == b"DATA":
                    self._is_in_data = True
                    start = line_end - 1  # a message may be empty: the line's own end counts
        if self._counter.message_count != message_count:
            self._counter.write_count()
        self._transport.write(b"".join(replies))


def _format_reply(lines: list[bytes]) -> bytes:
    return b"".join(
        b"250%s%s\r\n" % (b" " if number == len(lines) else b"-", line)
        for number, line in enumerate(lines, 1)
    )


async def _serve(counters: str, certificate: list[str], *, chunking: bool) -> None:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
    loop = asyncio.get_running_loop()
    counter = _Counter(os.open(counters, os.O_WRONLY | os.O_CREAT, 0o644))
    server = await loop.create_server(
        lambda: _SinkConversation(counter, chunking=chunking), LOOPBACK, 0, backlog=256, ssl=tls
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def run_python_sink(
    folder: Path, *, chunking: bool = True, certificate: tuple[Path, Path] | None = None
) -> Iterator[Sink]:
    """Run a new sink. With a certificate and its key, it speaks TLS from the first byte."""
    counters = folder / "python-sink.txt"
    counters.write_bytes(b"")
    options: list[object] = ["--chunking"] if chunking else []
    if certificate is not None:
        options += ["--certificate", *certificate]
    with run_program(
        build_module_command("python_sink", counters, *options),
        env=build_environment(),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline()
        if not line:
            sys.exit("the sink in Python did not start")
        yield Sink(int(line), counters)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("counters")
    parser.add_argument("--chunking", action="store_true")
    parser.add_argument("--certificate", nargs=2, default=[])
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.counters, arguments.certificate, chunking=arguments.chunking))


if __name__ == "__main__":
    main()
