"""The way of an edition with a send time to its approval: composing it, asking for approval, and
what happens while the approval is missing."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.actor import Actor
from mailer.editions.approval import approve_edition, request_approval
from mailer.editions.composing import compose_edition
from mailer.editions.policy import find_digest_settings, get_policy
from mailer.editions.send_times import set_send_time
from mailer.editions.transitions import change_state, put_on_hold, skip_edition
from mailer.errors import ComposeError
from mailer.model.digests import ApprovalRule, DigestPolicy, WhenEmpty, WhenLate
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction

CHECKED_EVENT = "checked"
"""The event that records the warnings from composing."""

TOO_LATE_REASON = "it was not approved before it was to be sent"
"""The reason recorded for an edition that returns to draft because its digest does not let it
wait."""


class ReviewStep(StrEnum):
    """The step that is due for an edition in review."""

    REMIND = "remind"
    RETURN_TO_DRAFT = "return_to_draft"


@dataclass(frozen=True, slots=True)
class Preparation:
    """A prepared edition. `too_few` says that it has too few stories, and `compose_error` that it
    can't be composed; both are empty if it is ready for its approval or approved."""

    edition: Edition
    too_few: str = ""
    compose_error: str = ""


def prepare_edition(
    tx: Transaction, actor: Actor, edition: Edition, renderer: Renderer, now: datetime
) -> Preparation | None:
    """Compose and check a draft. Then ask for approval, or approve it if its digest needs none.
    Returns None for an edition in any other state.

    An edition that can't be composed is put on hold; one with too few stories left is skipped or
    put on hold, as its digest says."""
    if edition.state is not EditionState.DRAFT:
        return None
    if too_few := _find_too_few(tx, edition):
        settings = find_digest_settings(tx, edition)
        assert settings is not None
        end_edition = put_on_hold if settings.when_empty is WhenEmpty.PUT_ON_HOLD else skip_edition
        return Preparation(end_edition(tx, actor, edition, now, reason=too_few), too_few=too_few)
    try:
        edition, composition = compose_edition(tx, actor, edition, renderer)
    except ComposeError as error:
        reason = f"it can't be composed: {error}"
        return Preparation(
            put_on_hold(tx, actor, edition, now, reason=reason), compose_error=reason
        )
    if composition and composition.warnings:
        tx.editions.add_event(edition, CHECKED_EVENT, "; ".join(composition.warnings), now, actor)
    if get_policy(tx, edition).approval is ApprovalRule.NONE:
        rule = replace(actor, name=f"the rule of {edition.digest}")
        return Preparation(approve_edition(tx, rule, edition, renderer, now))
    return Preparation(request_approval(tx, actor, edition, now))


def _find_too_few(tx: Transaction, edition: Edition) -> str:
    """Return why the edition has too few stories left; empty if it has enough."""
    settings = find_digest_settings(tx, edition)
    if settings is None:
        return ""
    available = len(tx.editions.find_queued_slugs(edition.stories))
    if available >= settings.fewest:
        return ""
    return f"only {available} of its stories are left, and this digest needs {settings.fewest}"


def find_review_step(edition: Edition, policy: DigestPolicy, now: datetime) -> ReviewStep | None:
    """Return the step that is due for an edition in review by its digest's policy, or None."""
    if edition.state is not EditionState.IN_REVIEW:
        return None
    if _is_late(edition, policy, now):
        return ReviewStep.RETURN_TO_DRAFT
    return ReviewStep.REMIND if _is_reminder_due(edition, policy, now) else None


def find_approval_deadline(
    edition: Edition, policy: DigestPolicy, now: datetime
) -> datetime | None:
    """Return when the approval of an edition is due: as long before the send time as its digest
    says, or at the send time if that moment has passed. None for an edition without a send time, or
    whose send time has come: it is sent as soon as it is approved."""
    if edition.appointment is None:
        return None
    deadline = edition.appointment.moment - policy.approve_by
    if deadline > now:
        return deadline
    return edition.appointment.moment if edition.appointment.moment > now else None


def _is_late(edition: Edition, policy: DigestPolicy, now: datetime) -> bool:
    """Check whether an edition's time has passed and its digest does not let it wait.

    If an edition was ready only after its time, for example because a person chose to send it at
    once, it is not late, since it could not have been approved earlier."""
    appointment, asked_at = edition.appointment, edition.asked_at
    if (
        appointment is None
        or appointment.own_moment > now
        or asked_at is None
        or asked_at >= appointment.own_moment
    ):
        return False
    return policy.when_late is WhenLate.DRAFT


def _is_reminder_due(edition: Edition, policy: DigestPolicy, now: datetime) -> bool:
    """Check whether a reminder is due. The last reminder comes at the send time."""
    appointment, reminded_at = edition.appointment, edition.reminded_at
    if appointment is None or reminded_at is None:
        return False
    intervals = (*policy.reminders, timedelta())
    return any(reminded_at < appointment.moment - interval <= now for interval in intervals)


def return_late_edition(tx: Transaction, actor: Actor, edition: Edition, now: datetime) -> Edition:
    """Return an edition to draft, without a time, because it was not approved in time."""
    edition = change_state(tx, actor, edition, EditionState.DRAFT, now, reason=TOO_LATE_REASON)
    return set_send_time(tx, actor, edition, None, now)
