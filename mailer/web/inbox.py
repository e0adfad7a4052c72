"""The inbox: local pages over a folder of caught mails, like a mail client.

It is read-only, for the person at this computer. Requests must name a loopback host, so that a
website whose name points to 127.0.0.1 gets no answer (DNS rebinding). A mail's HTML is shown in a
sandboxed frame that loads nothing from the network (``mail_frame.py``).
"""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException as HTTPError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailer import languages
from mailer.errors import InputError, UsageError
from mailer.regular_files import read_regular_file
from mailer.web import mail_frame
from mailer.web.mail_folder import (
    MAX_MESSAGE_BYTES,
    CaughtMail,
    MailFolder,
    ParsedMail,
    format_mail_date,
    read_mail,
    select_entries,
)
from mailer.web.page_environment import create_page_environment
from mailer.web.sockets import open_listening_socket

PER_PAGE = 50

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
LOOPBACK_ADDRESSES = frozenset({"localhost", "127.0.0.1", "::1"})

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""The Content-Security-Policy of pictures and downloads. An SVG that is opened directly may only
use styles."""

STATIC_FILES = {"inbox.css": "text/css; charset=utf-8", "inbox.svg": "image/svg+xml"}

VIEWS = ("html", "text", "source")
WIDTHS = ("full", "600", "375")
ORDERS = ("newest", "name")


@dataclass(frozen=True, slots=True)
class InboxLocation:
    """The query of an address: search words, order, page of the list, view and width.

    Invalid values are ignored."""

    q: str = ""
    sort: str = ORDERS[0]
    page: int = 0
    view: str = ""
    width: str = WIDTHS[0]

    @classmethod
    def from_request(cls, request: Request) -> "InboxLocation":
        query = request.query_params

        def choose_value(name: str, allowed: tuple[str, ...], default: str) -> str:
            value = query.get(name, "")
            return value if value in allowed else default

        page = query.get("page", "")
        return cls(
            query.get("q", "").strip()[:200],
            choose_value("sort", ORDERS, ORDERS[0]),
            int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 0,
            choose_value("view", VIEWS, ""),
            choose_value("width", WIDTHS, WIDTHS[0]),
        )

    def build_url(self, entry: CaughtMail | None = None, **changes: Any) -> str:
        """Return the address of the list, or of a message, with this query and `changes`.

        A message's address ends in ``#row``, which scrolls the list to the message's row."""
        location = replace(self, **changes)
        default_location = InboxLocation()
        fields = {
            name: str(value)
            for name in ("q", "sort", "page", "view", "width")
            if (value := getattr(location, name)) != getattr(default_location, name)
            and not (entry is None and name in {"view", "width"})
        }
        query = f"?{urlencode(fields)}" if fields else ""
        return f"{build_message_url(entry)}{query}#row" if entry else f"/{query}"


def build_message_url(entry: CaughtMail, name: str = "") -> str:
    """Return the address of a message, of its framed HTML, or of its download."""
    return f"/message/{quote(entry.id, safe='@')}" + (f"/{name}" if name else "")


@lru_cache(maxsize=1)
def _build_environment() -> jinja2.Environment:
    environment = create_page_environment("inbox")
    environment.globals.update(
        message_url=build_message_url, format_date=format_mail_date, direction=_find_direction
    )
    environment.filters["number"] = lambda number: f"{number:,}"
    return environment


def _find_direction(tag: str) -> str:
    """Return the attribute ``dir`` for text in this language: ``auto`` if it is unknown."""
    try:
        return languages.get_direction(tag) if tag else "auto"
    except InputError:
        return "auto"


@dataclass(frozen=True, slots=True)
class InboxRoute:
    """An address of the inbox. It answers only GET and HEAD, since the inbox is read-only."""

    path: str
    handler: Callable[..., Response]


def create_inbox_app(folder: Path, media: Path | None = None) -> FastAPI:
    """Return the inbox over `folder`, whose .eml files may change at any time. A remote picture is
    shown if `media` has a file with the same name; all others stay blocked."""
    app = FastAPI(title="Inbox", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.mail_folder = MailFolder(folder)
    app.state.media = media
    app.add_middleware(LoopbackMiddleware)
    for route in ROUTES:
        app.add_api_route(route.path, route.handler, methods=["GET", "HEAD"], response_model=None)
    app.add_exception_handler(HTTPError, show_error)
    return app


# ---- handlers -----------------------------------------------------------------------------------


def show_list(request: Request) -> Response:
    location = InboxLocation.from_request(request)
    entries = _get_mail_folder(request).scan_entries()
    return _render_page("list.html", **_build_listing(entries, location, None))


def show_message(request: Request, key: str) -> Response:
    location = InboxLocation.from_request(request)
    entries, entry = _find_entry(request, key)
    mail = _load_mail(entry)
    framed_mail = mail_frame.prepare_mail_frame(
        mail.html or "", mail_frame.list_pictures(_get_media(request))
    )
    return _render_page(
        "message.html",
        mail=mail,
        view=location.view or ("html" if mail.html is not None else "text"),
        blocked_count=len(framed_mail.blocked_urls),
        links=mail_frame.extract_links(mail.html or ""),
        **_build_listing(entries, location, entry),
    )


def show_framed_html(request: Request, key: str) -> Response:
    mail = _load_mail(_find_entry(request, key)[1])
    if mail.html is None:
        raise HTTPException(404)
    framed_mail = mail_frame.prepare_mail_frame(
        mail.html, mail_frame.list_pictures(_get_media(request))
    )
    return HTMLResponse(framed_mail.html, headers={"Content-Security-Policy": mail_frame.POLICY})


def download_message(request: Request, key: str) -> Response:
    entry = _find_entry(request, key)[1]
    try:
        content = read_regular_file(entry.path, MAX_MESSAGE_BYTES)
    except OSError as error:
        raise HTTPException(404) from error
    name = f"filename*=UTF-8''{quote(entry.id + '.eml', safe='')}"
    return Response(
        content,
        media_type="message/rfc822",
        headers={
            "Content-Disposition": f"attachment; {name}",
            "Content-Security-Policy": FILE_POLICY,
        },
    )


def show_picture(request: Request, name: str) -> Response:
    media = _get_media(request)
    if media is None or name not in mail_frame.list_pictures(media):
        raise HTTPException(404)
    return FileResponse(
        media / name,
        media_type=mail_frame.PICTURES[Path(name).suffix.lower()],
        headers={"Content-Security-Policy": FILE_POLICY},
    )


def show_static_file(name: str) -> Response:
    if name not in STATIC_FILES:
        raise HTTPException(404)
    content = (resources.files("mailer.web") / "static" / name).read_bytes()
    return Response(content, media_type=STATIC_FILES[name])


def show_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPError)
    return _render_page("error.html", status=error.status_code, headers=error.headers)


ROUTES = (
    InboxRoute("/", show_list),
    InboxRoute("/message/{key}", show_message),
    InboxRoute("/message/{key}/html", show_framed_html),
    InboxRoute("/message/{key}/raw", download_message),
    InboxRoute("/media/{name}", show_picture),
    InboxRoute("/static/{name}", show_static_file),
)


# ---- helpers of handlers ------------------------------------------------------------------------


def _get_mail_folder(request: Request) -> MailFolder:
    mail_folder: MailFolder = request.app.state.mail_folder
    return mail_folder


def _get_media(request: Request) -> Path | None:
    media: Path | None = request.app.state.media
    return media


def _find_entry(request: Request, key: str) -> tuple[dict[str, CaughtMail], CaughtMail]:
    entries = _get_mail_folder(request).scan_entries()
    if key not in entries:
        raise HTTPException(404)
    return entries, entries[key]


def _load_mail(entry: CaughtMail) -> ParsedMail:
    try:
        return read_mail(entry)
    except FileNotFoundError as error:
        raise HTTPException(404) from error


def _render_page(
    template: str, *, status: int = 200, headers: Any = None, **context: Any
) -> HTMLResponse:
    text = _build_environment().get_template(template).render(status=status, **context)
    return HTMLResponse(text, status_code=status, headers=headers)


def _build_listing(
    entries: dict[str, CaughtMail], location: InboxLocation, current: CaughtMail | None
) -> dict[str, Any]:
    """Return the entries that the list shows: the page that the address names, or the page with
    `current`."""
    selected_entries = select_entries(entries.values(), location.q, location.sort)
    position = next(
        (index for index, entry in enumerate(selected_entries) if entry is current), None
    )
    pages = max(1, math.ceil(len(selected_entries) / PER_PAGE))
    page = location.page or (position // PER_PAGE + 1 if position is not None else 1)
    page = min(page, pages)
    start = (page - 1) * PER_PAGE
    neighbours: dict[str, CaughtMail | None] = {"previous": None, "next": None}
    if position is not None:
        neighbours["previous"] = selected_entries[position - 1] if position else None
        neighbours["next"] = (
            selected_entries[position + 1] if position + 1 < len(selected_entries) else None
        )
    return {
        "location": location,
        "entry": current,
        "entries": selected_entries[start : start + PER_PAGE],
        "first_number": start + 1,
        "match_count": len(selected_entries),
        "total_count": len(entries),
        "page": page,
        "pages": pages,
        **neighbours,
    }


class LoopbackMiddleware:
    """Answers only requests to a loopback Host, and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", PAGE_POLICY)
                headers.setdefault("Cache-Control", "no-cache")
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["X-DNS-Prefetch-Control"] = "off"
            await send(message)

        if not is_loopback(Headers(scope=scope).getlist("host")):
            refusal_response = Response(
                "This inbox answers only on this computer: open it as http://localhost\n",
                status_code=421,
                media_type="text/plain",
            )
            return await refusal_response(scope, receive, send_with_headers)
        return await self.app(scope, receive, send_with_headers)


