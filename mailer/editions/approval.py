"""Approval: a hash over the mails and their audience; any later change voids it."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from mailer.actor import Actor
from mailer.audience.lists import check_line
from mailer.audience.segments import format_filter
from mailer.editions.composing import compose_edition
from mailer.editions.policy import get_policy
from mailer.editions.senders import choose_sender_name
from mailer.editions.transitions import change_state, check_transition
from mailer.errors import ApprovalVoid, BadTransition, NextStep, Refused
from mailer.model.digests import ApprovalRule
from mailer.model.edition_states import UNAPPROVED_STATES, EditionRole, EditionState
from mailer.model.editions import Approval, Edition, EditionBody
from mailer.model.lists import Frequency, MailingList
from mailer.model.rendering import Renderer
from mailer.model.segments import Filter
from mailer.model.transaction import Transaction

MIN_HASH_LENGTH = 8
"""Minimum length of the beginning of a hash that an approver may give: 32 bits."""


def compute_content_hash(
    edition: Edition,
    mailing_list: MailingList,
    segment: Filter,
    sender_details: str,
    bodies: Sequence[EditionBody],
) -> str:
    """Return the SHA-256 over the mails and their audience: every body, the list and its name, the
    segment, the frequency or that the edition is urgent, and `sender_details` (the parts of a mail
    that come from the settings)."""
    audience = [
        edition.uid,
        sender_details,
        mailing_list.slug,
        mailing_list.name,
        format_filter(segment),
    ]
    if edition.role is not EditionRole.PLAIN:
        audience.append(edition.role)
    if edition.is_urgent:
        audience.append("urgent")
    elif edition.frequency is not Frequency.EVERY:
        audience.append(edition.frequency)
    parts = audience + sorted(body.compute_hash() for body in bodies)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def request_approval(tx: Transaction, actor: Actor, edition: Edition, now: datetime) -> Edition:
    """Ask for approval of the edition's frozen bodies."""
    edition = change_state(tx, actor, edition, EditionState.IN_REVIEW, now)
    return tx.editions.record_review_request(edition, now)


def approve_edition(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    renderer: Renderer,
    now: datetime,
    *,
    comment: str = "",
    seen_hash: str = "",
) -> Edition:
    """Compose a draft once more and approve the result. The edition's new state is scheduled if the
    edition has a send time, and approved otherwise.

    `seen_hash` is the hash that the approver saw, or its beginning. Raises ApprovalVoid if the hash
    of the frozen bodies differs. Raises Refused if the digest requires another person's approval,
    and the approver has written or edited something in the edition."""
    edition, _ = compose_edition(tx, actor, edition, renderer)
    next_state = EditionState.SCHEDULED if edition.appointment else EditionState.APPROVED
    check_transition(edition, next_state)
    if edition.state not in UNAPPROVED_STATES:
        raise BadTransition(
            f"edition {edition.id} is {edition.state.words}, so it is approved already"
        )
    if needs_other_person(tx, actor, edition):
        raise Refused(
            f"{actor.name} has written or edited something in edition {edition.id}, and its "
            f"digest requires another person's approval",
            hint="an approver decides by the link in their mail, or under a login of their own",
        )
    if seen_hash and (
        len(seen_hash) < MIN_HASH_LENGTH or not edition.content_hash.startswith(seen_hash.lower())
    ):
        raise ApprovalVoid(
            f"edition {edition.id} is now {edition.content_hash[:12]}, not {seen_hash}",
            hint="preview it again, then approve what you see",
        )
    approval = Approval(
        check_line(actor.name, "approver"),
        now,
        edition.content_hash,
        check_line(comment, "comment", required=False),
        approver_key=actor.key,
    )
    approved = tx.editions.save_approval(edition, approval)
    return change_state(tx, actor, approved, next_state, now, reason=comment)


def needs_other_person(tx: Transaction, actor: Actor, edition: Edition) -> bool:
    """Check whether the edition's digest requires the approval of a person other than its authors,
    and this actor is one of them."""
    if get_policy(tx, edition).approval is not ApprovalRule.OTHER:
        return False
    return any(actor.is_same_person(key) for key in tx.editions.find_author_keys(edition))


def check_approval(tx: Transaction, edition: Edition, renderer: Renderer) -> None:
    """Raise ApprovalVoid unless the frozen bodies are the ones that were approved, and the settings
    of their sender are still the same."""
    approval = edition.approval
    if approval is None:
        raise ApprovalVoid(
            f"edition {edition.id} is {edition.state}, not approved",
            next_steps=[NextStep("approve_edition", edition=edition.id)],
        )
    # The manuscript is not loaded: that would read the languages of up to a million members.
    mailing_list = tx.editions.load_mailing_list(edition)
    current_hash = compute_content_hash(
        edition,
        mailing_list,
        tx.editions.load_segment_filter(edition),
        renderer.describe_sender(choose_sender_name(edition, mailing_list)),
        tx.editions.list_bodies(edition),
    )
    if current_hash != approval.content_hash:
        raise ApprovalVoid(
            f"edition {edition.id} was approved as {approval.content_hash[:12]} and is now "
            f"{current_hash[:12]}",
            next_steps=[NextStep("approve_edition", edition=edition.id)],
        )
