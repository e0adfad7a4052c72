"""What holds for every request and every answer: headers, the length of bodies, one line of log.

The log has the route, not the path: paths hold tokens, and queries what people typed.
"""

import time
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer.config import Settings
from mailer.log import Log

LONGEST_BODY = 65_536
"""Bytes of a request's body."""

SLOW = 1.0
"""Seconds from which a request is logged as slow."""


def page_policy(settings: Settings, *, framed: bool = False) -> str:
    """The Content-Security-Policy of a page: nothing but our own style sheets, and the logo."""
    pictures = "'self'"
    if logo := urlsplit(settings.organisation.logo_url):
        pictures += f" {logo.scheme}://{logo.netloc}" if logo.netloc else ""
    ancestors = "*" if framed else "'none'"
    return (
        f"default-src 'none'; style-src 'self'; img-src {pictures}; form-action 'self'; "
        f"base-uri 'none'; frame-ancestors {ancestors}"
    )


class Guard:
    """The outermost layer of the pages."""

    def __init__(self, app: ASGIApp, settings: Settings, log: Log) -> None:
        self.app = app
        self._log = log
        self._policy = page_policy(settings)
        self._secure = settings.web.base_url.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun = time.perf_counter()
        status = 500
        left = LONGEST_BODY
        too_long = False

        async def limited() -> Message:
            nonlocal left, too_long
            message = await receive()
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                if left < 0:
                    too_long = True
                    return {"type": "http.request", "body": b"", "more_body": False}
            return message

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                if too_long:
                    message["status"] = 413
                status = message["status"]
                self._add_headers(MutableHeaders(scope=message))
            await send(message)

        try:
            await self.app(scope, limited, guarded)
        finally:
            self._tell(scope, status, time.perf_counter() - begun)

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

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        say = self._log.warning if status >= 500 or seconds >= SLOW else self._log.info
        say(
            "request",
            method=scope["method"] if scope["method"].isalpha() else "(odd)",
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
        )
