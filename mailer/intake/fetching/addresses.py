"""Web addresses, taken in one spelling or not at all.

What one program reads as a name and another as a number is how guards are got around: ``127.1``,
``0x7f000001``, ``127。0。0。1``, a backslash, a user name before an @. Only plain spellings pass.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

import idna

from mailer.errors import FetchError
from mailer.intake.fetching.public import IPAddress
from mailer.lines import CONTROL_CHARACTERS, holds_control

LONGEST = 2_000
"""Characters that an address may have."""

INNER_NAMES = (
    "localhost", "localdomain", "local", "internal", "home.arpa",
    "intranet", "private", "corp", "home", "lan",
)  # fmt: skip
"""Names that mean something inside a network only: RFC 6761, 6762, 8375, ICANN's .internal, and
those that ICANN won't give out because so many networks use them."""

_PORTS = {"http": 80, "https": 443}
_PARTS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]+))(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_QUAD = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNESCAPED = "!$%&'()*+,-./:;=?@[]_~"
"""What a path and a query may hold unescaped beside letters and digits (RFC 3986 §3.3), brackets
too: many sites write them."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A checked address. `host` is an ASCII name in lower case or an IP address without brackets;
    `target` is path and query as they go over the wire."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host, and port where it isn't the scheme's own: what the Host field says
        (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_address(url: str) -> WebAddress:
    """`url` in the one spelling that we use; its fragment goes.

    Raises FetchError, lasting, that shows nothing of a password."""
    try:
        return _parse_parts(url)
    except FetchError as error:
        error.where = redact_url(url)
        raise


def join_location(base: WebAddress, location: str) -> WebAddress:
    """Where a Location field leads to from `base` (RFC 9110 §10.2.2). Raises FetchError."""
    # before urljoin, which drops tabs and line ends without a word
    if len(location) > LONGEST or holds_control(location) or "\\" in location:
        return parse_address(location)
    try:
        return parse_address(urljoin(str(base), location))
    except ValueError:
        return parse_address(location)


def redact_url(url: str) -> str:
    """`url`, unchecked, as an error may show it: on one line, short, and without what may be a
    password."""
    _, at, rest = url.rpartition("@")
    return shorten_url(CONTROL_CHARACTERS.sub("?", f"…@{rest}" if at else url))


def shorten_url(url: str) -> str:
    """`url` as far as an error has room for it."""
    return url if len(url) <= 200 else f"{url[:200]}…"


def _parse_parts(url: str) -> WebAddress:
    if len(url) > LONGEST:
        raise _create_error(f"it is longer than {LONGEST:,} characters")
    if holds_control(url) or "\\" in url:
        raise _create_error("it holds a character that no web address has")
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise _create_error("it is no web address", "give one that starts with https:// or http://")
    if "@" in parts[2]:
        raise _create_error("it holds a user name or a password", "give one that anybody may open")
    authority = _AUTHORITY.fullmatch(parts[2])
    if authority is None:
        raise _create_error("its host or its port can't be read")
    scheme = parts[1].lower()
    port = int(authority[3]) if authority[3] else _PORTS[scheme]
    if not 0 < port < 65536:
        raise _create_error("there is no such port")
    host = (
        _parse_ipv6_host(authority[1])
        if authority[1] is not None
        else _normalise_host_name(authority[2])
    )
    target = quote((parts[3] or "/") + (parts[4] or ""), safe=_UNESCAPED)
    return WebAddress(scheme, host, port, target)


def _parse_ipv6_host(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError as error:
        raise _create_error("its host is no IPv6 address") from error
    if address.scope_id is not None:
        raise _create_error("its host names a network interface")
    return str(address)


def _normalise_host_name(text: str) -> str:
    """A name in lower-case ASCII (IDNA 2008, mapped as UTS 46 says), or a plain IPv4 address."""
    if len(text) > 254:
        raise _create_error("its host is longer than a name can be")
    try:
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise _create_error("its host is no name that can be looked up") from error
    name = name.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # what inet_aton and browsers take for IPv4 (WHATWG URL, "ends in a number"), in spellings
        # that others take for a name
        if not _QUAD.fullmatch(text) or parse_ip(text) is None:
            raise _create_error("its host looks like a number but is no plain IPv4 address")
        return text
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _create_error("its host is no name that can be looked up")
    if len(labels) == 1 or any(f".{name}".endswith(f".{inner}") for inner in INNER_NAMES):
        raise _create_error("its host is a name inside a network", "give one that anybody may open")
    return name


def parse_ip(host: str) -> IPAddress | None:
    """The IP address that `host` is, unless it is a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None


def _create_error(message: str, hint: str = "check how it is written") -> FetchError:
    return FetchError(message, hint=hint, is_permanent=True)
