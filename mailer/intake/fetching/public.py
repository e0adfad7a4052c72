"""Decide which IP addresses are public, according to IANA's registries of special-purpose
addresses.

The check is stricter than :attr:`ipaddress.IPv4Address.is_global`: addresses that contain another
address (NAT64, 6to4, Teredo, mapped …) are always refused, because other machines would translate
such an address to the address within.

If an office uses public addresses inside its network, this check cannot tell; a firewall must
protect these addresses.
"""

from ipaddress import IPv4Address, IPv6Address, ip_network

IPAddress = IPv4Address | IPv6Address

SPECIAL_BLOCKS = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # shared by a provider's customers (RFC 6598); Alibaba's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a public address at which Azure's hosts answer their guests
        "169.254.0.0/16",  # link-local (RFC 3927); the clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # AMT relays (RFC 7450)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments (RFC 2928): Teredo, benchmarks, ORCHIDs
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4 (RFC 3056): an IPv4 address inside
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # the 6bone, given back (RFC 3701)
        "3fff::/20",  # documentation (RFC 9637)
    )
)

UNICAST = ip_network("2000::/3")
"""The part of IPv6 that is assigned for global unicast (RFC 4291 §2.4). Loopback, mapped,
compatible and translated addresses, NAT64, discard, SRv6, unique and site local, link-local and
multicast lie outside it."""

_ISATAP = {0x00005EFE, 0x02005EFE}
"""The middle parts of an interface identifier that ends in an IPv4 address (RFC 5214 §6.1)."""


def is_public(address: IPAddress) -> bool:
    """Check that `address` is on the public internet and not in a special block."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None or address not in UNICAST:
            return False
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            return False
    return address.is_global and not any(address in block for block in SPECIAL_BLOCKS)
