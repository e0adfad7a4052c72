"""The decision which addresses are on the public internet."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.intake.fetching.public import SPECIAL_BLOCKS, UNICAST, is_public
from tests.unit.intake.fetching.address_forms import PUBLIC, list_look_up_answers


@pytest.mark.parametrize("text", PUBLIC)
def test_address_beside_special_block_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", list_look_up_answers())
def test_address_in_special_block_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("block", SPECIAL_BLOCKS, ids=str)
def test_ends_of_special_blocks_are_not_public(block: object) -> None:
    assert not is_public(block[0])  # type: ignore[index]
    assert not is_public(block[-1])  # type: ignore[index]


@given(st.ip_addresses(v=4))
def test_is_public_is_stricter_than_standard_library(address: IPv4Address) -> None:
    assert address.is_global or not is_public(address)


@given(st.ip_addresses(v=6))
def test_ipv6_address_outside_unicast_is_not_public(address: IPv6Address) -> None:
    assert (address in UNICAST and address.is_global) or not is_public(address)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::", "::ffff:0:0:0"]))
def test_ipv6_address_with_embedded_ipv4_is_not_public(address: IPv4Address, prefix: str) -> None:
    assert not is_public(IPv6Address(int(IPv6Address(prefix)) | int(address)))
