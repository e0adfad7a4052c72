"""The middleware around every request: security headers, limits on bodies, answers to unexpected
errors, and a line in the log.

The log contains the route instead of the path, because paths contain tokens and queries contain
text that readers typed.
"""

import re
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer.config import Settings
from mailer.log import Log

MAX_BODY_BYTES = 65_536
"""Maximum size of a request's body in bytes."""

BODY_TIMEOUT = 20.0
"""Seconds in which a request's body must arrive."""

CLIENT_CLOSED_REQUEST = 499
"""Status in the log if the client disconnected before it was answered, the same number as in
nginx."""

SLOW_REQUEST_SECONDS = 1.0
"""Seconds after which a request is logged as slow."""


def build_page_policy(
    settings: Settings, *, framed: bool = False, picture_urls: Iterable[str] = ()
) -> str:
    """Return the Content-Security-Policy of a page: only our own style sheets, the logo, and
    pictures of the sites that have `picture_urls`.

    `framed`: other sites may show the page in a frame."""
    origins = map(_get_origin, (settings.organisation.logo_url, *picture_urls))
    pictures = " ".join(dict.fromkeys(["'self'", *filter(None, origins)]))
    ancestors = "*" if framed else "'none'"
    return (
        f"default-src 'none'; style-src 'self'; img-src {pictures}; form-action 'self'; "
        f"base-uri 'none'; frame-ancestors {ancestors}"
    )


_HOST = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\]")


def _get_origin(url: str) -> str:
    """Return the origin of a web address as a policy may hold it, or ""."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:
        return ""
    host = f"[{host}]" if ":" in host else host
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        return ""
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def get_client_host(request: Request) -> str:
    """Return the address of the client, or an empty string for a Unix socket."""
    return request.client.host if request.client else ""


class PublicPagesMiddleware:
    """The outermost layer of the pages.

    `show_fault` answers unexpected errors. It is called here because the outer layers (Starlette
    and the server) would omit our headers and would log the error's message, which may contain text
    that a reader typed."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        log: Log,
        show_fault: Callable[[Request, Exception], Response],
    ) -> None:
        self.app = app
        self._log = log
        self._show_fault = show_fault
        self._policy = build_page_policy(settings)
        self._secure = settings.web.base_url.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started_at = time.perf_counter()
        status = 0
        body = _RequestBody(scope, receive)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(MutableHeaders(scope=message))
            await send(message)

        try:
            await self.app(scope, body.receive_message, send_with_headers)
        except ClientDisconnect:
            status = status or CLIENT_CLOSED_REQUEST
        except Exception as error:
            response = self._show_fault(Request(scope), error)
            if not status:  # otherwise the answer has already begun, and the server cuts it off
                await response(scope, receive, send_with_headers)
        finally:
            self._log_request(scope, status or 500, time.perf_counter() - started_at)

    def _add_headers(self, headers: MutableHeaders) -> None:
        headers.setdefault("Content-Security-Policy", self._policy)
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        headers["X-DNS-Prefetch-Control"] = "off"
        if self._secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"

    def _log_request(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        log_event = (
            self._log.warning
            if status >= 500 or seconds >= SLOW_REQUEST_SECONDS
            else self._log.info
        )
        log_event(
            "request",
            method=scope["method"] if scope["method"].isalpha() else "(odd)",
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
        )


class _RequestBody:
    """A request's body, read in pieces. Raises HTTPException if the body is too long or arrives too
    slowly, in which case no part of it has an effect."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._bytes_left = MAX_BODY_BYTES
        self._has_more = True
        self._deadline = time.monotonic() + BODY_TIMEOUT
        content_length = next(
            (value for name, value in scope["headers"] if name == b"content-length"), b""
        )
        self._is_too_long = content_length.isdigit() and (
            len(content_length) > 18 or int(content_length) > MAX_BODY_BYTES
        )

    async def receive_message(self) -> Message:
        if not self._has_more:
            return await self._receive()
        if self._is_too_long:
            raise _build_too_long_error()
        try:
            with anyio.fail_after(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, headers={"Connection": "close"}) from error
        if message["type"] == "http.request":
            self._bytes_left -= len(message.get("body", b""))
            self._has_more = message.get("more_body", False)
            if self._bytes_left < 0:
                raise _build_too_long_error()
        return message


def _build_too_long_error() -> HTTPException:
    # The rest of the body is not read, so the connection cannot be used again.
    return HTTPException(413, headers={"Connection": "close"})
