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
from mailer.web import framed
from mailer.web.caught import Caught, Entry, Letter, read, select, when
from mailer.web.listening import listen

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
class Place:
    """What an address says beside the message: search, order, page of the list, view, width.

    Anything that makes no sense is as if it weren't there."""

    q: str = ""
    sort: str = ORDERS[0]
    page: int = 0
    view: str = ""
    width: str = WIDTHS[0]

    @classmethod
    def of(cls, request: Request) -> "Place":
        given = request.query_params

        def one_of(name: str, allowed: tuple[str, ...], default: str) -> str:
            value = given.get(name, "")
            return value if value in allowed else default

        page = given.get("page", "")
        return cls(
            given.get("q", "").strip()[:200],
            one_of("sort", ORDERS, ORDERS[0]),
            int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 0,
            one_of("view", VIEWS, ""),
            one_of("width", WIDTHS, WIDTHS[0]),
        )

    def url(self, entry: Entry | None = None, **changes: Any) -> str:
        """The address of the list, or of a message, in this place with `changes`. A message's
        ends in ``#row``, so that the list at its side stands where it stood."""
        place = replace(self, **changes)
        plain = Place()
        fields = {
            name: str(value)
            for name in ("q", "sort", "page", "view", "width")
            if (value := getattr(place, name)) != getattr(plain, name)
            and not (entry is None and name in {"view", "width"})
        }
        query = f"?{urlencode(fields)}" if fields else ""
        return f"{part(entry)}{query}#row" if entry else f"/{query}"


def part(entry: Entry, name: str = "") -> str:
    """The address of a message, or of its framed HTML or download."""
    return f"/message/{quote(entry.id, safe='@')}" + (f"/{name}" if name else "")


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    folder = resources.files("mailer.web") / "templates" / "inbox"

    def load(name: str) -> str | None:
        try:
            return (folder / name).read_text("utf-8")
        except FileNotFoundError:
            return None

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(part=part, when=when, direction=_direction)
    environment.filters["number"] = lambda number: f"{number:,}"
    return environment


def _direction(tag: str) -> str:
    """The attribute ``dir`` for text in this language; ``auto`` where it isn't known."""
    try:
        return languages.direction(tag) if tag else "auto"
    except InputError:
        return "auto"


def create_inbox(folder: Path, media: Path | None = None) -> FastAPI:
    """The pages over `folder`, whose .eml files may come and go. Remote pictures are shown from
    `media` where it has a file of the same name; all others stay blocked."""
    caught = Caught(folder)
    app = FastAPI(title="Inbox", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Guard)

    def get(path: str) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        return app.api_route(path, methods=["GET", "HEAD"], response_model=None)

    def find(key: str) -> tuple[dict[str, Entry], Entry]:
        entries = caught.entries()
        if key not in entries:
            raise HTTPException(404)
        return entries, entries[key]

    def letter_of(entry: Entry) -> Letter:
        try:
            return read(entry)
        except FileNotFoundError as error:
            raise HTTPException(404) from error

    @get("/")
    def show_list(request: Request) -> Response:
        place = Place.of(request)
        return _page("list.html", **_listing(caught.entries(), place, None))

    @get("/message/{key}")
    def show_message(request: Request, key: str) -> Response:
        place = Place.of(request)
        entries, entry = find(key)
        letter = letter_of(entry)
        view = place.view or ("html" if letter.html is not None else "text")
        shown = framed.frame(letter.html or "", framed.pictures_in(media))
        return _page(
            "message.html",
            letter=letter,
            view=view,
            blocked=len(shown.blocked),
            links=framed.links(letter.html or ""),
            **_listing(entries, place, entry),
        )

    @get("/message/{key}/html")
    def show_framed(key: str) -> Response:
        letter = letter_of(find(key)[1])
        if letter.html is None:
            raise HTTPException(404)
        shown = framed.frame(letter.html, framed.pictures_in(media))
        return HTMLResponse(shown.html, headers={"Content-Security-Policy": framed.POLICY})

    @get("/message/{key}/raw")
    def download(key: str) -> Response:
        entry = find(key)[1]
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

    @get("/media/{name}")
    def picture(name: str) -> Response:
        if media is None or name not in framed.pictures_in(media):
            raise HTTPException(404)
        return FileResponse(
            media / name,
            media_type=framed.PICTURES[Path(name).suffix.lower()],
            headers={"Content-Security-Policy": FILE_POLICY},
        )

    @get("/static/{name}")
    def static(name: str) -> Response:
        if name not in STATIC:
            raise HTTPException(404)
        content = (resources.files("mailer.web") / "static" / name).read_bytes()
        return Response(content, media_type=STATIC[name])

    @app.exception_handler(HTTPError)
    def trouble(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPError)
        return _page("trouble.html", status=error.status_code, headers=error.headers)

    return app


def _page(template: str, *, status: int = 200, headers: Any = None, **context: Any) -> HTMLResponse:
    text = _templates().get_template(template).render(status=status, **context)
    return HTMLResponse(text, status_code=status, headers=headers)


def _listing(entries: dict[str, Entry], place: Place, current: Entry | None) -> dict[str, Any]:
    """What the list shows: one page of it, the one with `current` where none is asked for."""
    chosen = select(entries.values(), place.q, place.sort)
    position = next((at for at, entry in enumerate(chosen) if entry is current), None)
    pages = max(1, math.ceil(len(chosen) / PER_PAGE))
    page = place.page or (position // PER_PAGE + 1 if position is not None else 1)
    page = min(page, pages)
    start = (page - 1) * PER_PAGE
    beside: dict[str, Entry | None] = {"before": None, "after": None}
    if position is not None:
        beside["before"] = chosen[position - 1] if position else None
        beside["after"] = chosen[position + 1] if position + 1 < len(chosen) else None
    return {
        "place": place,
        "entry": current,
        "rows": chosen[start : start + PER_PAGE],
        "first": start + 1,
        "found": len(chosen),
        "total": len(entries),
        "page": page,
        "pages": pages,
        **beside,
    }


class _Guard:
    """Answers only to a loopback Host, and gives every response its security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def guarded(message: Message) -> None:
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
            refusal = Response(
                "This inbox answers only on this computer: open it as http://localhost\n",
                status_code=421,
                media_type="text/plain",
            )
            return await refusal(scope, receive, guarded)
        return await self.app(scope, receive, guarded)


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
    with listen(host, port) as listening, contextlib.suppress(KeyboardInterrupt):
        config = uvicorn.Config(
            create_inbox(folder, media),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
        )
        uvicorn.Server(config).run(sockets=[listening])
