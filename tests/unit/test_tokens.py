"""A token says what we signed, for the purpose that we signed it for, and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import tokens
from mailer.errors import TokenError
from tests.unit.samples import CHARACTERS

keys = st.binary(min_size=32, max_size=32)
purposes = st.sampled_from(["unsubscribe", "preferences", "view", "confirm"])
fields = st.lists(
    st.one_of(
        st.integers(), st.text(st.characters(max_codepoint=127, exclude_characters="."), max_size=9)
    ),
    min_size=1,
    max_size=5,
)
KEY = bytes(32)


@given(keys, purposes, fields)
def test_signed_token_round_trip(key: bytes, purpose: str, given_fields: list[int | str]) -> None:
    token = tokens.sign_token(key, purpose, *given_fields)
    assert tokens.verify_token(key, purpose, token) == tuple(map(str, given_fields))


@given(keys, keys, purposes, purposes, fields)
def test_token_of_another_key_or_purpose_is_refused(
    key: bytes, other_key: bytes, purpose: str, other: str, given_fields: list[int | str]
) -> None:
    token = tokens.sign_token(key, purpose, *given_fields)
    if (key, purpose) != (other_key, other):
        with pytest.raises(TokenError):
            tokens.verify_token(other_key, other, token)


@given(fields, st.data())
def test_changed_or_cut_token_is_refused(
    given_fields: list[int | str], data: st.DataObject
) -> None:
    token = tokens.sign_token(KEY, "view", *given_fields)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(CHARACTERS.filter(lambda character: character != token[at]))
    for forged in (token[:at] + other + token[at + 1 :], token[:at], token[at + 1 :] + token[at]):
        if forged != token:
            with pytest.raises(TokenError):
                tokens.verify_token(KEY, "view", forged)


@given(st.text(CHARACTERS))
def test_unsigned_token_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        tokens.verify_token(KEY, "view", token)


def test_token_fields_are_not_confused() -> None:
    assert tokens.sign_token(KEY, "view", 1, 23) != tokens.sign_token(KEY, "view", 12, 3)


@given(st.lists(st.integers(), min_size=1, max_size=4))
def test_token_of_numbers_is_url_safe(numbers: list[int]) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", tokens.sign_token(KEY, "view", *numbers))


@pytest.mark.parametrize("field", ["a.b", ".", "é", "\ud800"])
def test_token_field_with_dot_raises_value_error(field: str) -> None:
    with pytest.raises(ValueError, match="without dots"):
        tokens.sign_token(KEY, "view", field)


def test_address_hash_is_keyed_and_stable() -> None:
    first, second, again = tokens.hash_addresses(KEY, ["a@b.org", "c@b.org", "a@b.org"])
    assert first == again == tokens.hash_address(KEY, "a@b.org")
    assert len({first, second, tokens.hash_address(bytes(31) + b"\1", "a@b.org")}) == 3
    assert re.fullmatch("[0-9a-f]{32}", first)
