"""Bounds on connections: the time and size of a request's head, and open connections per client.

uvicorn waits forever for a head, and accepts a head of any size. Once too many connections are
open, it answers every request with 503, even the request of a monitor. Here, the connection that
has waited longest for a request is closed instead, and requests for ``/healthz`` are always
answered.
"""

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mailer.audience.signup.client_networks import (
    IpAddress,
    list_client_networks,
    parse_ip_address,
)
from mailer.log import Log
from mailer.web.public.middleware import BODY_TIMEOUT, MAX_BODY_BYTES

HEALTH_PATH = b"/healthz"

OTHER_FILES = 100
"""Open files that are not connections: the database, templates, the log."""

REPORT_INTERVAL = 60.0
"""Seconds between two lines in the log about refused connections."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The bounds. Times are in seconds.

    `head_timeout`: from the first byte of a request, or from the beginning of a connection, to the
    end of the head. `message_timeout`: from the end of the head to the end of the body.
    `write_timeout`: the time in which a client must take a part of the answer. `max_message_bytes`:
    a body as it arrives, with chunk sizes and trailers. The connections of a trusted proxy do not
    count towards `max_per_client`."""

    head_timeout: float = 10.0
    message_timeout: float = BODY_TIMEOUT + 10
    write_timeout: float = 60.0
    max_head_bytes: int = 32_768
    max_message_bytes: int = 8 * MAX_BODY_BYTES
    max_connections: int = 1000
    max_per_client: int = 100


