"""Health check for load balancers and monitors."""

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from mailer.errors import ConcurrencyError, ConfigError
from mailer.web.public.public_site import get_site


def show_health(request: Request) -> Response:
    """Answer 200 if the database can be read, otherwise 503."""
    try:
        with get_site(request).mailer.store.read() as tx:
            tx.lists.list_topics()
    except (ConfigError, ConcurrencyError):
        return JSONResponse({"status": "the database can't be used"}, status_code=503)
    return JSONResponse({"status": "ok"})
