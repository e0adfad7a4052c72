"""The relay of a trial: a real SMTP server in a process of its own, which nobody kills.

A message whose final dot has come is one line in the record, ``seconds recipient message-id``, the
seconds by the monotonic clock that all processes of a machine share. The line is written before
250 is said, with write(2) and no buffer of ours, so that nothing is taken that isn't recorded.

Between the line and the 250 it lingers for a random while: a sender that dies then leaves a
doubt. It offers PIPELINING (RFC 2920) and answers in order whatever comes in one piece.

    python -m tests.crash.recorder RECORD --linger 0.002      prints its port, runs until SIGTERM
"""

import argparse
import asyncio
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

OFFERS = ("PIPELINING", "SIZE 50000000", "8BITMIME", "ENHANCEDSTATUSCODES")

_ADDRESS = re.compile(rb"<([^>]*)>")
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>\s]+>)", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n.\r\n"


# ---- the record, as the harness reads it --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the relay took. `at` is in seconds of the monotonic clock."""

    at: float
    recipient: str
    message_id: str


def read_record(file: Path) -> list[Accepted]:
    """All that the relay has taken, in order."""
    found = []
    for line in file.read_text("utf-8").splitlines():
        at, recipient, message_id = line.split(" ")
        found.append(Accepted(float(at), recipient, message_id))
    return found


class Recorder:
    """A running recorder, as the harness sees it."""

    def __init__(self, record: Path, port: int) -> None:
        self.record = record
        self.port = port
        self._seen = 0
        self._lines = os.open(record, os.O_RDONLY)

    def count(self) -> int:
        """How many messages it has taken so far; reads only what is new."""
        while got := os.read(self._lines, 1 << 16):
            self._seen += got.count(b"\n")
        return self._seen

    def wait_until_quiet(self, patience: float = 60.0) -> float:
        """Wait until it has read the last that a dead sender wrote; the moment, by the monotonic
        clock. Raises TimeoutError when somebody keeps a connection open."""
        with socket.create_connection(("127.0.0.1", self.port), patience) as link:
            link.sendall(b"XQUIET\r\nQUIT\r\n")
            said = b""
            while got := link.recv(1024):
                said += got
        if b"\r\n250 " not in said:
            raise RuntimeError(f"the recorder did not come to rest: {said!r}")
        return time.monotonic()

    def close(self) -> None:
        os.close(self._lines)


