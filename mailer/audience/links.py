"""What stands in the links of mails: who, on which list, from which edition.

The purpose of each link is its own, so that one that shows a page can't be used to leave a list.
A link for leaving never expires.
"""

from dataclasses import dataclass
from enum import StrEnum

from mailer import tokens
from mailer.errors import TokenError


class Purpose(StrEnum):
    """The purposes that tokens are signed for."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    VIEW = "view"
    CONFIRM = "confirm"


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
        return ViewLink(int(number), language, int(stories, 16))
    except ValueError as error:
        raise not_valid() from error


def confirmation(key: bytes, token: str) -> int:
    """A confirmation's number. Raises TokenError."""
    return _numbers(tokens.verify(key, Purpose.CONFIRM, token), 1)[0]


def sign_confirmation(key: bytes, number: int) -> str:
    return tokens.sign(key, Purpose.CONFIRM, number)


def _numbers(fields: tuple[str, ...], count: int) -> list[int]:
    if len(fields) != count or not all(one.isascii() and one.isdigit() for one in fields):
        raise not_valid()
    return [int(one) for one in fields]


def not_valid() -> TokenError:
    return TokenError("this link is not valid", hint="open the newest mail and use its link")
