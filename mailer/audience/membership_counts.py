"""Counting who joins a list and who leaves it.

Every verb that makes a membership active, or ends an active one, counts it here in the same
transaction. The counts name no person, so they are kept forever, and what retention and erasure
remove later changes no report.
"""

import re
from datetime import datetime

from mailer.actor import Actor
from mailer.model.lists import MailingList
from mailer.model.membership_counts import MembershipChange, MembershipChangeKind
from mailer.model.subscribers import ConsentAction, Membership, MembershipState
from mailer.model.transaction import Transaction

MAX_SOURCE = 100
"""Characters of a source that are kept."""

_ADDRESS = re.compile(r"\S+@\S+")

_KINDS_BY_ACT = {
    ConsentAction.CONFIRMED: MembershipChangeKind.CONFIRMED,
    ConsentAction.IMPORTED: MembershipChangeKind.IMPORTED,
    ConsentAction.RETURNED: MembershipChangeKind.RETURNED,
}


def is_active(membership: Membership | None) -> bool:
    """Check whether a membership counts as one of a reader."""
    return membership is not None and membership.state is MembershipState.ACTIVE


def get_joining_kind(act: ConsentAction) -> MembershipChangeKind:
    """Return how a member joined, from the action that the log of consent records."""
    return _KINDS_BY_ACT.get(act, MembershipChangeKind.ADDED)


def shorten_source(source: str) -> str:
    """Return a source as counts keep it: on one line, without mail addresses, as counts outlive the
    people that they count."""
    return _ADDRESS.sub("(an address)", " ".join(source.split()))[:MAX_SOURCE].strip()


def count_change(
    tx: Transaction,
    actor: Actor,
    mailing_list: MailingList,
    kind: MembershipChangeKind,
    now: datetime,
    *,
    source: str,
    edition_id: int = 0,
    people: int = 1,
) -> None:
    """Count people who joined a list or left it. A `people` of 0 counts nothing. The count names
    neither them nor the actor."""
    if people:
        change = MembershipChange(mailing_list.id, kind, source, edition_id, people)
        tx.membership_counts.add_changes([change], now)
