"""Leaving a list by mail: the address that messages offer for it, and what comes to it.

``List-Unsubscribe`` (RFC 2369 §3.2) offers a mailto: URI whose subject holds the same token as the
link beside it. A mail program writes it back as it stands, folded, encoded or behind a "Re:".
"""

import re
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from typing import NamedTuple
from urllib.parse import quote

from mailer.audience import addresses, links, subscribers
from mailer.audience.links import Purpose
from mailer.audience.lists import ListStore, MailingList
from mailer.audience.subscribers import MembershipState, Subscriber, SubscriberStore
from mailer.errors import InputError

UNSUBSCRIBE_MAIL = "unsubscribe mail"
"""The source of a leaving, for the log of consent."""

_TOKEN = re.compile(r"unsubscribe\s+(\d+\.\d+\.\d+\.[\w-]+)", re.ASCII | re.IGNORECASE)


def mailto(address: str) -> str:
    """The URI that asks to be taken off, up to the token, which follows as it is (RFC 6068 §2: all
    but unreserved characters percent-encoded)."""
    local, _, domain = addresses.wire(address).rpartition("@")
    return f"mailto:{quote(local, safe='')}@{quote(domain, safe='')}?subject=unsubscribe%20"


def token_of(message: bytes) -> str:
    """The token in the subject of a message (RFC 5322; its body is not looked at). Raises
    InputError where there is none."""
    written = BytesHeaderParser().parsebytes(message)["Subject"]
    try:
        subject = str(make_header(decode_header(written))) if written is not None else ""
    except (HeaderParseError, LookupError, ValueError):  # no such charset, or none of its bytes
        subject = str(written)
    found = _TOKEN.search(subject)
    if found is None:
        raise InputError(
            "it doesn't say who is to be taken off which list",
            where="Subject",
            hint="it must hold the words of List-Unsubscribe: unsubscribe, and a token of ours",
        )
    return found[1]


class Left(NamedTuple):
    """Who is off which list now; None where they, or it, are no longer there. `before`: they were
    off it already."""

    person: Subscriber | None
    list: MailingList | None
    before: bool


def leave(
    people: SubscriberStore, lists: ListStore, key: bytes, message: bytes, now: datetime
) -> Left:
    """Take off a list who asks for it in a message. Idempotent. Raises InputError where it holds no
    token, TokenError for one that isn't ours."""
    link = links.member(key, Purpose.UNSUBSCRIBE, token_of(message))
    person = people.by_id(link.subscriber_id)
    mailing_list = next((one for one in lists.lists() if one.id == link.list_id), None)
    if person is None or mailing_list is None:
        return Left(person, mailing_list, before=True)
    known = subscribers.membership_of(people, person, mailing_list.slug)
    before = known is None or known.state is MembershipState.UNSUBSCRIBED
    if not before:
        subscribers.unsubscribe(people, person, mailing_list, now, source=UNSUBSCRIBE_MAIL)
    return Left(person, mailing_list, before)
