"""Addresses inside a network, in every known form. A fetch must reach none of them.

``python -m tests.unit.intake.fetching.address_forms`` counts them.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

V4 = (
    # loopback, this network, broadcast
    "127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "255.255.255.255",
    "0.0.0.0", "0.0.0.1", "0.1.2.3",  # noqa: S104
    # private
    "10.0.0.0", "10.0.0.1", "10.1.2.3", "10.255.255.255", "172.16.0.1", "172.20.10.5",
    "172.31.255.255", "192.168.0.1", "192.168.1.1", "192.168.255.255",
    # link-local and metadata of clouds
    "169.254.0.1", "169.254.169.254", "169.254.170.2", "169.254.255.255", "100.100.100.200",
    "168.63.129.16", "192.0.0.192",
    # a provider's own
    "100.64.0.0", "100.64.0.1", "100.127.255.255",
    # protocol assignments, documentation, relays, AS112, benchmarks
    "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.0.2.255", "198.51.100.7",
    "203.0.113.9", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.175.48.1", "198.18.0.1",
    "198.19.255.254",
    # multicast, reserved
    "224.0.0.1", "224.0.0.251", "239.255.255.250", "240.0.0.1", "250.1.2.3", "255.255.255.254",
)  # fmt: skip

V6 = (
    # unspecified, loopback
    "::", "::1", "0:0:0:0:0:0:0:1",
    # unique local, and a metadata service there
    "fc00::1", "fc00:1234::9", "fd00::1", "fd00:ec2::254", "fdff:ffff::1",
    # link-local, site-local, multicast
    "fe80::1", "fe80::5054:ff:fe12:3456", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff02::fb",
    "ff05::2", "ff0e::1",
    # documentation, discard, SRv6, dummy
    "2001:db8::1", "2001:db8:ffff::2", "3fff::1", "3fff:fff::1", "100::1", "100:0:0:1::1",
    "5f00::1",
    # protocol assignments: benchmarks, AMT, AS112, ORCHIDs, port control
    "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1",
    "2001:30::1", "2620:4f:8000::1", "3ffe::1",
    # unassigned
    "200::1", "400::1", "1000::1", "4000::1", "6000::1", "8000::1", "a000::1", "c000::1", "e000::1",
    "f000::1", "f800::1", "fe00::1",
)  # fmt: skip

_TUNNELLED = (
    "127.0.0.1", "10.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "198.18.0.1", "0.0.0.0", "93.184.215.14",  # noqa: S104
)  # fmt: skip
"""The last is public, but the machine that unpacks it may be inside."""

_SPELLED = (
    "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0",  # noqa: S104
)  # fmt: skip

NAMES = (
    "localhost", "LOCALHOST", "LocalHost", "localhost.", "localhost.localdomain", "a.localhost",
    "a.b.LOCALHOST", "ｌｏｃａｌｈｏｓｔ", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "localhoſt", "printer.local",
    "printer.local.", "Printer.LOCAL", "printer。local", "metadata.google.internal",
    "METADATA.google.INTERNAL.",
    "db.internal", "router.home.arpa", "home.arpa", "nas.home", "nas.lan", "wiki.corp",
    "wiki.intranet", "wiki.private", "intranet", "wordpress", "db", "postgres", "redis", "metadata",
    "kubernetes",
)  # fmt: skip


def list_embedded_ipv4() -> Iterator[str]:
    """Yield IPv6 addresses with an IPv4 address inside."""
    for text in _TUNNELLED:
        v4 = int(IPv4Address(text))
        high, low = v4 >> 16, v4 & 0xFFFF
        yield f"::ffff:{text}"
        yield f"::{text}" if v4 else "::0.0.0.0"
        yield f"::ffff:0:{text}"
        yield f"64:ff9b::{text}"
        yield f"64:ff9b:1::{text}"
        yield f"2002:{high:x}:{low:x}::1"
        yield str(IPv6Address((0x20010000 << 96) | (v4 << 64) | 0x8000F227 << 32 | 0x42424242))
        yield str(IPv6Address((0x20010000 << 96) | (0x08080808 << 64) | (v4 ^ 0xFFFFFFFF)))
        yield str(IPv6Address((0x2A00_1450 << 96) | 0x5EFE << 32 | v4))
        yield str(IPv6Address((0x2A00_1450 << 96) | 0x0200_5EFE << 32 | v4))


def list_spellings(text: str) -> Iterator[str]:
    """Yield the spellings of an IPv4 address that inet_aton, browsers and people use."""
    parts = [int(part) for part in text.split(".")]
    a, b, c, d = parts
    number = int(IPv4Address(text))
    yield str(number)
    yield str(number + (1 << 32))
    yield f"0x{number:x}"
    yield f"0X{number:08X}"
    yield f"0{number:o}"
    yield ".".join(f"0x{part:x}" for part in parts)
    yield ".".join(f"0x{part:02X}" for part in parts)
    yield ".".join(f"0{part:o}" for part in parts)
    yield ".".join(f"{part:03}" for part in parts)
    yield f"{a}.{b}.{(c << 8) | d}"
    yield f"{a}.{(b << 16) | (c << 8) | d}"
    yield f"0x{a:x}.{(b << 16) | (c << 8) | d}"
    yield f"0{a:o}.0x{b:x}.{c}.{d}"
    yield f"{text}."
    yield f"{text}.."
    yield text.replace(".", "。")
    yield text.replace(".", "．")
    yield text.replace(".", "%2e")
    yield "".join(
        chr(ord(character) + 0xFEE0) if character.isdigit() else character for character in text
    )
    yield (
        "".join(
            chr(0x245F + int(character)) if character in "123456789" else character
            for character in text
        )
        + "\u00ad"
    )
    yield text.translate({0x30 + n: 0x0660 + n for n in range(10)})
    yield "".join(f"%{ord(character):02x}" for character in text)
    yield f"{text}:80@{text}"
    yield f"example.org@{text}"
    yield f"example.org:x@{text}"
    yield f"{text}\\@example.org"
    yield f"{text}\t"
    yield f"{text}%00.example.org"
    yield f"[::ffff:{text}]"
    yield f"[{text}]"


def list_hosts() -> list[str]:
    """Return the hosts of addresses with an inner target, each form once."""
    literals = [*V4, *(f"[{literal}]" for literal in (*V6, *list_embedded_ipv4()))]
    scoped = ["[fe80::1%eth0]", "[fe80::1%25eth0]", "[::1%lo]", "[fe80::1%1]", "[ff02::1%2]"]
    spelled = [spelling for text in _SPELLED for spelling in list_spellings(text)]
    upper = [f"[{literal.upper()}]" for literal in V6 if literal.upper() != literal]
    exploded = [
        f"[{IPv6Address(literal).exploded}]" for literal in ("::1", "fe80::1", "fd00::1", "::")
    ]
    odd = ["127.1", "127.0.1", "0", "0x", "0x0", "00", "1", "127.0.0.1.0x7f", "::1", "[::1", "::1]"]
    return list(dict.fromkeys([*literals, *scoped, *spelled, *upper, *exploded, *odd, *NAMES]))


def list_look_up_answers() -> list[str]:
    """Return the inner addresses that a look-up can return, each once."""
    scoped = ["fe80::1%eth0", "fe80::1%2", "2a00:1450::1%eth0"]
    return list(dict.fromkeys([*V4, *V6, *list_embedded_ipv4(), *scoped]))


PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "93.184.215.14", "100.63.255.255",
    "100.128.0.1", "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.1",
    "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.255.255", "192.169.0.1",
    "198.17.255.255", "198.20.0.1", "203.0.112.1", "203.0.114.1", "223.255.255.254",
    "2001:200::1", "2001:4860:4860::8888", "2003::1", "2400:cb00::1", "2606:2800:220:1::1",
    "2620:0:2d0:200::7", "2a00:1450:4001::1", "2c0f:fb50::1",
)  # fmt: skip
"""Addresses of the public internet, many of them beside a special block."""


if __name__ == "__main__":
    hosts, answers = len(list_hosts()), len(list_look_up_answers())
    print(f"{hosts} hosts, {answers} answers, {hosts + 2 * answers} forms")