@contextmanager
def recording(record: Path, linger: float) -> Iterator[Recorder]:
    """A recorder that runs for the length of the block; `linger` is in seconds."""
    record.touch()
    command = [sys.executable, "-m", "tests.crash.recorder", str(record), "--linger", str(linger)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            recorder = Recorder(record, int(process.stdout.readline()))
            try:
                yield recorder
            finally:
                recorder.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


# ---- the server ---------------------------------------------------------------------------------


class _Server:
    """What all conversations share: the record, and who is there."""

    def __init__(self, record: int, linger: float) -> None:
        self.record = record
        self.linger = linger
        self.open: set[_Conversation] = set()

    def note(self, recipients: list[str], head: bytes) -> None:
        """Write a message down, a line a recipient. `head` are its header fields."""
        found = _MESSAGE_ID.search(head)
        message_id = found[1].decode("ascii", "replace") if found else "<none>"
        lines = "".join(f"{time.monotonic():.6f} {one} {message_id}\n" for one in recipients)
        os.write(self.record, lines.encode())

    def rest(self) -> None:
        """Answer those who wait for quiet, when nobody else is left."""
        if all(one.awaits_quiet for one in self.open):
            for one in list(self.open):
                one.answer_quiet()


class _Conversation(asyncio.Protocol):
    """One connection. While it lingers nothing more is answered, so replies keep their order."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._buffer = bytearray()
        self._searched = 0
        self._replies: list[str] = []
        self._sender = False
        self._recipients: list[str] = []
        self._in_data = False
        self._lingering: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self.awaits_quiet = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.open.add(self)
        self._say("220 recorder.example.net ESMTP")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lingering:
            self._lingering.cancel()
        self._server.open.discard(self)
        self._server.rest()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while self._lingering is None and not self.awaits_quiet:
            if not (self._message() if self._in_data else self._line()):
                break
        self._flush()

    def _line(self) -> bool:
        """Take one command; whether there was one."""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self._command(line)
        return True

    def _message(self) -> bool:
        """Take one message; whether its final dot was there."""
        if self._buffer.startswith(_END[2:]):
            end, length = 0, 3
        else:
            end, length = self._buffer.find(_END, self._searched), len(_END)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END) + 1)
            return False
        head = bytes(self._buffer[: max(0, self._buffer.find(b"\r\n\r\n", 0, end))])
        del self._buffer[: end + length]
        self._searched = 0
        self._in_data = False
        self._server.note(self._recipients, head)
        self._sender, self._recipients = False, []
        if self._server.linger:
            self._flush()
            wait = random.uniform(0, self._server.linger)
            self._lingering = asyncio.get_running_loop().call_later(wait, self._accept)
        else:
            self._say("250 2.0.0 taken")
        return True

    def _accept(self) -> None:
        self._lingering = None
        self._say("250 2.0.0 taken")
        self._go_on()

    def _command(self, line: bytes) -> None:
        verb = line.split(b" ", 1)[0].upper().decode("ascii", "replace")
        match verb:
            case "EHLO":
                *others, last = OFFERS
                self._say("250-recorder.example.net", *(f"250-{one}" for one in others))
                self._say(f"250 {last}")
            case "HELO":
                self._say("250 recorder.example.net")
            case "MAIL" if not self._sender:
                self._sender = True
                self._say("250 2.1.0 ok")
            case "RCPT" if self._sender and (found := _ADDRESS.search(line)):
                self._recipients.append(found[1].decode("utf-8", "replace"))
                self._say("250 2.1.5 ok")
            case "DATA" if self._recipients:
                self._in_data = True
                self._say("354 go on")
            case "MAIL" | "RCPT" | "DATA":
                self._say("503 5.5.1 not now")
            case "RSET":
                self._sender, self._recipients = False, []
                self._say("250 2.0.0 ok")
            case "NOOP":
                self._say("250 2.0.0 ok")
            case "QUIT":
                self._say("221 2.0.0 bye")
                self._flush()
                self._transport.close()
            case "XQUIET":  # our own: answered when no other connection is open
                self.awaits_quiet = True
                self._server.rest()
            case _:
                self._say("500 5.5.2 what?")

    def answer_quiet(self) -> None:
        self.awaits_quiet = False
        self._say("250 2.0.0 quiet")
        # Not from within itself: it may be this very command that is being taken.
        asyncio.get_running_loop().call_soon(self._go_on)

    def _say(self, *lines: str) -> None:
        self._replies += lines

    def _flush(self) -> None:
        if self._replies:
            self._transport.write("".join(f"{line}\r\n" for line in self._replies).encode())
            self._replies = []


async def serve(record: Path, linger: float) -> None:
    """Serve on a free port of loopback, which is printed, until SIGTERM."""
    loop = asyncio.get_running_loop()
    file = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    server = _Server(file, linger)
    listener = await loop.create_server(lambda: _Conversation(server), "127.0.0.1", 0, backlog=256)
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is the harness's
    print(listener.sockets[0].getsockname()[1], flush=True)
    await done.wait()
    listener.close()
    os.close(file)


def main() -> None:
    asked = argparse.ArgumentParser(description="Take mail, and write down what was taken.")
    asked.add_argument("record", type=Path)
    asked.add_argument("--linger", type=float, default=0.0, help="seconds at most, before 250")
    given = asked.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(given.record, given.linger))


if __name__ == "__main__":
    main()
