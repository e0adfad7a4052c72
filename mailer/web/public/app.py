"""All routes together, and serving them."""

import contextlib
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources

import anyio.to_thread
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from mailer.app import Mailer
from mailer.errors import ConcurrencyError, ConfigError
from mailer.log import Log
from mailer.web.public import archive, confirm, health, preferences, signup, unsubscribe
from mailer.web.public.middleware import PublicPagesMiddleware
from mailer.web.public.public_site import PublicSite, build_house_style, compile_templates
from mailer.web.public.releases import pages
from mailer.web.sockets import open_listening_socket

STATIC = {
    "public.css": "text/css; charset=utf-8",
    "public.svg": "image/svg+xml",
    "chevron.svg": "image/svg+xml",
}
KEEP_ALIVE_SECONDS = 75
"""Seconds that a connection stays open between requests: longer than proxies keep theirs (60 by
default in nginx), or one would now and then send a request into a connection that is closing."""
MAX_CONNECTIONS = 1000
"""Connections; above it the answer is 503."""
SWITCH_INTERVAL = 0.0005
"""Seconds that a thread has the interpreter while others want it. Every statement lets go of it: at
Python's 5 ms a transaction of ten of them would hold its lock for 50 ms beside a busy page."""
STATIC_HEADERS = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def create_public_app(mailer: Mailer, log: Log) -> FastAPI:
    """The pages of the office. Each request opens its own transaction."""

    @asynccontextmanager
    async def run_lifespan(_: FastAPI) -> AsyncIterator[None]:
        # As many as ask at once; more would only wait for each other, and for a connection.
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = mailer.settings.web.threads
        await anyio.to_thread.run_sync(compile_templates)
        yield
        site.writer.stop()

    app = FastAPI(
        title="Public pages", docs_url=None, redoc_url=None, openapi_url=None, lifespan=run_lifespan,
        redirect_slashes=False,  # it would lead to whatever host the request names
    )  # fmt: skip
    site = PublicSite(mailer, app, log)
    _add_static_routes(site)
    route_modules = (health, signup, confirm, unsubscribe, preferences, archive, pages)
    for route_module in route_modules:
        route_module.add_routes(site)
    app.add_exception_handler(HTTPException, _make_http_error_handler(site))
    app.add_exception_handler(ConfigError, _make_database_error_handler(site))
    app.add_exception_handler(ConcurrencyError, _make_database_error_handler(site))
    app.add_exception_handler(RequestValidationError, _make_validation_error_handler(site))
    app.add_middleware(
        PublicPagesMiddleware, settings=mailer.settings, log=log, fault=_make_fault_handler(site)
    )
    return app


def _add_static_routes(site: PublicSite) -> None:
    folder = resources.files("mailer.web") / "static"
    files = {name: ((folder / name).read_bytes(), kind) for name, kind in STATIC.items()}
    files["house.css"] = build_house_style(site.mailer).encode(), STATIC["public.css"]

    def show_static_file(request: Request, name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        content, kind = files[name]
        return Response(content, media_type=kind, headers=STATIC_HEADERS)

    site.add_get_route("/static/{name}", show_static_file)


def _make_http_error_handler(site: PublicSite) -> Callable[[Request, Exception], Response]:
    def show_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return site.render_page(
            request, "error.html", status=error.status_code, headers=error.headers,
            code=error.status_code,
        )  # fmt: skip

    return show_http_error


def _make_database_error_handler(site: PublicSite) -> Callable[[Request, Exception], Response]:
    def show_database_error(request: Request, error: Exception) -> Response:
        """The database can't be used just now."""
        site.log.error("no database", error=type(error).__name__)
        return site.render_page(
            request, "error.html", status=503, code=503, headers={"Retry-After": "30"}
        )

    return show_database_error


def _make_validation_error_handler(site: PublicSite) -> Callable[[Request, Exception], Response]:
    def show_validation_error(request: Request, _: Exception) -> Response:
        # FastAPI's own answer is JSON that repeats what was sent.
        return site.render_page(request, "error.html", status=422, code=422)

    return show_validation_error


def _make_fault_handler(site: PublicSite) -> Callable[[Request, Exception], Response]:
    def show_fault(request: Request, error: Exception) -> Response:
        # The trace without the message: that may hold what somebody typed.
        trace = "".join(traceback.format_tb(error.__traceback__))
        route = getattr(request.scope.get("route"), "path", "(none)")
        site.log.error("fault", route=route, error=type(error).__name__, trace=trace)
        try:
            return site.render_page(request, "error.html", status=500, code=500)
        except Exception:  # what failed may be what pages are made with
            return PlainTextResponse("something went wrong here\n", 500)

    return show_fault


def serve_public_pages(mailer: Mailer, host: str, port: int, log: Log) -> None:
    """Serve the pages until SIGINT or SIGTERM: requests that have begun are answered. Raises
    MailerError where it can't listen at `host`, `port`."""
    web = mailer.settings.web
    sys.setswitchinterval(SWITCH_INTERVAL)
    with (
        open_listening_socket(host, port) as listening_socket,
        contextlib.suppress(KeyboardInterrupt),
    ):
        config = uvicorn.Config(
            create_public_app(mailer, log),
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            proxy_headers=bool(web.proxies),
            forwarded_allow_ips=list(web.proxies),
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=10,
        )
        uvicorn.Server(config).run(sockets=[listening_socket])
