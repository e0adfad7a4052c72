"""Build the application of the public pages from the route table, and serve it."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import cast

import anyio.to_thread
import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mailer.app import Mailer
from mailer.errors import ConcurrencyError, ConfigError
from mailer.log import Log
from mailer.thread_switching import shorten_switch_interval
from mailer.web.public import error_pages
from mailer.web.public.connections import (
    BoundedHttpProtocol,
    ConnectionLimits,
    ConnectionTable,
    raise_open_files_limit,
)
from mailer.web.public.forwarding import ForwardedRequestMiddleware, build_proxy_check
from mailer.web.public.middleware import PublicPagesMiddleware
from mailer.web.public.page_templates import compile_templates
from mailer.web.public.public_site import PublicSite
from mailer.web.public.routes import ROUTES, add_routes
from mailer.web.sockets import open_listening_socket

KEEP_ALIVE_SECONDS = 75
"""Seconds that a connection stays open between requests. Proxies keep theirs open for a shorter
time (60 s by default in nginx). Otherwise a proxy would sometimes send a request on a connection
that is just being closed."""
GRACE_SECONDS = 10
"""Seconds in which requests that have begun must end when the server is asked to stop."""


def create_public_app(mailer: Mailer, log: Log) -> FastAPI:
    """Return the application of the office's public pages. Each request opens its own
    transaction."""
    site = PublicSite(mailer, log)

    @asynccontextmanager
    async def run_lifespan(_: FastAPI) -> AsyncIterator[None]:
        # More threads would only wait for each other and for a database connection.
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = mailer.settings.web.threads
        await anyio.to_thread.run_sync(compile_templates)
        yield
        site.writer.stop()
        await anyio.to_thread.run_sync(site.click_counter.stop)

    app = FastAPI(
        title="Public pages",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=run_lifespan,
        redirect_slashes=False,  # a redirect would lead to any host that the request names
    )
    app.state.site = site
    add_routes(app, ROUTES)
    app.add_exception_handler(HTTPException, error_pages.show_http_error)
    app.add_exception_handler(ConfigError, error_pages.show_database_error)
    app.add_exception_handler(ConcurrencyError, error_pages.show_database_error)
    app.add_exception_handler(RequestValidationError, error_pages.show_validation_error)
    app.add_middleware(
        PublicPagesMiddleware, settings=mailer.settings, log=log, show_fault=error_pages.show_fault
    )
    app.add_middleware(ForwardedRequestMiddleware, proxies=mailer.settings.web.proxies)
    return app


class _PagesServer(uvicorn.Server):
    """A server that, once it is asked to stop, waits for the database no longer than it waits for
    requests."""

    def __init__(self, config: uvicorn.Config, stop_waiting: Callable[[], None]) -> None:
        super().__init__(config)
        self._deadline = threading.Timer(GRACE_SECONDS - 1, stop_waiting)
        self._deadline.daemon = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            self._deadline.start()
        super().handle_exit(sig, frame)


def build_server(mailer: Mailer, log: Log, limits: ConnectionLimits) -> uvicorn.Server:
    """Build the server of the public pages. It runs with a listening socket."""
    table = ConnectionTable(limits, log, build_proxy_check(mailer.settings.web.proxies))
    config = uvicorn.Config(
        create_public_app(mailer, log),
        http=cast("type[asyncio.Protocol]", partial(BoundedHttpProtocol, table)),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        proxy_headers=False,  # ForwardedRequestMiddleware reads them
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return _PagesServer(config, mailer.store.stop_waiting)


def serve_public_pages(mailer: Mailer, host: str, port: int, log: Log) -> None:
    """Serve the pages until SIGINT or SIGTERM. Requests that have arrived are still answered.

    Raises MailerError if the server cannot listen at `host` and `port`."""
    limits = ConnectionLimits()
    limits = replace(limits, max_connections=raise_open_files_limit(limits.max_connections))
    with (
        shorten_switch_interval(),
        open_listening_socket(host, port) as listening_socket,
        contextlib.suppress(KeyboardInterrupt),
    ):
        build_server(mailer, log, limits).run(sockets=[listening_socket])
