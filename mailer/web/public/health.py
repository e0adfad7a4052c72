"""Health check for load balancers and monitors."""

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from mailer.errors import ConcurrencyError, ConfigError
from mailer.web.public.public_site import PublicSite, get_site


async def show_health(request: Request) -> Response:
    """Answer 200 if the database can be read, otherwise 503. The check has a thread of its own, so
    that it does not wait for pages."""
    site = get_site(request)
    try:
        await run_sync(_read_database, site, limiter=site.health_threads)
    except (ConfigError, ConcurrencyError):
        return JSONResponse({"status": "the database can't be used"}, status_code=503)
    return JSONResponse({"status": "ok"})


def _read_database(site: PublicSite) -> None:
    with site.mailer.store.read() as tx:
        tx.lists.list_topics()
