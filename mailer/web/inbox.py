"""The inbox: a local page over a folder of caught mails, like a mail client.

Read only, for whoever sits at this computer. Requests must name a loopback host: a page elsewhere
whose name has been pointed at 127.0.0.1 gets no answer (DNS rebinding). A mail's HTML is shown in a
sandboxed frame that loads nothing from the network; see framed.py.
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
from mailer.errors import InputError
from mailer.web import mail_frame
from mailer.web.mail_folder import (
    CaughtMail,
    MailFolder,
    ParsedMail,
    format_mail_date,
    read_mail,
    select_entries,
)
from mailer.web.sockets import open_listening_socket

PER_PAGE = 50

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""For pictures and downloads: an SVG opened by itself may be coloured, and nothing else."""

STATIC = {"inbox.css": "text/css; charset=utf-8", "inbox.svg": "image/svg+xml"}

VIEWS = ("html", "text", "source")
WIDTHS = ("full", "600", "375")
ORDERS = ("newest", "name")


@dataclass(frozen=True, slots=True)
class InboxLocation:
    """What an address says beside the message: search, order, page of the list, view, width.

    Anything that makes no sense is as if it weren't there."""

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
        """The address of the list, or of a message, in this place with `changes`. A message's
        ends in ``#row``, so that the list at its side stands where it stood."""
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
    """The address of a message, or of its framed HTML or download."""
    return f"/message/{quote(entry.id, safe='@')}" + (f"/{name}" if name else "")


@lru_cache(maxsize=1)
def _build_environment() -> jinja2.Environment:
    folder = resources.files("mailer.web") / "templates" / "inbox"

    def load_template(name: str) -> str | None:
        try:
            return (folder / name).read_text("utf-8")
        except FileNotFoundError:
            return None

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(load_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        part=build_message_url, when=format_mail_date, direction=_find_direction
    )
    environment.filters["number"] = lambda number: f"{number:,}"
    return environment


def _find_direction(tag: str) -> str:
    """The attribute ``dir`` for text in this language; ``auto`` where it isn't known."""
    try:
        return languages.get_direction(tag) if tag else "auto"
    except InputError:
        return "auto"


def create_inbox_app(folder: Path, media: Path | None = None) -> FastAPI:
    """The pages over `folder`, whose .eml files may come and go. Remote pictures are shown from
    `media` where it has a file of the same name; all others stay blocked."""
    mail_folder = MailFolder(folder)
    app = FastAPI(title="Inbox", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(LoopbackMiddleware)

    def add_get_route(path: str) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        return app.api_route(path, methods=["GET", "HEAD"], response_model=None)

    def find_entry(key: str) -> tuple[dict[str, CaughtMail], CaughtMail]:
        entries = mail_folder.scan_entries()
        if key not in entries:
            raise HTTPException(404)
        return entries, entries[key]

    def load_mail(entry: CaughtMail) -> ParsedMail:
        try:
            return read_mail(entry)
        except FileNotFoundError as error:
            raise HTTPException(404) from error

    @add_get_route("/")
    def show_list(request: Request) -> Response:
        location = InboxLocation.from_request(request)
        return _render_page(
            "list.html", **_build_listing(mail_folder.scan_entries(), location, None)
        )

    @add_get_route("/message/{key}")
    def show_message(request: Request, key: str) -> Response:
        location = InboxLocation.from_request(request)
        entries, entry = find_entry(key)
        parsed_mail = load_mail(entry)
        view = location.view or ("html" if parsed_mail.html is not None else "text")
        framed_mail = mail_frame.prepare_mail_frame(
            parsed_mail.html or "", mail_frame.list_pictures(media)
        )
        return _render_page(
            "message.html",
            letter=parsed_mail,
            view=view,
            blocked=len(framed_mail.blocked_urls),
            links=mail_frame.extract_links(parsed_mail.html or ""),
            **_build_listing(entries, location, entry),
        )

    @add_get_route("/message/{key}/html")
    def show_framed_html(key: str) -> Response:
        parsed_mail = load_mail(find_entry(key)[1])
        if parsed_mail.html is None:
            raise HTTPException(404)
        framed_mail = mail_frame.prepare_mail_frame(
            parsed_mail.html, mail_frame.list_pictures(media)
        )
        return HTMLResponse(
            framed_mail.html, headers={"Content-Security-Policy": mail_frame.POLICY}
        )

    @add_get_route("/message/{key}/raw")
    def download_message(key: str) -> Response:
        entry = find_entry(key)[1]
        try:
            content = entry.path.read_bytes()
        except FileNotFoundError as error:
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

    @add_get_route("/media/{name}")
    def show_picture(name: str) -> Response:
        if media is None or name not in mail_frame.list_pictures(media):
            raise HTTPException(404)
        return FileResponse(
            media / name,
            media_type=mail_frame.PICTURES[Path(name).suffix.lower()],
            headers={"Content-Security-Policy": FILE_POLICY},
        )

    @add_get_route("/static/{name}")
    def show_static_file(name: str) -> Response:
        if name not in STATIC:
            raise HTTPException(404)
        content = (resources.files("mailer.web") / "static" / name).read_bytes()
        return Response(content, media_type=STATIC[name])

    @app.exception_handler(HTTPError)
    def show_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPError)
        return _render_page("error.html", status=error.status_code, headers=error.headers)

    return app


