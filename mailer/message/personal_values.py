"""The personal values of a message, encoded for its bodies: the name, the address, and the links.

What is the same for every recipient is computed once, when an encoder is created.
"""

import html
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mailer import tokens
from mailer.audience.links import LinkPurpose
from mailer.message.field_slots import fill_field
from mailer.message.headers import (
    MAX_PLAIN_SEGMENT,
    SOFT_BREAK,
    clean_name,
    encode_quoted_printable,
    is_plain_segment,
)
from mailer.message.slots import Slot
from mailer.staff_links import join_token_fields


class Recipient(NamedTuple):
    """The recipient of a message, with the personal fields of a delivery row.

    `stories` is the story mask. In a service mail that asks for confirmation, `subscriber_id` is
    the id of the request to confirm. `fields` are the values of the office's own fields, as a
    delivery row has them."""

    delivery_id: int
    subscriber_id: int
    address: str
    name: str
    stories: int
    fields: str = ""


class SlotValue(NamedTuple):
    """A slot, whose value is filled in for each recipient. `is_html` is False for a link, which is
    the same in both bodies."""

    slot: Slot
    argument: str
    is_html: bool


class Link(NamedTuple):
    """The links to one kind of page: the address before the token, and the signer of tokens."""

    site: bytes
    sign_body: Callable[[bytes], bytes]

    @classmethod
    def bind_key(cls, key: bytes, base_url: str, page: str, purpose: LinkPurpose) -> "Link":
        site = f"{base_url.rstrip('/')}/{page}/"
        return cls(site.encode(), tokens.get_signer(key, purpose).sign_body)


EncodeValue = Callable[[Recipient, bytes, bytes], bytes]
"""Encodes a value, given the recipient, the fields of their tokens and the address of the page on
which they unsubscribe."""

LINK_PAGES: Mapping[Slot, tuple[str, LinkPurpose]] = {
    Slot.UNSUBSCRIBE: ("u", LinkPurpose.UNSUBSCRIBE),
    Slot.PREFERENCES: ("p", LinkPurpose.PREFERENCES),
    Slot.ACTION: ("c", LinkPurpose.CONFIRM),
    Slot.VIEW: ("e", LinkPurpose.ADVANCE),
    Slot.EDITION_DECISION: ("d", LinkPurpose.EDITION_DECISION),
    Slot.KILL_DECISION: ("k", LinkPurpose.KILL_DECISION),
}
"""The page and the purpose of each slot that is a personal link."""

DECISION_SLOTS = frozenset({Slot.EDITION_DECISION, Slot.KILL_DECISION})
"""Slots of links that name a member of staff."""

_PLAIN_ADDRESS = re.compile(r"[0-9A-Za-z@_+-][0-9A-Za-z@._+-]{0,73}")
"""Addresses that stay as they are in quoted-printable and in HTML."""


def create_encoder(value: SlotValue, links: Mapping[Slot, Link]) -> EncodeValue:
    """Create the encoder of a slot's value."""
    if value.slot in links:
        return _create_link_encoder(value, links[value.slot])
    if value.slot is Slot.NAME:
        return _create_name_encoder(value)
    if value.slot is Slot.FIELD:
        return _create_field_encoder(value)
    assert value.slot is Slot.ADDRESS, value.slot
    return _create_address_encoder(is_html=value.is_html)


def _create_link_encoder(value: SlotValue, link: Link) -> EncodeValue:
    slot, (site, sign_body) = value.slot, link
    # The characters of a token stay as they are.
    max_plain_size = MAX_PLAIN_SEGMENT if is_plain_segment(site.decode()) else 0

    def encode_url(url: bytes) -> bytes:
        if len(url) <= max_plain_size:
            return url + SOFT_BREAK
        return encode_quoted_printable(url.decode())

    if slot is Slot.UNSUBSCRIBE:
        return lambda _, token_fields, unsubscribe_url: encode_url(unsubscribe_url)
    if slot in DECISION_SLOTS:
        return lambda recipient, *_: encode_url(
            site + sign_body(join_token_fields(recipient.address, value.argument))
        )
    if slot is Slot.ACTION:
        return lambda recipient, *_: encode_url(site + sign_body(b"%d" % recipient.subscriber_id))
    return lambda _, token_fields, unsubscribe_url: encode_url(site + sign_body(token_fields))


def _create_name_encoder(value: SlotValue) -> EncodeValue:
    def encode_name(recipient: Recipient, *_: bytes) -> bytes:
        name = clean_name(recipient.name) or value.argument
        return encode_quoted_printable(html.escape(name) if value.is_html else name)

    return encode_name


def _create_field_encoder(value: SlotValue) -> EncodeValue:
    def encode_field(recipient: Recipient, *_: bytes) -> bytes:
        text = fill_field(value.argument, recipient.fields)
        return encode_quoted_printable(html.escape(text) if value.is_html else text)

    return encode_field


def _create_address_encoder(*, is_html: bool) -> EncodeValue:
    def encode_address(recipient: Recipient, *_: bytes) -> bytes:
        address = recipient.address
        if _PLAIN_ADDRESS.fullmatch(address):
            return address.encode() + SOFT_BREAK
        return encode_quoted_printable(html.escape(address) if is_html else address)

    return encode_address
