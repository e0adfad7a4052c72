"""Fetch an address: follow its redirects, and return the content at their end.

httpcore speaks HTTP. httpx, which builds on httpcore, is not used: it would have to be configured
not to read proxies, .netrc or certificate paths from the environment, store cookies, follow
redirects or unpack bodies. httpcore does none of that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore

from mailer.errors import FetchError
from mailer.intake.fetching.addresses import WebAddress, join_location, parse_address, shorten_url
from mailer.intake.fetching.bodies import create_size_error, read_body
from mailer.intake.fetching.deadline import Deadline
from mailer.intake.fetching.fields import ResponseFields
from mailer.intake.fetching.guard import PUBLIC_GUARD, FetchGuard, GuardedBackend
from mailer.intake.request_fields import Validators, build_user_agent

_PERMANENT_REDIRECTS = {301, 308}
_REDIRECTS = _PERMANENT_REDIRECTS | {302, 303, 307}
_TEMPORARY_REFUSALS = {408, 421, 425, 429}
"""Refusals (4xx) that are temporary by definition."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of one fetch.

    `size`: maximum bytes of the content, unpacked. `seconds`: maximum time from the first look-up
    to the last byte. `redirects`: maximum number of redirects."""

    size: int = 5_000_000
    seconds: float = 20.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The result of a fetch.

    `url` is the address at the end of the redirects. `status` is 200 with content, or 304 if the
    content that was fetched before is unchanged. `charset` is a charset that Python can decode, or
    "". `validators` go into the next request. `permanent_url` is the address to use from now on:
    the target of the last redirect in the unbroken series of permanent redirects at the start, or
    "" if the first redirect is not permanent."""

    url: str
    status: int
    content: bytes
    media_type: str
    charset: str
    validators: Validators
    permanent_url: str


def fetch_url(
    url: str,
    *,
    limits: FetchLimits = FetchLimits(),
    previous_validators: Validators | None = None,
    accept: str = "",
    agent: str = "",
    guard: FetchGuard = PUBLIC_GUARD,
) -> FetchResult:
    """Fetch the content at `url`.

    `previous_validators` belong to the content fetched before. If that content is unchanged, the
    result is a 304 without content. `accept` is the Accept field, `agent` the User-Agent field.

    Only public networks are reached. Redirects from https to http are refused, since anyone on the
    network path could then choose the next target.

    Raises FetchError for every failure of the address, its site or the connection."""
    first_address = parse_address(url)
    backend = GuardedBackend(guard, Deadline(limits.seconds))
    fields = {
        "User-Agent": agent or build_user_agent(),
        "Accept": accept or "*/*",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }
    # Validators are sent along all redirects, as feed readers do, since targets can change daily.
    fields |= previous_validators.to_request_fields() if previous_validators else {}
    address, seen_addresses, is_permanent, permanent_url = first_address, {first_address}, True, ""
    while True:
        where = shorten_url(str(first_address))
        if address != first_address:
            where += f", which leads to {shorten_url(str(address))}"
        with (
            _add_error_location(where),
            _open_response(address, fields, backend) as (status, response_fields, response),
        ):
            if status not in _REDIRECTS:
                backend.allow_body(limits.size)
                return _read_result(
                    address,
                    status,
                    response_fields,
                    response,
                    limits.size,
                    previous_validators,
                    permanent_url,
                )
            next_address = _follow_redirect(
                address, response_fields, seen_addresses, limits.redirects
            )
        is_permanent = is_permanent and status in _PERMANENT_REDIRECTS
        permanent_url = str(next_address) if is_permanent else permanent_url
        address = next_address
        seen_addresses.add(address)


@contextmanager
def _add_error_location(where: str) -> Iterator[None]:
    try:
        yield
    except FetchError as error:
        error.where = f"{where}, which leads to {error.where}" if error.where else where
        raise


@contextmanager
def _open_response(
    address: WebAddress, fields: dict[str, str], backend: GuardedBackend
) -> Iterator[tuple[int, ResponseFields, httpcore.Response]]:
    """Send one request, and yield (status, fields, response).

    The body can be read within the block. Raises FetchError if the exchange fails."""
    request_fields: list[tuple[bytes | str, bytes | str]] = [
        ("Host", address.authority),
        *fields.items(),
    ]
    tls = backend.guard.get_tls_context() if address.scheme == "https" else None
    target = httpcore.URL(
        scheme=address.scheme, host=address.host, port=address.port, target=address.target
    )
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=tls, network_backend=backend, max_connections=1
            ) as pool,
            pool.stream("GET", target, headers=request_fields) as response,
        ):
            yield response.status, ResponseFields(response.headers), response
    except httpcore.TimeoutException as error:
        raise backend.deadline.create_timeout_error() from error
    except httpcore.ProtocolError as error:
        raise FetchError(
            f"the site violates HTTP ({error})",
            hint="try again later, or tell the site's owner",
        ) from error
    except httpcore.NetworkError as error:
        raise FetchError("the connection was cut", hint="try again later") from error


def _follow_redirect(
    address: WebAddress, fields: ResponseFields, seen_addresses: set[WebAddress], max_redirects: int
) -> WebAddress:
    locations = set(fields.get_values("location"))
    if len(locations) != 1:
        raise FetchError("the redirect does not name one target", is_permanent=True)
    next_address = join_location(address, locations.pop())
    if next_address in seen_addresses:
        raise FetchError("the redirects form a circle", is_permanent=True)
    if len(seen_addresses) > max_redirects:
        raise FetchError(
            f"the address redirects more than {max_redirects} times",
            hint="use the last address",
            is_permanent=True,
        )
    if (address.scheme, next_address.scheme) == ("https", "http"):
        raise FetchError(
            f"the address redirects from https to http, to {next_address}",
            hint="use that address if you trust it",
            is_permanent=True,
        )
    return next_address


def _read_result(
    address: WebAddress,
    status: int,
    fields: ResponseFields,
    response: httpcore.Response,
    size: int,
    previous_validators: Validators | None,
    permanent_url: str,
) -> FetchResult:
    media_type, charset = fields.get_media_type()
    validators = fields.get_validators()
    content = b""
    if status == 304 and previous_validators is not None:
        validators = Validators(
            validators.etag or previous_validators.etag,
            validators.last_modified or previous_validators.last_modified,
        )
    elif status == 200:
        if (fields.get_content_length() or 0) > size:
            raise create_size_error(size)
        coding = fields.get_value("content-encoding").strip().lower()
        content = read_body(response.iter_stream(), coding, size)
    else:
        raise _create_status_error(status, fields)
    return FetchResult(
        str(address), status, content, media_type, charset, validators, permanent_url
    )


def _create_status_error(status: int, fields: ResponseFields) -> FetchError:
    is_permanent = 400 <= status < 500 and status not in _TEMPORARY_REFUSALS
    message = {
        401: "the site asks for a password (401)",
        403: "the site refuses access (403)",
        404: "there is no such page (404)",
        410: "the page has been removed (410)",
        429: "the site received too many requests (429)",
    }.get(status, f"the site answers with {status} and no content")
    return FetchError(
        message,
        hint="check the address" if is_permanent else "try again later",
        is_permanent=is_permanent,
        retry_after=fields.get_retry_after(),
        status=status,
    )
