"""Approval: a hash over everything that will be sent and to whom; any later change voids it."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from mailer.audience.lists import Frequency, MailingList, check_line
from mailer.audience.segments import Filter, text
from mailer.editions.records import Approval, Body, Edition, EditionStore
from mailer.editions.states import STATES_EMBARGO, UNAPPROVED, EditionState, Role
from mailer.editions.steering import check_transition
from mailer.embargoes import Embargo
from mailer.errors import ApprovalVoid, BadTransition, Refused
from mailer.lines import folded


def content_hash(
    edition: Edition, list_: MailingList, segment: Filter, sender: str, bodies: Sequence[Body]
) -> str:
    """SHA-256 over what would be sent and to whom: every body, the list and its name, the segment,
    and `sender`: all else that the configuration puts into a mail."""
    audience = [edition.uid, sender, list_.slug, list_.name, text(segment)]
    if edition.role is not Role.PLAIN:
        audience.append(edition.role)
    if edition.frequency is not Frequency.EVERY:
        audience.append(edition.frequency)
    parts = audience + sorted(body.digest() for body in bodies)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def submit(store: EditionStore, edition: Edition, now: datetime, *, actor: str = "") -> Edition:
    """Ask for approval of what is frozen now."""
    check_transition(edition, EditionState.IN_REVIEW)
    edition = store.set_state(edition, EditionState.IN_REVIEW, now, actor=actor)
    return store.asked(edition, now)


def approve(
    store: EditionStore,
    edition: Edition,
    approver: str,
    now: datetime,
    *,
    comment: str = "",
    seen: str = "",
    not_by: frozenset[str] = frozenset(),
) -> Edition:
    """Let the edition go as it is frozen now: scheduled when it has a time, else approved. `seen`
    is the hash, or its beginning, of what the approver looked at: when it is not the one frozen,
    ApprovalVoid. Raises Refused when the approver is one of `not_by`, whatever the capitals."""
    goes = EditionState.SCHEDULED if edition.appointment else EditionState.APPROVED
    check_transition(edition, goes)
    if edition.state not in UNAPPROVED:
        raise BadTransition(f"edition {edition.id} is {edition.state}, and so approved already")
    if folded(approver) in {folded(name) for name in not_by}:
        raise Refused(
            f"{approver} has written or edited what edition {edition.id} holds, and its digest "
            "wants another person's approval",
            hint="ask somebody else, who names themselves with --by",
        )
    if seen and (len(seen) < 8 or not edition.content_hash.startswith(seen.lower())):
        raise ApprovalVoid(
            f"edition {edition.id} is now {edition.content_hash[:12]}, not {seen}",
            hint="preview it again, then approve what you see",
        )
    approval = Approval(
        check_line(approver, "approver"),
        now,
        edition.content_hash,
        check_line(comment, "comment", required=False),
    )
    approved = store.approve(edition, approval)
    return store.set_state(approved, goes, now, actor=approver, reason=comment)


def may_leave_embargoed(edition: Edition, embargoes: Iterable[Embargo]) -> bool:
    """Whether its mails state each of these embargoes as it is, and so may go to those who are
    trusted with them."""
    if edition.role is Role.KILL:
        return True  # it tells nothing but the title of what they have
    if edition.role not in STATES_EMBARGO:
        return False
    return all(edition.embargo_until == one.ends for one in embargoes)


def check_approval(store: EditionStore, edition: Edition, sender: str) -> None:
    """Raises ApprovalVoid unless the frozen bodies are the very ones approved."""
    approval = edition.approval
    if approval is None:
        raise ApprovalVoid(
            f"edition {edition.id} is {edition.state}, not approved",
            hint=f"approve it with `mailer edition approve {edition.id}`",
        )
    # Not from the manuscript: it asks a million members for their languages.
    now_hash = content_hash(
        edition,
        store.list_of(edition),
        store.filter_of(edition),
        sender,
        store.bodies(edition),
    )
    if now_hash != approval.content_hash:
        raise ApprovalVoid(
            f"edition {edition.id} was approved as {approval.content_hash[:12]} and is now "
            f"{now_hash[:12]}",
            hint=f"look at it and run `mailer edition approve {edition.id}` again",
        )
