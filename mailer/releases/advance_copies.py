"""Advance copies: the rules by which a contact may see a release that is still embargoed.

Each opening of an advance copy, and each refusal, is recorded in the log of the story's embargo.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer import editions
from mailer.actor import Actor
from mailer.audience.links import MemberLink
from mailer.audience.subscribers import find_membership
from mailer.model.contacts import Trust
from mailer.model.edition_states import EMBARGO_STATING_ROLES, EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.embargoes import Embargo, EmbargoEvent, EmbargoEventType
from mailer.model.releases import ReleasePage
from mailer.model.subscribers import MembershipState, Subscriber
from mailer.model.transaction import Transaction


class AdvanceRefusal(StrEnum):
    """The reason why a contact may not see an advance copy, as the embargo's log words it."""

    INVALID_LINK = "the link is invalid"
    LEFT_LIST = "the contact has left the list"
    WITHDRAWN = "the release was withdrawn"
    UNTRUSTED = "the contact is not trusted with embargoes"
    EMBARGO_MOVED = "the embargo was moved after the mail"
    CANCELLED = "the edition was cancelled"
    NOT_BEGUN = "the edition has not begun"


@dataclass(frozen=True, slots=True)
class AdvanceCopy:
    """The newest version of a release that a contact may see before its embargo ends, or the
    `refusal`. `release` is also None if the edition has no page."""

    edition: Edition | None = None
    release: ReleasePage | None = None
    refusal: AdvanceRefusal | None = None


def open_advance_copy(
    tx: Transaction, actor: Actor, link: MemberLink, request_description: str, now: datetime
) -> AdvanceCopy:
    """Return the advance copy that a contact's link leads to, if they may see it.

    The link of an earlier version leads to the newest, in which corrections are marked. The log of
    each story's embargo records the contact and `request_description`. A link to no contact or to
    no advance copy is refused, and not recorded."""
    edition = tx.editions.find_edition(link.edition_id)
    subscriber = tx.subscribers.find_subscriber_by_id(link.subscriber_id)
    if edition is None or subscriber is None or edition.role not in EMBARGO_STATING_ROLES:
        return AdvanceCopy(refusal=AdvanceRefusal.INVALID_LINK)
    active_embargoes = editions.find_embargoed_stories(tx, edition, now)
    edition = _find_newest_version(tx, edition)
    refusal = _find_refusal(tx, edition, subscriber, active_embargoes.values())
    event_type, detail = (
        (EmbargoEventType.REFUSED, f"{request_description}: {refusal}")
        if refusal
        else (EmbargoEventType.VIEWED, request_description)
    )
    for slug in edition.stories:
        tx.embargoes.record_event(
            EmbargoEvent(slug, now, event_type, subscriber.address, detail, actor_key=actor.key)
        )
    if refusal:
        return AdvanceCopy(refusal=refusal)
    return AdvanceCopy(edition, tx.releases.find_page_of_edition(edition.id))


def _find_newest_version(tx: Transaction, edition: Edition) -> Edition:
    """Return the newest begun edition of the same release and list that was not stopped, or
    `edition` if there is none."""
    visible_editions = [
        release_edition
        for release_edition in tx.editions.list_release_editions(edition.stories[0], edition.list)
        if release_edition.planned_at
        and release_edition.state is not EditionState.CANCELLED
        and release_edition.role is not EditionRole.KILL
    ]
    return visible_editions[-1] if visible_editions else edition


def _find_refusal(
    tx: Transaction,
    edition: Edition,
    subscriber: Subscriber,
    active_embargoes: Collection[Embargo],
) -> AdvanceRefusal | None:
    membership = find_membership(tx, subscriber, edition.list)
    if membership is None or membership.state is not MembershipState.ACTIVE:
        return AdvanceRefusal.LEFT_LIST
    if not tx.editions.find_queued_slugs(edition.stories):
        return AdvanceRefusal.WITHDRAWN
    contact = tx.subscribers.find_contact(subscriber)
    if active_embargoes and (contact is None or contact.profile.trust is not Trust.TRUSTED):
        return AdvanceRefusal.UNTRUSTED
    if active_embargoes and not editions.may_send_embargoed(edition, active_embargoes):
        return AdvanceRefusal.EMBARGO_MOVED
    if edition.state is EditionState.CANCELLED:
        return AdvanceRefusal.CANCELLED
    if edition.planned_at is None:
        return AdvanceRefusal.NOT_BEGUN
    return None
