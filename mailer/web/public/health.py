"""Whether it works: for load balancers and monitors."""

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from mailer.errors import ConfigError
from mailer.web.public.site import Site


def add(site: Site) -> None:
    def healthz(request: Request) -> Response:
        """200 when the database answers, else 503."""
        try:
            with site.mailer.store.read() as tx:
                tx.lists.topics()
        except ConfigError:
            return JSONResponse({"status": "the database can't be used"}, status_code=503)
        return JSONResponse({"status": "ok"})

    site.get("/healthz", healthz)
