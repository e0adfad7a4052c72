"""The networks to which a client's requests are counted, and the client behind reverse proxies.

A provider gives a customer a whole IPv6 network: a /64 to a phone, a /56 to a home, a /48 to an
office (RFC 6177; RIPE-690 §4.2). Counting single addresses, or /64 networks alone, would let one
customer of a /48 count as 65,536 clients.
"""

import ipaddress
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias

IpAddress: TypeAlias = IPv4Address | IPv6Address

MAX_FORWARDED_HOPS = 32
"""Entries of X-Forwarded-For that are read, from its end."""

_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5}", re.ASCII)


class ClientNetwork(NamedTuple):
    """A network of a client. Its allowance in a window is that of `weight` single clients."""

    subject: str
    weight: int


def list_client_networks(host: str) -> list[ClientNetwork]:
    """Return the networks of a client, the narrowest first. A `host` that is not an IP address,
    such as that of a Unix socket, counts as a network."""
    address = parse_ip_address(host)
    if address is None or isinstance(address, IPv4Address):
        return [ClientNetwork(str(address or host), 1)]
    return [
        ClientNetwork(str(ipaddress.ip_network((int(address), prefix), strict=False)), weight)
        for prefix, weight in ((64, 1), (56, 1), (48, 2))
    ]


def parse_ip_address(text: str) -> IpAddress | None:
    """Parse an IP address as proxies write it: with brackets, a port or a zone id, which are
    dropped. An IPv4-mapped address is its IPv4 address. Returns None for everything else."""
    text = text.strip().strip('"')
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


def find_forwarded_client(
    peer: str, forwarded_for: str, is_trusted: Callable[[IpAddress], bool]
) -> str:
    """Return the client of a request that `peer` has passed on with this X-Forwarded-For.

    Each proxy adds the address of its own peer at the end, so the entries are read from the end, as
    long as a trusted proxy has added them. An entry that is not an address can't come from such a
    proxy; the request then counts for the last proxy before this entry."""
    client = peer
    address = parse_ip_address(peer)
    entries = forwarded_for.split(",") if forwarded_for else []
    for entry in reversed(entries[-MAX_FORWARDED_HOPS:]):
        if address is None or not is_trusted(address):
            break
        next_address = parse_ip_address(entry)
        if next_address is None:
            break
        address, client = next_address, str(next_address)
    return client
