"""The signed links in mails, which name a subscriber, a list and an edition.

Each link is signed for one purpose, so that a link to a page can't be used to unsubscribe. Links
for unsubscribing never expire.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from mailer import tokens
from mailer.errors import TokenError
from mailer.tokens import LinkKeys

MAX_NUMBER = 2**63 - 1
_NUMBER = re.compile(r"[0-9a-f]{1,19}")


class LinkPurpose(StrEnum):
    """The purposes that tokens are signed for."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    VIEW = "view"
    CONFIRM = "confirm"
    CLICK = "click"
    """A link whose clicks are counted. It names no person, and is the same for all readers."""
    ADVANCE = "advance"
    TEST = "test"
    """A link of a test mail, whatever page the link has in the mails of readers."""
    EDITION_DECISION = "edition-decision"
    """A link of a member of staff who may approve an edition (``mailer/staff_links.py``)."""
    KILL_DECISION = "kill-decision"
    """A link of a member of staff who may confirm a kill."""


@dataclass(frozen=True, slots=True)
class MemberLink:
    """The records that a link names. `list_id` and `edition_id` are 0 if it names none."""

    subscriber_id: int
    list_id: int = 0
    edition_id: int = 0


@dataclass(frozen=True, slots=True)
class ViewLink:
    """The target of a "view in browser" link: an edition in one language, with the stories in a bit
    mask."""

    edition_id: int
    language: str
    stories: int


@dataclass(frozen=True, slots=True)
class ClickLink:
    """A link of a frozen body whose clicks are counted, by its number in the body."""

    edition_id: int
    language: str
    number: int


def verify_member_link(keys: LinkKeys, purpose: LinkPurpose, token: str) -> MemberLink:
    """Return the records that a link names. Raises the same TokenError for every fault."""
    return MemberLink(*_parse_numbers(tokens.verify_token(keys, purpose, token), 3))


def sign_member_link(keys: LinkKeys, purpose: LinkPurpose, link: MemberLink) -> str:
    return tokens.sign_token(keys, purpose, link.subscriber_id, link.list_id, link.edition_id)


def verify_view_link(keys: LinkKeys, token: str) -> ViewLink:
    """Return the view that a link names. Raises TokenError."""
    fields = tokens.verify_token(keys, LinkPurpose.VIEW, token)
    try:
        number, language, stories = fields
        return ViewLink(_parse_number(number), language, _parse_number(stories, 16))
    except ValueError as error:
        raise build_link_error() from error


def verify_click_link(keys: LinkKeys, token: str) -> ClickLink:
    """Return the counted link that a token names. Raises TokenError."""
    fields = tokens.verify_token(keys, LinkPurpose.CLICK, token)
    try:
        edition_id, language, number = fields
        return ClickLink(_parse_number(edition_id), language, _parse_number(number))
    except ValueError as error:
        raise build_link_error() from error


def verify_confirmation_link(keys: LinkKeys, token: str) -> int:
    """Return the number of the confirmation that a link names. Raises TokenError."""
    return _parse_numbers(tokens.verify_token(keys, LinkPurpose.CONFIRM, token), 1)[0]


def sign_confirmation_link(keys: LinkKeys, confirmation_id: int) -> str:
    return tokens.sign_token(keys, LinkPurpose.CONFIRM, confirmation_id)


def _parse_numbers(fields: tuple[str, ...], count: int) -> list[int]:
    if len(fields) != count:
        raise build_link_error()
    try:
        return [_parse_number(field) for field in fields]
    except ValueError as error:
        raise build_link_error() from error


def _parse_number(text: str, base: int = 10) -> int:
    """Parse a record's number or a mask. Raises ValueError if no database column can hold it."""
    if not _NUMBER.fullmatch(text) or (number := int(text, base)) > MAX_NUMBER:
        raise ValueError(text)
    return number


def build_link_error() -> TokenError:
    return TokenError("this link is not valid", hint="open the newest mail and use its link")
