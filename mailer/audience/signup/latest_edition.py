"""The latest edition of a list for a new member, which follows the welcome.

The mail is a copy of the edition's frozen body, with the stories that the member's topics let
through. It is a service mail: the edition itself and its counts stay as they are. Stories that were
killed, withdrawn or corrected since, or are embargoed, are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer.audience.sendable_stories import find_sendable_bits
from mailer.audience.subscribers import find_membership
from mailer.model.editions import Edition, EditionBody
from mailer.model.lists import MailingList
from mailer.model.signup import Confirmation
from mailer.model.subscribers import MembershipState
from mailer.model.transaction import Transaction


class EditionCopier(Protocol):
    """Makes the copies of an edition."""

    def fill_send_day(self, body: EditionBody, edition: Edition) -> EditionBody:
        """Return a frozen body with the day on which its edition was sent."""


@dataclass(frozen=True, slots=True)
class EditionCopy:
    """The copy that a member gets: the edition, the body's language, and the bits of the member's
    stories. `slugs` are the stories of the edition that may be sent again, to any member."""

    edition: Edition
    list: MailingList
    language: str
    stories: int
    slugs: tuple[str, ...]


def find_edition_copy(
    tx: Transaction, lists: Sequence[MailingList], confirmation: Confirmation, now: datetime
) -> EditionCopy | None:
    """Return the latest edition of the lists that the person joined by this confirmation and that
    send it to new members. Return None if there is none, or if no story of it is left for them."""
    subscriber = tx.subscribers.find_subscriber(confirmation.address)
    if subscriber is None or confirmation.answered_at is None:
        return None
    candidates: list[tuple[datetime, Edition, MailingList]] = []
    for mailing_list in lists:
        if not may_send_latest_edition(mailing_list, confirmation):
            continue
        membership = find_membership(tx, subscriber, mailing_list.slug)
        if (
            membership is None
            or membership.state is not MembershipState.ACTIVE
            or membership.joined_at < confirmation.answered_at
        ):
            continue
        edition = tx.service_mails.find_latest_edition(mailing_list, membership.frequency)
        if edition is not None and edition.planned_at is not None:
            candidates.append((edition.planned_at, edition, mailing_list))
    if not candidates:
        return None
    _, edition, mailing_list = max(candidates, key=lambda candidate: candidate[0])
    status = tx.outbox.get_recipient_status(edition, subscriber.address)
    sendable_bits = find_sendable_bits(tx, edition, now)
    stories = status.stories & sum(1 << bit for bit in sendable_bits.values())
    if not stories or status.suppressed or not status.language:
        return None
    slugs = tuple(sorted(sendable_bits))
    return EditionCopy(edition, mailing_list, status.language, stories, slugs)


def may_send_latest_edition(mailing_list: MailingList, confirmation: Confirmation) -> bool:
    """Check whether a list that was asked for in a sign-up sends new members its latest edition."""
    return (
        mailing_list.welcome_edition
        and not mailing_list.is_closed
        and mailing_list.slug in confirmation.wishes.lists
    )
