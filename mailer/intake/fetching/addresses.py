"""Parse web addresses, and accept them in one spelling only.

Attackers bypass checks with a host that one program reads as a name and another as a number:
``127.1``, ``0x7f000001``, ``127。0。0。1``, a backslash, a user name before an @. Only plain
spellings are accepted.
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
"""Maximum length of an address in characters."""

INNER_NAMES = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "home.arpa",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
)
"""Names that only mean something inside a network: RFC 6761, 6762, 8375, ICANN's .internal, and
names that ICANN does not delegate because so many networks use them."""

_PORTS = {"http": 80, "https": 443}
_PARTS = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]+))(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_QUAD = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNESCAPED = "!$%&'()*+,-./:;=?@[]_~"
"""Characters, apart from letters and digits, that a path and a query may hold unescaped (RFC 3986
§3.3). Brackets are among them, as many sites write them."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A checked address. `host` is an ASCII name in lower case or an IP address without brackets;
    `target` is the path and query in the form that is sent."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the Host field (RFC 9110 §7.2): the host, and the port unless it is the
        scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_address(url: str) -> WebAddress:
    """Parse `url` into the single accepted spelling, without its fragment.

    Raises a permanent FetchError if `url` is not an address that may be fetched. The error shows no
    password."""
    try:
        return _parse_parts(url)
    except FetchError as error:
        error.where = redact_url(url)
        raise


def join_location(base: WebAddress, location: str) -> WebAddress:
    """Resolve a Location field against `base` (RFC 9110 §10.2.2).

    Raises a permanent FetchError for an invalid address."""
    # Control characters are checked before urljoin, which silently drops tabs and line ends.
    if len(location) > LONGEST or holds_control(location) or "\\" in location:
        return parse_address(location)
    try:
        return parse_address(urljoin(str(base), location))
    except ValueError:
        return parse_address(location)


def redact_url(url: str) -> str:
    """Return an unchecked `url` for an error: on one line, short, and without a password."""
    _, at, rest = url.rpartition("@")
    return shorten_url(CONTROL_CHARACTERS.sub("?", f"…@{rest}" if at else url))


def shorten_url(url: str) -> str:
    """Return the first 200 characters of `url`, for an error."""
    return url if len(url) <= 200 else f"{url[:200]}…"


def _parse_parts(url: str) -> WebAddress:
    if len(url) > LONGEST:
        raise _create_error(f"the address is longer than {LONGEST:,} characters")
    if holds_control(url) or "\\" in url:
        raise _create_error("the address holds a character that is not allowed in web addresses")
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise _create_error(
            "it is not a web address", "use an address that starts with https:// or http://"
        )
    if "@" in parts[2]:
        raise _create_error(
            "the address holds a user name or a password", "use an address that anyone may open"
        )
    authority = _AUTHORITY.fullmatch(parts[2])
    if authority is None:
        raise _create_error("the address's host or port can't be read")
    scheme = parts[1].lower()
    port = int(authority[3]) if authority[3] else _PORTS[scheme]
    if not 0 < port < 65536:
        raise _create_error("the address's port does not exist")
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
        raise _create_error("the address's host is not an IPv6 address") from error
    if address.scope_id is not None:
        raise _create_error("the address's host names a network interface")
    return str(address)


def _normalise_host_name(text: str) -> str:
    """Return the host as a name in lower-case ASCII, or as a plain IPv4 address.

    Names follow IDNA 2008, mapped by UTS 46. Raises a permanent FetchError for any other host."""
    if len(text) > 254:
        raise _create_error("the address's host is longer than a name can be")
    try:
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise _create_error("the address's host can't be looked up") from error
    name = name.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # inet_aton and browsers read such hosts as IPv4 (WHATWG URL, "ends in a number"), while
        # other programs read some of the spellings as names.
        if not _QUAD.fullmatch(text) or parse_ip(text) is None:
            raise _create_error(
                "the address's host looks like a number but is not a plain IPv4 address"
            )
        return text
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _create_error("the address's host can't be looked up")
    if len(labels) == 1 or any(f".{name}".endswith(f".{inner}") for inner in INNER_NAMES):
        raise _create_error(
            "the address's host is a name inside a network", "use an address that anyone may open"
        )
    return name


def parse_ip(host: str) -> IPAddress | None:
    """Return `host` as an IP address, or None if it is a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None


def _create_error(message: str, hint: str = "check the spelling") -> FetchError:
    return FetchError(message, hint=hint, is_permanent=True)
