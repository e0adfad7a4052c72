"""Unsubscribing by mail: the mailto: URI that messages offer, and the mails that arrive there.

``List-Unsubscribe`` (RFC 2369 §3.2) contains a mailto: URI and a web link with the same token. The
token is in the subject of the mailto: URI. Mail programs send that subject back unchanged, folded,
encoded or after a "Re:".
"""

import re
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from typing import NamedTuple
from urllib.parse import quote

from mailer import addresses
from mailer.actor import Actor
from mailer.audience import links, subscribers
from mailer.audience.links import LinkPurpose
from mailer.errors import InputError
from mailer.model.lists import MailingList
from mailer.model.subscribers import MembershipState, Subscriber
from mailer.model.transaction import Transaction
from mailer.tokens import LinkKeys

UNSUBSCRIBE_MAIL = "unsubscribe mail"
"""The source that the log of consent records for unsubscribing by mail."""

_TOKEN = re.compile(r"unsubscribe\s+(\d+\.\d+\.\d+\.[\w-]+)", re.ASCII | re.IGNORECASE)


def build_mailto(address: str) -> str:
    """Build the mailto: URI for unsubscribing, up to the token, which is appended unchanged
    (RFC 6068 §2: all but unreserved characters are percent-encoded)."""
    local, _, domain = addresses.to_wire_form(address).rpartition("@")
    return f"mailto:{quote(local, safe='')}@{quote(domain, safe='')}?subject=unsubscribe%20"


def extract_token(message: bytes) -> str:
    """Return the token in the subject of a message (RFC 5322). The body is not read. Raises
    InputError if the subject has no token."""
    raw_subject = BytesHeaderParser().parsebytes(message)["Subject"]
    try:
        subject = str(make_header(decode_header(raw_subject))) if raw_subject is not None else ""
    except (HeaderParseError, LookupError, ValueError):  # an unknown charset, or invalid bytes
        subject = str(raw_subject)
    match = _TOKEN.search(subject)
    if match is None:
        raise InputError(
            "it names no subscriber and no list",
            where="Subject",
            hint="it must be the subject from List-Unsubscribe: 'unsubscribe' and a token",
        )
    return match[1]


class UnsubscribeResult(NamedTuple):
    """The subscriber, and the list from which they are now unsubscribed; None for a record that no
    longer exists. `already_unsubscribed`: the mail changed nothing."""

    subscriber: Subscriber | None
    mailing_list: MailingList | None
    already_unsubscribed: bool


def unsubscribe_by_mail(
    tx: Transaction, actor: Actor, keys: LinkKeys, message: bytes, now: datetime
) -> UnsubscribeResult:
    """Unsubscribe the sender of a message from the list that its token names. Idempotent. Raises
    InputError if the message holds no token, TokenError for a token that this office did not
    sign."""
    link = links.verify_member_link(keys, LinkPurpose.UNSUBSCRIBE, extract_token(message))
    subscriber = tx.subscribers.find_subscriber_by_id(link.subscriber_id)
    mailing_list = next(
        (candidate for candidate in tx.lists.list_mailing_lists() if candidate.id == link.list_id),
        None,
    )
    if subscriber is None or mailing_list is None:
        return UnsubscribeResult(subscriber, mailing_list, already_unsubscribed=True)
    membership = subscribers.find_membership(tx, subscriber, mailing_list.slug)
    already_unsubscribed = membership is None or membership.state is MembershipState.UNSUBSCRIBED
    if not already_unsubscribed:
        subscribers.unsubscribe_person(
            tx, actor, subscriber, mailing_list, now, source=UNSUBSCRIBE_MAIL
        )
    return UnsubscribeResult(subscriber, mailing_list, already_unsubscribed)
