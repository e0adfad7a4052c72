"""The optional reasons that people give after they have unsubscribed."""

from collections.abc import Sequence
from datetime import datetime

from mailer.actor import Actor
from mailer.audience.subscribers import find_membership
from mailer.errors import InputError
from mailer.lines import replace_control
from mailer.model.lists import MailingList
from mailer.model.subscribers import (
    ConsentAction,
    ConsentEntry,
    LeavingCount,
    LeavingReason,
    MembershipState,
    Subscriber,
)
from mailer.model.transaction import Transaction

MAX_COMMENT_LENGTH = 300
"""Maximum number of characters of a person's own words."""


def record_leaving_reason(
    tx: Transaction,
    actor: Actor,
    subscriber: Subscriber,
    mailing_list: MailingList,
    reason: LeavingReason,
    comment: str,
    now: datetime,
    *,
    source: str,
    edition_id: int = 0,
) -> bool:
    """Record why a person left a list, in the log of consent. `comment` has their own words, on one
    line and without control characters. `edition_id` is the edition whose link was used, or 0.

    Returns False, and records nothing, if the person is not one who left the list, or has said why
    since they left. Raises InputError if the comment is longer than MAX_COMMENT_LENGTH."""
    comment = " ".join(replace_control(" ".join(comment.split())).split())
    if len(comment) > MAX_COMMENT_LENGTH:
        raise InputError(
            f"it has {len(comment):,} characters, and may have {MAX_COMMENT_LENGTH}",
            field="comment",
            hint="shorten it",
        )
    if not may_give_reason(tx, subscriber, mailing_list):
        return False
    entry = ConsentEntry(
        now,
        ConsentAction.GAVE_REASON,
        subscriber.id,
        subscriber.address,
        source,
        mailing_list.slug,
        detail=comment,
        actor_key=actor.key,
        reason=reason,
        edition_id=edition_id,
    )
    tx.subscribers.log_consent([entry])
    return True


def may_give_reason(tx: Transaction, subscriber: Subscriber, mailing_list: MailingList) -> bool:
    """Check that a person has left the list, and has not said why since."""
    membership = find_membership(tx, subscriber, mailing_list.slug)
    if membership is None or membership.state is not MembershipState.UNSUBSCRIBED:
        return False
    acts = [
        entry.act
        for entry in tx.subscribers.list_consent_entries(subscriber.address)
        if entry.list == mailing_list.slug
        and entry.act in {ConsentAction.LEFT, ConsentAction.GAVE_REASON}
    ]
    return acts[-1:] == [ConsentAction.LEFT]


def count_leaving_reasons(
    tx: Transaction,
    since: datetime,
    mailing_list: MailingList | None = None,
    *,
    until: datetime | None = None,
) -> Sequence[LeavingCount]:
    """Return how many people gave each reason for leaving since a moment and before `until`, for
    one list or for each list, ordered by list and then by number. People who gave no reason are not
    counted. An erasure removes a person's own words; the reason still counts."""
    slug = mailing_list.slug if mailing_list else ""
    return tx.subscribers.count_leaving_reasons(since, until, slug)


def count_reasons_by_edition(tx: Transaction, edition_id: int) -> Sequence[LeavingCount]:
    """Return how many people gave each reason on the page behind the link of an edition, the most
    frequent first."""
    return tx.subscribers.count_reasons_by_edition(edition_id)
