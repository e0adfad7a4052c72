"""Which addresses are on the public internet."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.intake.fetching.public import SPECIAL_BLOCKS, UNICAST, is_public
from tests.unit.intake.fetching.address_forms import PUBLIC, list_look_up_answers


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_next_to_a_special_block_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", list_look_up_answers())
def test_an_address_in_a_special_block_is_not(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("block", SPECIAL_BLOCKS, ids=str)
def test_no_end_of_a_special_block_is_public(block: object) -> None:
    assert not is_public(block[0])  # type: ignore[index]
    assert not is_public(block[-1])  # type: ignore[index]


@given(st.ip_addresses(v=4))
def test_it_is_never_laxer_than_the_standard_library(address: IPv4Address) -> None:
    assert address.is_global or not is_public(address)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_outside_what_is_given_out_is_public(address: IPv6Address) -> None:
    assert (address in UNICAST and address.is_global) or not is_public(address)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::", "::ffff:0:0:0"]))
def test_no_address_that_carries_another_is_public(address: IPv4Address, prefix: str) -> None:
    assert not is_public(IPv6Address(int(IPv6Address(prefix)) | int(address)))