def is_loopback(hosts: list[str]) -> bool:
    """Check that there is one Host header (RFC 9112 §3.2), and that it names this computer."""
    if len(hosts) != 1:
        return False
    name, colon, port = hosts[0].strip().lower().rpartition(":")
    if not colon or port.endswith("]"):
        name, port = hosts[0].strip().lower(), ""
    return name in LOOPBACK and (not port or (port.isascii() and port.isdigit()))


def serve_inbox(
    folder: Path,
    media: Path | None,
    host: str,
    port: int,
    on_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serve the inbox until Ctrl-C. Raises UsageError unless `host` is a loopback address: the
    mails are for the person at this computer. Raises MailerError if the server cannot listen at
    `host` and `port`.

    The socket is opened here because uvicorn would log a failure and exit with code 1."""
    if host not in LOOPBACK_ADDRESSES:
        raise UsageError(
            f"{host!r} is not a loopback address: caught mails are shown on this computer only",
            field="host",
            hint=f"use {', '.join(sorted(LOOPBACK_ADDRESSES))}",
        )
    with (
        open_listening_socket(host, port) as listening_socket,
        contextlib.suppress(KeyboardInterrupt),
    ):
        on_listening()
        config = uvicorn.Config(
            create_inbox_app(folder, media),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
        )
        uvicorn.Server(config).run(sockets=[listening_socket])
