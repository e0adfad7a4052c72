"""The verb: from an address, along its redirects, to the content at their end.

httpcore speaks HTTP, below httpx, which would have to be told to read no proxy, no .netrc and no
certificates' place from the environment, to keep no cookies, to follow nothing and to unpack
nothing. Here nothing does any of that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore

from mailer import __version__
from mailer.errors import FetchError
from mailer.intake.fetching.addresses import WebAddress, join, parse, shortened
from mailer.intake.fetching.bodies import read_body, too_large
from mailer.intake.fetching.deadline import Deadline
from mailer.intake.fetching.fields import Fields, Validators
from mailer.intake.fetching.guard import PUBLIC, Guard, Road

_FOR_GOOD = {301, 308}
_REDIRECTS = _FOR_GOOD | {302, 303, 307}
_LATER = {408, 421, 425, 429}
"""Refusals (4xx) that say of themselves that they pass."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`size`: bytes of the content, unpacked. `seconds`: from the first look-up to the last byte.
    `redirects`: how many are followed."""

    size: int = 5_000_000
    seconds: float = 20.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    """`url` is where the redirects ended. `status` 200: here is the content; 304: what you hold is
    still the same. `charset` is one that Python can decode by, or "". `validators` go with the next
    question. `permanent_url`: where to ask from now on, when redirects said that it has moved for
    good, else ""; the address after the last of an unbroken run of those from the start."""

    url: str
    status: int
    content: bytes
    media_type: str
    charset: str
    validators: Validators
    permanent_url: str


def user_agent(website: str = "") -> str:
    """How we name ourselves (RFC 9110 §10.1.5), with the site of the office that asks."""
    if website.isascii() and website.isprintable() and " " not in website and website:
        return f"mailer/{__version__} (+{website})"
    return f"mailer/{__version__}"


def fetch(
    url: str,
    *,
    limits: Limits = Limits(),
    held: Validators | None = None,
    accept: str = "",
    agent: str = "",
    guard: Guard = PUBLIC,
) -> Fetched:
    """What is at `url`, asked for once and politely.

    `held` are the validators of what was fetched before; when nothing changed, the answer is a 304
    without content. `accept` is an Accept field. Never reaches into a network that is not public,
    and never from https to http: from there on anybody on the way could say where it leads.

    Raises FetchError for all that can go wrong with an address, its site and the road there."""
    start = parse(url)
    road = Road(guard, Deadline(limits.seconds))
    fields = {
        "User-Agent": agent or user_agent(),
        "Accept": accept or "*/*",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }
    # sent along all redirects, as feed readers do: where one leads can change from day to day
    fields |= held.conditions() if held else {}
    address, seen, moved, permanent = start, {start}, True, ""
    while True:
        where = shortened(str(start))
        if address != start:
            where += f", which leads to {shortened(str(address))}"
        with _placed(where), _answer(address, fields, road) as (status, got, response):
            if status not in _REDIRECTS:
                road.allow(limits.size)
                return _fetched(address, status, got, response, limits.size, held, permanent)
            following = _next(address, got, seen, limits.redirects)
        moved = moved and status in _FOR_GOOD
        permanent = str(following) if moved else permanent
        address = following
        seen.add(address)


@contextmanager
def _placed(where: str) -> Iterator[None]:
    try:
        yield
    except FetchError as error:
        error.where = f"{where}, which leads to {error.where}" if error.where else where
        raise


@contextmanager
def _answer(
    address: WebAddress, fields: dict[str, str], road: Road
) -> Iterator[tuple[int, Fields, httpcore.Response]]:
    """One request, and the answer's beginning; its body can be read inside."""
    sent: list[tuple[bytes | str, bytes | str]] = [("Host", address.authority), *fields.items()]
    tls = road.guard.context() if address.scheme == "https" else None
    target = httpcore.URL(
        scheme=address.scheme, host=address.host, port=address.port, target=address.target
    )
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=tls, network_backend=road, max_connections=1
            ) as pool,
            pool.stream("GET", target, headers=sent) as response,
        ):
            yield response.status, Fields(response.headers), response
    except httpcore.TimeoutException as error:
        raise road.deadline.passed() from error
    except httpcore.ProtocolError as error:
        raise FetchError(
            f"its site doesn't keep to HTTP ({error})", hint="try again later, or tell its site"
        ) from error
    except httpcore.NetworkError as error:
        raise FetchError("the connection was cut", hint="try again later") from error


def _next(address: WebAddress, fields: Fields, seen: set[WebAddress], most: int) -> WebAddress:
    places = set(fields.all("location"))
    if len(places) != 1:
        raise FetchError("it sends us on without saying where", lasting=True)
    following = join(address, places.pop())
    if following in seen:
        raise FetchError("it sends us round in a circle", lasting=True)
    if len(seen) > most:
        raise FetchError(
            f"it sends us on more than {most} times", hint="give the last address", lasting=True
        )
    if (address.scheme, following.scheme) == ("https", "http"):
        raise FetchError(
            f"it sends us on from https to http, to {following}",
            hint="give that address if you trust it",
            lasting=True,
        )
    return following


def _fetched(
    address: WebAddress,
    status: int,
    fields: Fields,
    response: httpcore.Response,
    size: int,
    held: Validators | None,
    permanent: str,
) -> Fetched:
    media_type, charset = fields.media_type()
    validators = fields.validators()
    content = b""
    if status == 304 and held is not None:
        validators = Validators(
            validators.etag or held.etag, validators.last_modified or held.last_modified
        )
    elif status == 200:
        if (fields.length() or 0) > size:
            raise too_large(size)
        coding = fields.one("content-encoding").strip().lower()
        content = read_body(response.iter_stream(), coding, size)
    else:
        raise _refusal(status, fields)
    return Fetched(str(address), status, content, media_type, charset, validators, permanent)


def _refusal(status: int, fields: Fields) -> FetchError:
    lasting = 400 <= status < 500 and status not in _LATER
    said = {
        401: "it asks for a password (401)",
        403: "it doesn't let us in (403)",
        404: "there is no such page (404)",
        410: "that page is gone (410)",
        429: "it was asked too often (429)",
    }.get(status, f"it answers with {status} and no content")
    return FetchError(
        said,
        hint="check the address" if lasting else "try again later",
        lasting=lasting,
        retry_after=fields.retry_after(),
        status=status,
    )
