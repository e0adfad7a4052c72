"""The decisions of approvers about an edition in review: approve it, or send it back.

An approver decides by a signed link, which shows the edition and is good for exactly that content.
"""

from collections.abc import Sequence
from datetime import datetime

from mailer.actor import Actor
from mailer.audience.lists import check_comment
from mailer.editions.approval import approve_edition
from mailer.editions.policy import get_policy
from mailer.editions.transitions import put_on_hold
from mailer.errors import ApprovalVoid, BadTransition, NextStep
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction
from mailer.staff_links import DIGEST_LENGTH, StaffLink

SENT_BACK_REASON = "sent back by "
"""The beginning of the reason of an edition that an approver has sent back."""


def find_linked_edition(
    tx: Transaction, link: StaffLink, staff_approvers: Sequence[str]
) -> Edition | None:
    """Return the edition that an approver's link names. Return None if there is none, or if the
    person is no longer one of its approvers: those of its digest, otherwise `staff_approvers`."""
    edition = tx.editions.find_edition(int(link.subject)) if link.subject.isdecimal() else None
    if edition is None:
        return None
    approvers = get_policy(tx, edition).approvers or staff_approvers
    return edition if link.address in approvers else None


def check_undecided(edition: Edition, digest: str) -> None:
    """Check that a person may decide about the content with this digest. Raises BadTransition for
    an edition that is not in review, and ApprovalVoid for one with another content."""
    if edition.state is not EditionState.IN_REVIEW:
        raise BadTransition(
            f"edition {edition.id} is {edition.state.words}, not in review",
            next_steps=[NextStep("show_edition", edition=edition.id)],
        )
    if len(digest) != DIGEST_LENGTH or not edition.content_hash.startswith(digest):
        raise ApprovalVoid(
            f"edition {edition.id} has changed since this link was sent",
            hint="use the link in the newest mail",
        )


def approve_shown_edition(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    renderer: Renderer,
    now: datetime,
    *,
    digest: str,
    comment: str = "",
) -> Edition:
    """Approve the content that the holder of a link was shown. Raises the errors of
    :func:`check_undecided`, ``check_comment`` and ``approve_edition``."""
    check_undecided(edition, digest)
    comment = check_comment(comment)
    return approve_edition(
        tx, actor, edition, renderer, now, comment=comment, seen_hash=edition.content_hash
    )


def send_back_edition(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    now: datetime,
    *,
    comment: str,
    digest: str = "",
) -> Edition:
    """Send an edition in review back to its authors. It is put on hold and keeps its send time;
    editing or reopening it continues it, and its approval is asked for again.

    `digest` is that of the content that the holder of a link was shown. Raises InputError without a
    comment, and the errors of :func:`check_undecided` and ``check_comment``."""
    check_undecided(edition, digest or edition.content_hash[:DIGEST_LENGTH])
    comment = check_comment(comment, required=True)
    return put_on_hold(tx, actor, edition, now, reason=f"{SENT_BACK_REASON}{actor.name}: {comment}")
