"""Answers to requests that failed: a page for every kind of error. The log gets no data about
readers."""

import traceback

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from mailer.errors import DatabaseUnavailable
from mailer.web.public.public_site import get_site


def show_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return get_site(request).render_page(
        request,
        "error.html",
        status=error.status_code,
        headers=error.headers,
        code=error.status_code,
    )


def show_database_error(request: Request, error: Exception) -> Response:
    """Answer 503 if the database cannot be used at the moment. The page says so if a change may
    have been saved: the link to the database was lost during the commit."""
    site = get_site(request)
    is_unknown = isinstance(error, DatabaseUnavailable) and error.outcome_unknown
    code = getattr(error, "code", "")
    site.log.error("no database", error=type(error).__name__, code=code, unknown=is_unknown)
    return site.render_page(
        request,
        "error.html",
        status=503,
        code=503,
        is_outcome_unknown=is_unknown,
        headers={"Retry-After": "30"},
    )


def show_validation_error(request: Request, _: Exception) -> Response:
    """Answer 422 with a page, since FastAPI's own answer is JSON that repeats the request."""
    return get_site(request).render_page(request, "error.html", status=422, code=422)


def show_fault(request: Request, error: Exception) -> Response:
    """Answer an unexpected error with 500, and log its traceback.

    The log gets the traceback without the error's message, which may contain text that a reader
    typed."""
    site = get_site(request)
    trace = "".join(traceback.format_tb(error.__traceback__))
    route = getattr(request.scope.get("route"), "path", "(none)")
    site.log.error("fault", route=route, error=type(error).__name__, trace=trace)
    try:
        return site.render_page(request, "error.html", status=500, code=500)
    except Exception:  # the error may come from the code that renders pages
        return PlainTextResponse("something went wrong here\n", 500)
