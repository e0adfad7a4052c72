"""Health check for load balancers and monitors."""

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from mailer.web.public.public_site import get_site


async def show_health(request: Request) -> Response:
    """Answer 200 if the database can be read, otherwise 503, in a few seconds at most."""
    if trouble := await get_site(request).database_check.find_trouble():
        return JSONResponse({"status": trouble}, status_code=503)
    return JSONResponse({"status": "ok"})
