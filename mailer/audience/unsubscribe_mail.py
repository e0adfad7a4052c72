"""Unsubscribing by mail: the mailto: URI that messages offer, and the mails that arrive there.

``List-Unsubscribe`` (RFC 2369 §3.2) contains a mailto: URI and a web link with the same token. The
token is in the subject of the mailto: URI. Mail programs send that subject back unchanged, folded,
encoded or after a "Re:".

Automatic replies and reports repeat subjects, too, but without the decision of a person. So they
are ignored.
"""

import re
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
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

AUTOMATIC_PRECEDENCES = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
"""Values of Precedence that mark a message sent by a program (RFC 3834 §3.1.8)."""

AUTOMATIC_FIELDS = (
    "X-Autoreply",
    "X-Auto-Reply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Autoreply-From",
    "X-AutoReply-Domain",
    "X-Mail-Autoreply",
    "X-Failed-Recipients",
)
"""Header fields that only automatic replies and Exim's bounces have."""

REPORT_TYPES = frozenset(
    {"multipart/report", "message/disposition-notification", "message/delivery-status"}
)
"""Content types of bounces, read receipts and refusals by a filter (RFC 6522, RFC 8098)."""

_MAILER_DAEMON = re.compile(r"(?i)(?:^|[\s<\"])mailer-daemon(?:@|[>\s\"]|$)")

_TOKEN = re.compile(r"unsubscribe\s+(\d+\.\d+\.\d+\.[\w-]+)", re.ASCII | re.IGNORECASE)


def build_mailto(address: str) -> str:
    """Build the mailto: URI for unsubscribing, up to the token, which is appended unchanged
    (RFC 6068 §2: all but unreserved characters are percent-encoded)."""
    local, _, domain = addresses.to_wire_form(address).rpartition("@")
    return f"mailto:{quote(local, safe='')}@{quote(domain, safe='')}?subject=unsubscribe%20"


class NoUnsubscribeMail(InputError):
    """A message that asks for nothing: it has no token, or no person has written it."""


def extract_token(message: bytes) -> str:
    """Return the token in the subject of a message (RFC 5322). The body is not read. Raises
    NoUnsubscribeMail if the subject has no token, or if a program has sent the message."""
    header = BytesHeaderParser().parsebytes(message)
    if reason := find_automatic_sign(header):
        raise NoUnsubscribeMail(
            f"it is an automatic reply or a report ({reason}), which unsubscribes no person"
        )
    raw_subject = header["Subject"]
    try:
        subject = str(make_header(decode_header(raw_subject))) if raw_subject is not None else ""
    except (HeaderParseError, LookupError, ValueError):  # an unknown charset, or invalid bytes
        subject = str(raw_subject)
    match = _TOKEN.search(subject)
    if match is None:
        raise NoUnsubscribeMail(
            "it names no subscriber and no list",
            where="Subject",
            hint="it must be the subject from List-Unsubscribe: 'unsubscribe' and a token",
        )
    return match[1]


def find_automatic_sign(header: Message) -> str:
    """Return the header field that shows that a program has sent the message, or an empty string
    (RFC 3834 §5; an empty Return-Path is that of a bounce, RFC 5321 §4.5.5)."""
    auto_submitted = _get_first_word(header, "Auto-Submitted")
    if auto_submitted not in {"", "no"}:
        return "Auto-Submitted"
    if _get_first_word(header, "Precedence") in AUTOMATIC_PRECEDENCES:
        return "Precedence"
    for name in AUTOMATIC_FIELDS:
        if name in header:
            return name
    if header.get_content_type() in REPORT_TYPES:
        return "Content-Type"
    return_path = header["Return-Path"]
    if return_path is not None and str(return_path).strip() in {"", "<>"}:
        return "Return-Path"
    for name in ("From", "Sender", "Return-Path"):
        if _MAILER_DAEMON.search(str(header.get(name, ""))):
            return name
    if _MAILER_DAEMON.search(header.get_unixfrom() or ""):  # Postfix writes it for no sender
        return "envelope sender"
    return ""


def _get_first_word(header: Message, name: str) -> str:
    """Return the first word of a field in lower case, without comments and parameters."""
    words = re.split(r"[\s;(,]", str(header.get(name, "")).strip().lower(), maxsplit=1)
    return words[0]


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
    NoUnsubscribeMail if the message holds no token or is an automatic reply, and TokenError for a
    token that this office did not sign."""
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
            tx,
            actor,
            subscriber,
            mailing_list,
            now,
            source=UNSUBSCRIBE_MAIL,
            edition_id=link.edition_id,
        )
    return UnsubscribeResult(subscriber, mailing_list, already_unsubscribed)
