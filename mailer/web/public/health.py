"""Whether it works: for load balancers and monitors."""

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from mailer.errors import ConcurrencyError, ConfigError
from mailer.web.public.public_site import PublicSite


def add_routes(site: PublicSite) -> None:
    def show_health(request: Request) -> Response:
        """200 when the database answers, else 503."""
        try:
            with site.mailer.store.read() as tx:
                tx.lists.list_topics()
        except (ConfigError, ConcurrencyError):
            return JSONResponse({"status": "the database can't be used"}, status_code=503)
        return JSONResponse({"status": "ok"})

    site.add_get_route("/healthz", show_health)
