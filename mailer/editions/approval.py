"""Approval: a hash over everything that will be sent and to whom; any later change voids it."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from mailer.audience.lists import MailingList, check_line
from mailer.audience.segments import Filter, text
from mailer.editions.records import Approval, Body, Edition, EditionStore
from mailer.editions.states import EditionState
from mailer.editions.steering import check_transition
from mailer.errors import ApprovalVoid


def content_hash(
    edition: Edition, list_: MailingList, segment: Filter, sender: str, bodies: Sequence[Body]
) -> str:
    """SHA-256 over what would be sent and to whom: every body, the list and its name, the segment,
    and `sender`: all else that the configuration puts into a mail."""
    audience = [edition.uid, sender, list_.slug, list_.name, text(segment)]
    parts = audience + sorted(body.digest() for body in bodies)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def approve(
    store: EditionStore,
    edition: Edition,
    approver: str,
    now: datetime,
    *,
    comment: str = "",
    seen: str = "",
) -> Edition:
    """Let the edition go as it is frozen now. `seen` is the hash, or its beginning, of what the
    approver looked at: when it is not the one frozen, ApprovalVoid."""
    check_transition(edition, EditionState.APPROVED)
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
    return store.set_state(approved, EditionState.APPROVED, now, actor=approver, reason=comment)


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
