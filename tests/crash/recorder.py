"""The relay of a trial: a real SMTP server in a process of its own, which is never killed.

Each message whose final dot has come is one line in the record, ``seconds recipient message-id``,
with the seconds of the monotonic clock that all processes of a machine share. The line is written
before the 250 reply, with write(2) and no buffer, so that every accepted message is recorded.

Between the line and the 250 the relay waits for a random time: a worker that dies then leaves a
doubt. It offers PIPELINING (RFC 2920) and answers several commands in one piece in their order.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

EXTENSIONS = ("PIPELINING", "SIZE 50000000", "8BITMIME", "ENHANCEDSTATUSCODES")

_ADDRESS = re.compile(rb"<([^>]*)>")
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>\s]+>)", re.IGNORECASE | re.MULTILINE)
_MESSAGE_END = b"\r\n.\r\n"


# ---- the record, as the harness reads it --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """A message that the relay accepted, at `accepted_at` in seconds of the monotonic clock."""

    accepted_at: float
    recipient: str
    message_id: str


def read_record(file: Path) -> list[AcceptedMessage]:
    """Read all messages that the relay has accepted, in order."""
    accepted_messages = []
    for line in file.read_text("utf-8").splitlines():
        accepted_at, recipient, message_id = line.split(" ")
        accepted_messages.append(AcceptedMessage(float(accepted_at), recipient, message_id))
    return accepted_messages


class Recorder:
    """A running recorder, as the harness sees it."""

    def __init__(self, record: Path, port: int) -> None:
        self.record = record
        self.port = port
        self._line_count = 0
        self._record_file = os.open(record, os.O_RDONLY)

    def count_messages(self) -> int:
        """Count the messages accepted so far, reading only the new part of the record."""
        while chunk := os.read(self._record_file, 1 << 16):
            self._line_count += chunk.count(b"\n")
        return self._line_count

    def wait_until_quiet(self, patience: float = 60.0) -> float:
        """Wait until the relay has read the last bytes of a dead worker, and return that moment of
        the monotonic clock.

        Raises TimeoutError if a connection stays open."""
        with socket.create_connection(("127.0.0.1", self.port), patience) as connection:
            connection.sendall(b"XQUIET\r\nQUIT\r\n")
            reply_text = b""
            while chunk := connection.recv(1024):
                reply_text += chunk
        if b"\r\n250 " not in reply_text:
            raise RuntimeError(f"the recorder did not become quiet: {reply_text!r}")
        return time.monotonic()

    def close(self) -> None:
        os.close(self._record_file)


@contextmanager
def run_recorder(record: Path, linger: float, *, chunking: bool = False) -> Iterator[Recorder]:
    """Run a recorder until the block ends; `linger` is in seconds."""
    record.touch()
    command = [sys.executable, "-m", "tests.crash.recorder", str(record), "--linger", str(linger)]
    if chunking:
        command.append("--chunking")
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


class _RecorderServer:
    """The state that all conversations share: the record, and the open conversations."""

    def __init__(self, record: int, linger: float, extensions: Sequence[str]) -> None:
        self.record = record
        self.extensions = extensions
        self.max_linger = linger
        self.conversations: set[_Conversation] = set()

    def record_message(self, recipients: list[str], header: bytes) -> None:
        """Record a message, one line for each recipient. `header` are its header fields."""
        match = _MESSAGE_ID.search(header)
        message_id = match[1].decode("ascii", "replace") if match else "<none>"
        lines = "".join(
            f"{time.monotonic():.6f} {recipient} {message_id}\n" for recipient in recipients
        )
        os.write(self.record, lines.encode())

    def answer_if_quiet(self) -> None:
        """Answer the conversations that wait for quiet, if no others are open."""
        if all(conversation.awaits_quiet for conversation in self.conversations):
            for conversation in list(self.conversations):
                conversation.answer_quiet()


class _Conversation(asyncio.Protocol):
    """One connection. While it waits before a 250 it answers nothing, so replies stay in order."""

    def __init__(self, server: _RecorderServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._search_start = 0
        self._replies: list[str] = []
        self._has_sender = False
        self._recipients: list[str] = []
        self._in_data = False
        self._chunk_size: int | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self.awaits_quiet = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.conversations.add(self)
        self._queue_reply("220 recorder.example.net ESMTP")
        self._flush_replies()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._linger_timer:
            self._linger_timer.cancel()
        self._server.conversations.discard(self)
        self._server.answer_if_quiet()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._consume_buffer()

    def _consume_buffer(self) -> None:
        while self._linger_timer is None and not self.awaits_quiet:
            if self._chunk_size is not None:
                was_taken = self._take_chunk(self._chunk_size)
            else:
                was_taken = self._take_message() if self._in_data else self._take_command()
            if not was_taken:
                break
        self._flush_replies()

    def _take_command(self) -> bool:
        """Take one command out of the buffer. Returns False if there is none."""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self._answer_command(line)
        return True

    def _take_message(self) -> bool:
        """Take one message out of the buffer. Returns False if its final dot has not come."""
        if self._buffer.startswith(_MESSAGE_END[2:]):
            end, length = 0, 3
        else:
            end, length = self._buffer.find(_MESSAGE_END, self._search_start), len(_MESSAGE_END)
        if end < 0:
            self._search_start = max(0, len(self._buffer) - len(_MESSAGE_END) + 1)
            return False
        header = bytes(self._buffer[: max(0, self._buffer.find(b"\r\n\r\n", 0, end))])
        del self._buffer[: end + length]
        self._search_start = 0
        self._in_data = False
        self._record_message(header)
        return True

    def _take_chunk(self, size: int) -> bool:
        """Take a message that came as one chunk (BDAT). Returns False if its end has not come."""
        if len(self._buffer) < size:
            return False
        header = bytes(self._buffer[: max(0, self._buffer.find(b"\r\n\r\n", 0, size))])
        del self._buffer[:size]
        self._chunk_size = None
        if self._recipients:
            self._record_message(header)
        else:
            self._queue_reply("503 5.5.1 not now")
        return True

    def _record_message(self, header: bytes) -> None:
        """Record a message, and accept it at once or after a while."""
        self._server.record_message(self._recipients, header)
        self._has_sender, self._recipients = False, []
        if self._server.max_linger:
            self._flush_replies()
            delay = random.uniform(0, self._server.max_linger)
            self._linger_timer = asyncio.get_running_loop().call_later(delay, self._accept_message)
        else:
            self._queue_reply("250 2.0.0 accepted")

    def _accept_message(self) -> None:
        self._linger_timer = None
        self._queue_reply("250 2.0.0 accepted")
        self._consume_buffer()

    def _answer_command(self, line: bytes) -> None:
        verb = line.split(b" ", 1)[0].upper().decode("ascii", "replace")
        match verb:
            case "EHLO":
                *extensions, last_extension = self._server.extensions
                self._queue_reply(
                    "250-recorder.example.net", *(f"250-{extension}" for extension in extensions)
                )
                self._queue_reply(f"250 {last_extension}")
            case "HELO":
                self._queue_reply("250 recorder.example.net")
            case "MAIL" if not self._has_sender:
                self._has_sender = True
                self._queue_reply("250 2.1.0 ok")
            case "RCPT" if self._has_sender and (match := _ADDRESS.search(line)):
                self._recipients.append(match[1].decode("utf-8", "replace"))
                self._queue_reply("250 2.1.5 ok")
            case "DATA" if self._recipients:
                self._in_data = True
                self._queue_reply("354 go on")
            case "BDAT":
                self._chunk_size = int(line.split(b" ")[1])
            case "MAIL" | "RCPT" | "DATA":
                self._queue_reply("503 5.5.1 not now")
            case "RSET":
                self._has_sender, self._recipients = False, []
                self._queue_reply("250 2.0.0 ok")
            case "NOOP":
                self._queue_reply("250 2.0.0 ok")
            case "QUIT":
                self._queue_reply("221 2.0.0 bye")
                self._flush_replies()
                self._transport.close()
            case "XQUIET":  # the harness's own command: answered when no other connection is open
                self.awaits_quiet = True
                self._server.answer_if_quiet()
            case _:
                self._queue_reply("500 5.5.2 what?")

    def answer_quiet(self) -> None:
        self.awaits_quiet = False
        self._queue_reply("250 2.0.0 quiet")
        # Not directly, because _consume_buffer may be running this very command.
        asyncio.get_running_loop().call_soon(self._consume_buffer)

    def _queue_reply(self, *lines: str) -> None:
        self._replies += lines

    def _flush_replies(self) -> None:
        if self._replies:
            self._transport.write("".join(f"{line}\r\n" for line in self._replies).encode())
            self._replies = []


async def serve_relay(record: Path, max_linger: float, *, chunking: bool) -> None:
    """Serve on a free port of loopback until SIGTERM, and print the port."""
    loop = asyncio.get_running_loop()
    file = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    extensions = ("CHUNKING", *EXTENSIONS) if chunking else EXTENSIONS
    server = _RecorderServer(file, max_linger, extensions)
    listener = await loop.create_server(lambda: _Conversation(server), "127.0.0.1", 0, backlog=256)
    stop_event = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop_event.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C is for the harness
    print(listener.sockets[0].getsockname()[1], flush=True)
    await stop_event.wait()
    listener.close()
    os.close(file)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accept mail, and record every message.")
    parser.add_argument("record", type=Path)
    parser.add_argument("--linger", type=float, default=0.0, help="most seconds before 250")
    parser.add_argument("--chunking", action="store_true", help="offer CHUNKING")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve_relay(arguments.record, arguments.linger, chunking=arguments.chunking))


if __name__ == "__main__":
    main()