def raise_open_files_limit(max_connections: int) -> int:
    """Let this process open enough files for `max_connections`. Returns the number of connections
    that it may open."""
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_connections * 2 + OTHER_FILES  # connections that are being closed count as well
    if soft_limit != resource.RLIM_INFINITY and soft_limit < needed:
        if hard_limit != resource.RLIM_INFINITY:
            needed = min(needed, hard_limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard_limit))
    return max(min(max_connections, (needed - OTHER_FILES) // 2), 1)


class ConnectionTable:
    """The open connections of a server: those of each client, and those that wait for a request,
    the longest-waiting first."""

    def __init__(
        self, limits: ConnectionLimits, log: Log, is_proxy: Callable[[IpAddress], bool]
    ) -> None:
        self.limits = limits
        self._log = log
        self._is_proxy = is_proxy
        self._open: dict[BoundedHttpProtocol, str] = {}
        self._waiting: dict[BoundedHttpProtocol, None] = {}
        self._by_client: dict[str, dict[BoundedHttpProtocol, None]] = {}
        self._refused_count = 0
        self._reported_at = float("-inf")

    def add_connection(self, connection: "BoundedHttpProtocol", host: str) -> None:
        """Add a connection that waits for its first request. If there are too many connections, the
        connection that has waited longest is closed."""
        address = parse_ip_address(host)
        is_proxy = address is not None and self._is_proxy(address)
        client = "" if is_proxy else list_client_networks(host)[0].subject
        self._open[connection] = client
        if client:
            siblings = self._by_client.setdefault(client, {})
            siblings[connection] = None
            if len(siblings) > self.limits.max_per_client:
                self._close_first(sibling for sibling in siblings if sibling in self._waiting)
        if len(self._open) > self.limits.max_connections:
            self._close_first(iter(self._waiting))
        self._waiting[connection] = None

    def remove_connection(self, connection: "BoundedHttpProtocol") -> None:
        client = self._open.pop(connection, "")
        self._waiting.pop(connection, None)
        siblings = self._by_client.get(client, {})
        siblings.pop(connection, None)
        if not siblings:
            self._by_client.pop(client, None)

    def set_waiting(self, connection: "BoundedHttpProtocol", *, is_waiting: bool) -> None:
        self._waiting.pop(connection, None)
        if is_waiting and connection in self._open:
            self._waiting[connection] = None

    def is_over_limit(self, connection: "BoundedHttpProtocol") -> bool:
        """Check whether a request of this connection must be refused."""
        client = self._open.get(connection, "")
        return len(self._open) > self.limits.max_connections or (
            len(self._by_client.get(client, ())) > self.limits.max_per_client
        )

    def report_refusal(self, reason: str) -> None:
        """Count a connection that was closed or refused, and log the count from time to time."""
        self._refused_count += 1
        now = asyncio.get_running_loop().time()
        if now - self._reported_at >= REPORT_INTERVAL:
            self._log.warning("connections refused", count=self._refused_count, last=reason)
            self._reported_at, self._refused_count = now, 0

    def _close_first(self, connections: Any) -> None:
        connection: BoundedHttpProtocol | None = next(iter(connections), None)
        if connection is not None:
            self.report_refusal("too many connections")
            self.remove_connection(connection)
            connection.transport.abort()


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol of a connection, with the bounds of `table`."""

    def __init__(self, table: ConnectionTable, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._table = table
        self._limits = table.limits
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._is_in_message = False
        self._received_bytes = 0
        self._refusal = HTTPStatus.BAD_REQUEST

    # ---- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._table.add_connection(self, self.client[0] if self.client else "")
        self._start_timer(self._limits.head_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_write_timer()
        self._table.remove_connection(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self._is_in_message:
            self._received_bytes = 0
        self._received_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._is_in_message:
            if self._timer is None and not self._is_answering():  # empty lines before a request
                self._start_timer(self._limits.head_timeout)
            return
        if self._is_in_head and self._received_bytes > self._limits.max_head_bytes:
            self._refuse_head(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._received_bytes > self._limits.max_message_bytes:
            self._table.report_refusal("body too long")
            self.transport.abort()

    # ---- the parser's events --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = self._is_in_message = True
        self._start_timer(self._limits.head_timeout)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.max_head_bytes:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError("the head is too long")  # httptools calls no further handler
        self._is_in_head = False
        self._received_bytes = 0
        self._table.set_waiting(self, is_waiting=False)
        self._start_timer(self._limits.message_timeout)
        is_health_check = self.url.partition(b"?")[0] == HEALTH_PATH
        is_refused = not is_health_check and (
            self._table.is_over_limit(self) or len(self.tasks) >= self._limits.max_connections
        )
        if is_refused:
            self._table.report_refusal("too many connections")
        self.limit_concurrency = 0 if is_refused else None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_message = False
        self._stop_timer()
        super().on_message_complete()
        self._update_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._update_waiting()

    def _update_waiting(self) -> None:
        """Let the connection count as waiting if its request was read as a whole and answered."""
        if not self._is_answering() and (self._is_in_head or not self._is_in_message):
            self._table.set_waiting(self, is_waiting=True)

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return bool(self.pipeline) or (cycle is not None and not cycle.response_complete)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that can't be read, and close the connection."""
        if self._is_answering():
            self.transport.abort()  # an earlier answer of this connection is being written
            return
        if self._refusal is HTTPStatus.BAD_REQUEST:
            super().send_400_response(msg)
            return
        text = self._refusal.phrase
        self.transport.write(
            f"HTTP/1.1 {self._refusal.value} {text}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}".encode()
        )
        self.transport.close()

    def _refuse_head(self, status: HTTPStatus) -> None:
        self._table.report_refusal(status.phrase)
        self._refusal = status
        self.send_400_response(status.phrase)

    # ---- timers ---------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(self._limits.write_timeout, self._end_writing)

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()

    def _end_writing(self) -> None:
        self._table.report_refusal("answer not read")
        self.transport.abort()

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._end_message)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _end_message(self) -> None:
        """End a request that arrives too slowly. If an answer is being written, wait for its end
        first."""
        if self.transport.is_closing():
            return
        if self._is_answering() and self._is_in_message:
            self._start_timer(self._limits.message_timeout)
        elif not self._is_in_message:
            self.transport.close()
        elif self._is_in_head:
            self._refuse_head(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.abort()
