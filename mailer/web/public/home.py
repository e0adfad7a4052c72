"""The home page, with the public lists."""

from fastapi import Request, Response

from mailer.audience.lists import list_public_lists
from mailer.web.public.public_site import get_site


def show_home(request: Request) -> Response:
    site = get_site(request)
    with site.mailer.store.read() as tx:
        public_lists = list_public_lists(tx)
    return site.render_page(request, "home.html", lists=public_lists)
