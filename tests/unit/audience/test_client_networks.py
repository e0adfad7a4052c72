"""Networks to which sign-ups are counted, and texts that proxies and attackers write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.signup.client_networks import (
    find_forwarded_client,
    list_client_networks,
    parse_ip_address,
)


def list_subjects(host: str) -> list[str]:
    return [network.subject for network in list_client_networks(host)]


def test_ipv6_client_is_counted_by_three_networks() -> None:
    assert list_client_networks("2001:db8:12:3456:7::9") == [
        ("2001:db8:12:3456::/64", 1),
        ("2001:db8:12:3400::/56", 1),
        ("2001:db8:12::/48", 2),
    ]


@pytest.mark.parametrize(
    "host",
    ["192.0.2.4", "::ffff:192.0.2.4", "192.0.2.4:443", "[::ffff:192.0.2.4]:443", " 192.0.2.4 "],
)
def test_ipv4_client_is_counted_by_its_address(host: str) -> None:
    assert list_subjects(host) == ["192.0.2.4"]


def test_zone_id_of_ipv6_address_is_dropped() -> None:
    assert list_subjects("fe80::1%eth0") == list_subjects("fe80::1%eth1")


def test_client_without_ip_address_counts_as_it_is() -> None:
    assert list_subjects("") == [""]
    assert list_subjects("testclient") == ["testclient"]


@pytest.mark.parametrize(
    "text", ["", "a", "1.2.3", "1.2.3.4.5", "[1::", "1::]", "1.2.3.4:x", "01.2.3.4", "::1:::"]
)
def test_text_that_is_no_ip_address_is_none(text: str) -> None:
    assert parse_ip_address(text) is None


@given(st.text(alphabet='0123456789abcdef.:%[]", x', max_size=60))
def test_client_behind_proxy_is_an_address_or_the_proxy(forwarded_for: str) -> None:
    client = find_forwarded_client("192.0.2.1", forwarded_for, lambda _: True)
    assert parse_ip_address(client) is not None