def _render_page(
    template: str, *, status: int = 200, headers: Any = None, **context: Any
) -> HTMLResponse:
    text = _build_environment().get_template(template).render(status=status, **context)
    return HTMLResponse(text, status_code=status, headers=headers)


def _build_listing(
    entries: dict[str, CaughtMail], location: InboxLocation, current: CaughtMail | None
) -> dict[str, Any]:
    """What the list shows: one page of it, the one with `current` where none is asked for."""
    selected_entries = select_entries(entries.values(), location.q, location.sort)
    position = next(
        (index for index, entry in enumerate(selected_entries) if entry is current), None
    )
    pages = max(1, math.ceil(len(selected_entries) / PER_PAGE))
    page = location.page or (position // PER_PAGE + 1 if position is not None else 1)
    page = min(page, pages)
    start = (page - 1) * PER_PAGE
    neighbours: dict[str, CaughtMail | None] = {"before": None, "after": None}
    if position is not None:
        neighbours["before"] = selected_entries[position - 1] if position else None
        neighbours["after"] = (
            selected_entries[position + 1] if position + 1 < len(selected_entries) else None
        )
    return {
        "place": location,
        "entry": current,
        "rows": selected_entries[start : start + PER_PAGE],
        "first": start + 1,
        "found": len(selected_entries),
        "total": len(entries),
        "page": page,
        "pages": pages,
        **neighbours,
    }


class LoopbackMiddleware:
    """Answers only to a loopback Host, and gives every response its security headers."""

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
    """There is one Host header (RFC 9112 §3.2) and it names this computer, with any port."""
    if len(hosts) != 1:
        return False
    name, colon, port = hosts[0].strip().lower().rpartition(":")
    if not colon or port.endswith("]"):
        name, port = hosts[0].strip().lower(), ""
    return name in LOOPBACK and (not port or (port.isascii() and port.isdigit()))


def serve_inbox(folder: Path, media: Path | None, host: str, port: int) -> None:
    """Serve the inbox until Ctrl-C. Raises MailerError where it can't listen at `host`, `port`.

    The socket is bound here: uvicorn would log a failure and leave with exit code 1."""
    with (
        open_listening_socket(host, port) as listening_socket,
        contextlib.suppress(KeyboardInterrupt),
    ):
        config = uvicorn.Config(
            create_inbox_app(folder, media),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
        )
        uvicorn.Server(config).run(sockets=[listening_socket])
