"""The address to which the counted links of mails lead: it counts the click, and redirects.

The address is the same for every reader, and the answer sets no cookie. Neither the client's
address nor its browser is stored. The target stands in the frozen body of the link's edition.
"""

import re
import string
from contextlib import suppress
from urllib.parse import quote

from fastapi import HTTPException, Request, Response

from mailer import clicks
from mailer.addresses import to_ascii_domain
from mailer.audience import links
from mailer.errors import TokenError
from mailer.web.public.middleware import get_client_host
from mailer.web.public.public_site import get_site

_PREFETCH_FIELDS = ("sec-purpose", "purpose", "x-moz")
"""Header fields with which a browser says that it fetches a page ahead, without a click."""


def follow_counted_link(request: Request, token: str) -> Response:
    """Redirect to the link's target. Anything else that the token may be is a missing page."""
    site = get_site(request)
    try:
        link = site.mailer.link_keys.read_link(lambda keys: links.verify_click_link(keys, token))
    except TokenError:
        return _refuse_link(request)
    with site.mailer.store.read() as tx:
        target = clicks.find_target(tx, link)
    if target is None:
        return _refuse_link(request)
    if target.is_withdrawn:
        raise HTTPException(410)
    now = site.mailer.clock()
    if target.starts_at is not None:
        browser = request.headers.get("user-agent", "")
        site.click_counter.add_click(
            f"{get_client_host(request)}\n{browser}",
            target,
            now,
            is_by_machine=_is_by_machine(request) or target.is_scanned_at(now),
        )
    headers = {"Location": encode_address(target.url), "X-Robots-Tag": "noindex"}
    return Response(status_code=302, headers=headers)


def _refuse_link(request: Request) -> Response:
    """Return the 404 page, which offers the archive: the same for every fault."""
    return get_site(request).render_page(request, "bad-counted-link.html", status=404)


def encode_address(address: str) -> str:
    """Return a web address in ASCII, as a header field needs it (RFC 3987 §3.1): the host in
    A-labels, other characters percent-encoded."""
    scheme, _, rest = address.partition("://")
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    place = rest[len(host) :]
    user, at_sign, name = host.rpartition("@")
    name, colon, port = name.partition(":")
    with suppress(UnicodeError):  # raised for a name that no host can have
        name = to_ascii_domain(name) if not name.isascii() else name
    host = f"{user}{at_sign}{name}{colon}{port}"
    return quote(f"{scheme}://{host}{place}", safe=string.punctuation)


def _is_by_machine(request: Request) -> bool:
    """Check whether the request itself shows that no person has clicked: it asks for the header
    alone, or fetches ahead."""
    return request.method == "HEAD" or any(field in request.headers for field in _PREFETCH_FIELDS)
