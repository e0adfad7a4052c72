"""What stands in the links of mails: who, on which list, from which edition.

The purpose of each link is its own, so that one that shows a page can't be used to leave a list.
A link for leaving never expires.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from mailer import tokens
from mailer.errors import TokenError

LARGEST = 2**63 - 1
_NUMBER = re.compile(r"[0-9a-f]{1,19}")


class Purpose(StrEnum):
    """The purposes that tokens are signed for."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    VIEW = "view"
    CONFIRM = "confirm"
    ADVANCE = "advance"


@dataclass(frozen=True, slots=True)
class MemberLink:
    """Numbers of records. `list_id` and `edition_id` are 0 where a link speaks of none."""

    subscriber_id: int
    list_id: int = 0
    edition_id: int = 0


@dataclass(frozen=True, slots=True)
class ViewLink:
    """An edition in one language, with the stories of a mask."""

    edition_id: int
    language: str
    stories: int


def member(key: bytes, purpose: Purpose, token: str) -> MemberLink:
    """Raises TokenError, the same for whatever is wrong with the link."""
    return MemberLink(*_numbers(tokens.verify(key, purpose, token), 3))


def sign_member(key: bytes, purpose: Purpose, link: MemberLink) -> str:
    return tokens.sign(key, purpose, link.subscriber_id, link.list_id, link.edition_id)


def view(key: bytes, token: str) -> ViewLink:
    """Raises TokenError."""
    fields = tokens.verify(key, Purpose.VIEW, token)
    try:
        number, language, stories = fields
        return ViewLink(_number(number), language, _number(stories, 16))
    except ValueError as error:
        raise not_valid() from error


def confirmation(key: bytes, token: str) -> int:
    """A confirmation's number. Raises TokenError."""
    return _numbers(tokens.verify(key, Purpose.CONFIRM, token), 1)[0]


def sign_confirmation(key: bytes, number: int) -> str:
    return tokens.sign(key, Purpose.CONFIRM, number)


def _numbers(fields: tuple[str, ...], count: int) -> list[int]:
    if len(fields) != count:
        raise not_valid()
    try:
        return [_number(one) for one in fields]
    except ValueError as error:
        raise not_valid() from error


def _number(written: str, base: int = 10) -> int:
    """A record's number or a mask. Raises ValueError for what no column of a database can hold."""
    if not _NUMBER.fullmatch(written) or (number := int(written, base)) > LARGEST:
        raise ValueError(written)
    return number


def not_valid() -> TokenError:
    return TokenError("this link is not valid", hint="open the newest mail and use its link")
