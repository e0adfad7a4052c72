"""A real SMTP server on loopback that saves the messages it accepts: a relay that delivers nothing.

The demo and the tests send mail to it exactly as to a relay. It refuses no valid address, and no
message leaves this computer. Each message and recipient gets a file, named after the address.

aiosmtpd speaks SMTP; its Controller is not used. Controller.stop() closes the event loop before
the tasks that it cancelled have ended (aiosmtpd 1.4.6), which leaves open sockets and warnings at
the interpreter's exit; and the Controller does not accept port 0.
"""

import asyncio
import hashlib
import os
import threading
import unicodedata
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.errors import MailerError

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Maximum size of a message in bytes, announced as SIZE (RFC 1870)."""

MAX_NAME_BYTES = 180
"""Maximum length of a file name in bytes, without its number and suffix; file systems allow 255."""


class _Conversation(SMTP):
    """SMTP that accepts longer lines than RFC 5321 §4.5.3.1.6 allows: the catcher saves messages,
    and the inbox judges their form."""

    line_length_limit = 1024 * 1024


class Catcher:
    """Listens during its ``with`` block, and saves messages in `folder`, which is created if
    missing.

    Every accepted message is at ``<folder>/<ADDRESS>.eml`` before the client reads 250. The file
    has the bytes as sent, with CRLF, dots unstuffed and no header added. The second message to an
    address is ``ADDRESS-2.eml``. Each catcher needs a folder of its own. With `port` 0, the system
    chooses a free port, and the attribute ``port`` then holds it. Raises MailerError if it can't
    listen or write."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.folder = folder
        self.host = host
        self.port = port
        self._requested_port = port
        self._count = 0
        self._lock = threading.Lock()
        self._next_numbers: dict[str, int] = {}
        self._started = threading.Event()
        self._start_errors: list[OSError] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def count(self) -> int:
        """The number of messages saved since this catcher was made, one for each recipient. Any
        thread may read it."""
        with self._lock:
            return self._count

    def start(self) -> None:
        """Start to listen. Returns when connections are accepted."""
        assert self._thread is None, "it listens already"
        self._make_folder()
        self._started.clear()
        self._start_errors.clear()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve_connections()), name="catcher", daemon=True
        )
        self._thread.start()
        self._started.wait()
        if self._start_errors:
            self._thread.join()
            self._thread = None
            error = self._start_errors[0]
            raise MailerError(
                f"the catcher can't listen: {error.strerror or error}",
                where=f"{self.host}:{self._requested_port}",
                hint="choose another port, or port 0 to get a free one",
            ) from error

    def _make_folder(self) -> None:
        reason = ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            reason = "it is not a folder"
        except OSError as error:
            reason = error.strerror or str(error)
        if not reason and not os.access(self.folder, os.W_OK | os.X_OK):
            reason = "the folder is read-only"
        if reason:
            raise MailerError(
                f"no messages can be stored there: {reason}",
                where=str(self.folder),
                hint="choose another folder",
                field="folder",
            )

    def stop(self) -> None:
        """Close every connection and stop. A message not yet answered 250 was not accepted."""
        if self._thread is None:
            return
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None
        self.port = self._requested_port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _serve_connections(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        conversations: set[_Conversation] = set()

        def open_conversation() -> _Conversation:
            conversations.difference_update(
                [conversation for conversation in conversations if conversation.transport is None]
            )
            # Without `loop`, aiosmtpd calls `get_event_loop`, which Python 3.12 deprecates; without
            # `hostname`, it looks the name up in DNS for each connection.
            conversation = _Conversation(
                self,
                hostname="localhost",
                ident="catcher",
                data_size_limit=MAX_MESSAGE_BYTES,
                enable_SMTPUTF8=True,
                loop=loop,
            )
            conversations.add(conversation)
            return conversation

        try:
            server = await loop.create_server(
                open_conversation, self.host, self._requested_port, backlog=512
            )
        except (OSError, OverflowError) as error:  # OverflowError: no such port
            self._start_errors.append(error if isinstance(error, OSError) else OSError(str(error)))
            return
        else:
            self.port = server.sockets[0].getsockname()[1]
        finally:
            self._started.set()
        try:
            await self._stop.wait()
        finally:
            server.close()
            for conversation in conversations:
                if isinstance(conversation.transport, asyncio.WriteTransport):
                    conversation.transport.abort()
            # Lost connections cancel their own tasks, which must run once more before the loop
            # ends.
            while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(tasks)
            await server.wait_closed()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Save a message, and return the reply to its final dot. aiosmtpd calls this."""
        content = envelope.original_content or b""
        try:
            for address in envelope.rcpt_tos:
                self._save_message(address, content)
        except OSError as error:
            return f"452 4.3.1 not saved: {error.strerror}"
        return "250 2.0.0 saved"

    def _save_message(self, address: str, content: bytes) -> None:
        name = make_file_name(address)
        number = self._next_numbers.get(name, 1)
        while (path := self.folder / number_file_name(name, number)).exists():
            number += 1
        partial = self.folder / f".{path.name}.partial"
        try:
            partial.write_bytes(content)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        self._next_numbers[name] = number + 1
        with self._lock:
            self._count += 1


def number_file_name(name: str, number: int) -> str:
    return f"{name}.eml" if number == 1 else f"{name}-{number}.eml"


def make_file_name(address: str) -> str:
    """Make a file name from `address` that is never empty and cannot lead out of the folder.

    Letters, digits and ``@.+-_=~`` stay; any other byte, or a leading dot, becomes %XX. Different
    addresses give different names, and very long names end in a hash."""
    parts = []
    for position, character in enumerate(address):
        is_plain = unicodedata.category(character)[0] in "LNM" or character in "@.+-_=~"
        if is_plain and not (position == 0 and character == "."):
            parts.append(character)
        else:
            raw = character.encode("utf-8", "surrogateescape")
            parts.extend(f"%{byte:02X}" for byte in raw)
    name = "".join(parts) or "%00"
    if len(raw := name.encode()) > MAX_NAME_BYTES:
        digest = hashlib.sha256(raw).hexdigest()[:16]
        name = f"{raw[: MAX_NAME_BYTES - 17].decode('utf-8', 'ignore')}~{digest}"
    return name
