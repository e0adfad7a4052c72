"""Approval: a hash over everything that will be sent and to whom; any later change voids it."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from mailer.audience.lists import check_line
from mailer.audience.segments import format_filter
from mailer.editions.transitions import check_transition
from mailer.errors import ApprovalVoid, BadTransition, Refused
from mailer.lines import fold_name
from mailer.model.edition_states import (
    EMBARGO_STATING_ROLES,
    UNAPPROVED_STATES,
    EditionRole,
    EditionState,
)
from mailer.model.editions import Approval, Edition, EditionBody
from mailer.model.embargoes import Embargo
from mailer.model.lists import Frequency, MailingList
from mailer.model.segments import Filter
from mailer.model.transaction import Transaction


def compute_content_hash(
    edition: Edition,
    mailing_list: MailingList,
    segment: Filter,
    sender_profile: str,
    bodies: Sequence[EditionBody],
) -> str:
    """SHA-256 over what would be sent and to whom: every body, the list and its name, the segment,
    and `sender`: all else that the configuration puts into a mail."""
    audience = [
        edition.uid,
        sender_profile,
        mailing_list.slug,
        mailing_list.name,
        format_filter(segment),
    ]
    if edition.role is not EditionRole.PLAIN:
        audience.append(edition.role)
    if edition.frequency is not Frequency.EVERY:
        audience.append(edition.frequency)
    parts = audience + sorted(body.compute_hash() for body in bodies)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def request_approval(
    tx: Transaction, edition: Edition, now: datetime, *, actor: str = ""
) -> Edition:
    """Ask for approval of what is frozen now."""
    check_transition(edition, EditionState.IN_REVIEW)
    edition = tx.editions.set_state(edition, EditionState.IN_REVIEW, now, actor=actor)
    return tx.editions.record_review_request(edition, now)


def approve_edition(
    tx: Transaction,
    edition: Edition,
    approver: str,
    now: datetime,
    *,
    comment: str = "",
    expected_hash: str = "",
    excluded_approvers: frozenset[str] = frozenset(),
) -> Edition:
    """Let the edition go as it is frozen now: scheduled when it has a time, else approved. `seen`
    is the hash, or its beginning, of what the approver looked at: when it is not the one frozen,
    ApprovalVoid. Raises Refused when the approver is one of `not_by`, whatever the capitals."""
    next_state = EditionState.SCHEDULED if edition.appointment else EditionState.APPROVED
    check_transition(edition, next_state)
    if edition.state not in UNAPPROVED_STATES:
        raise BadTransition(f"edition {edition.id} is {edition.state}, and so approved already")
    if fold_name(approver) in {fold_name(name) for name in excluded_approvers}:
        raise Refused(
            f"{approver} has written or edited what edition {edition.id} holds, and its digest "
            "wants another person's approval",
            hint="ask somebody else, who names themselves with --by",
        )
    if expected_hash and (
        len(expected_hash) < 8 or not edition.content_hash.startswith(expected_hash.lower())
    ):
        raise ApprovalVoid(
            f"edition {edition.id} is now {edition.content_hash[:12]}, not {expected_hash}",
            hint="preview it again, then approve what you see",
        )
    approval = Approval(
        check_line(approver, "approver"),
        now,
        edition.content_hash,
        check_line(comment, "comment", required=False),
    )
    approved = tx.editions.save_approval(edition, approval)
    return tx.editions.set_state(approved, next_state, now, actor=approver, reason=comment)


def may_send_embargoed(edition: Edition, embargoes: Iterable[Embargo]) -> bool:
    """Whether its mails state each of these embargoes as it is, and so may go to those who are
    trusted with them."""
    if edition.role is EditionRole.KILL:
        return True  # it tells nothing but the title of what they have
    if edition.role not in EMBARGO_STATING_ROLES:
        return False
    return all(edition.embargo_until == embargo.ends_at for embargo in embargoes)


def check_approval(tx: Transaction, edition: Edition, sender_profile: str) -> None:
    """Raises ApprovalVoid unless the frozen bodies are the very ones approved."""
    approval = edition.approval
    if approval is None:
        raise ApprovalVoid(
            f"edition {edition.id} is {edition.state}, not approved",
            hint=f"approve it with `mailer edition approve {edition.id}`",
        )
    # Not from the manuscript: it asks a million members for their languages.
    current_hash = compute_content_hash(
        edition,
        tx.editions.load_mailing_list(edition),
        tx.editions.load_segment_filter(edition),
        sender_profile,
        tx.editions.list_bodies(edition),
    )
    if current_hash != approval.content_hash:
        raise ApprovalVoid(
            f"edition {edition.id} was approved as {approval.content_hash[:12]} and is now "
            f"{current_hash[:12]}",
            hint=f"look at it and run `mailer edition approve {edition.id}` again",
        )
