"""The signed links by which members of staff decide something away from the command line.

A link names its person, the record to decide about, and a digest of the content that they were
shown, so that it is good for this person and this content only. The delivering worker signs it
when the message of one recipient is built: the rest of the mail is the same for all of them.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailer import tokens
from mailer.audience.links import LinkPurpose, build_link_error
from mailer.tokens import LinkKeys

LIFETIME = timedelta(days=14)
"""Time for which a link works, counted from its mail or from the send time that it is about."""

DIGEST_LENGTH = 32
"""Number of hexadecimal digits of a digest in a link: 128 bits."""

_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class StaffLink:
    """The facts that a link names: the holder's `address`, the `subject` (an edition's number or a
    story's slug), the beginning of the digest of its content, and when the link ends."""

    address: str
    subject: str
    digest: str
    expires_at: datetime


def build_link_fields(subject: str | int, digest: str, expires_at: datetime) -> str:
    """Return the fields of a token that are the same for all recipients of a mail."""
    return f"{subject}.{digest[:DIGEST_LENGTH]}.{int(expires_at.timestamp())}"


def join_token_fields(address: str, link_fields: str) -> bytes:
    """Return all fields of the token of the person with this address."""
    encoded_address = urlsafe_b64encode(address.encode()).rstrip(b"=")
    return encoded_address + b"." + link_fields.encode("ascii")


def sign_staff_link(keys: LinkKeys, purpose: LinkPurpose, link: StaffLink) -> str:
    """Return the token of a link."""
    body = join_token_fields(
        link.address, build_link_fields(link.subject, link.digest, link.expires_at)
    )
    return tokens.get_signer(tokens.get_signing_key(keys), purpose).sign_body(body).decode()


def verify_staff_link(keys: LinkKeys, purpose: LinkPurpose, token: str, now: datetime) -> StaffLink:
    """Return what a link names. Raises the same TokenError for every fault: a link that was forged,
    made for another purpose, or has expired."""
    fields = tokens.verify_token(keys, purpose, token)
    try:
        encoded_address, subject, digest, seconds = fields
        if not _SECONDS.fullmatch(seconds):
            raise build_link_error()
        padding = "=" * (-len(encoded_address) % 4)
        address = urlsafe_b64decode(encoded_address + padding).decode()
        expires_at = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError) as error:
        raise build_link_error() from error
    if expires_at <= now:
        raise build_link_error()
    return StaffLink(address, subject, digest, expires_at)
