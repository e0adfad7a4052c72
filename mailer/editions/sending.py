"""Starting an edition, and marking it as sent."""

from datetime import datetime

from mailer.actor import Actor
from mailer.audience.lists import check_open
from mailer.editions.approval import check_approval
from mailer.editions.embargo_checks import check_may_send
from mailer.editions.transitions import change_state, check_transition, pause_edition
from mailer.errors import NextStep, Refused
from mailer.model.deliveries import DeliveryPlan, DeliveryState
from mailer.model.edition_states import (
    PRIOR_RECIPIENT_ROLES,
    EditionKind,
    EditionState,
    SendTimeBasis,
)
from mailer.model.editions import Edition
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction
from mailer.schedules import local_time

NOTHING_ACCEPTED = "nothing accepted"
"""The signature of the pause of an edition of which no message was accepted."""


def start_edition(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    renderer: Renderer,
    now: datetime,
    *,
    ahead_of_time: bool = False,
) -> tuple[Edition, DeliveryPlan | None]:
    """Start sending an edition: check the approval and freeze the audience. With `ahead_of_time`,
    an edition that is scheduled for later starts now.

    An edition that is being sent already is returned unchanged, without a plan. Raises Refused,
    Embargoed or ApprovalVoid for an edition that may not be sent."""
    if edition.state is EditionState.SENDING:
        return edition, None
    _check_startable(tx, edition)
    check_transition(edition, EditionState.SENDING)
    check_may_send(tx, edition, now)
    if not ahead_of_time:
        _check_time_has_come(edition, now)
    check_list_open(tx, edition)
    check_approval(tx, edition, renderer)
    plan = tx.outbox.plan_deliveries(edition, now)
    return change_state(tx, actor, edition, EditionState.SENDING, now), plan


def check_list_open(tx: Transaction, edition: Edition) -> None:
    """Raise Refused if the edition's list is closed, unless the edition is the list's last mail, or
    corrects or kills a release."""
    mailing_list = tx.editions.load_mailing_list(edition)
    is_last_mail = mailing_list.closing_edition_id == edition.id
    if not is_last_mail and edition.role not in PRIOR_RECIPIENT_ROLES:
        check_open(mailing_list)


def _check_startable(tx: Transaction, edition: Edition) -> None:
    """Raise Refused with a next step if the edition is in a state in which people often try to send
    it."""
    reason = edition.reason
    if edition.state is EditionState.PAUSED:
        raise Refused(
            f"edition {edition.id} is paused" + (f" ({reason})" if reason else ""),
            next_steps=[NextStep("resume_edition", edition=edition.id)],
        )
    if edition.state in {EditionState.DRAFT, EditionState.IN_REVIEW}:
        state_text = "a draft" if edition.state is EditionState.DRAFT else "in review"
        raise Refused(
            f"edition {edition.id} is {state_text}, not approved"
            + (f": {reason}" if reason else ""),
            next_steps=[NextStep("approve_edition", edition=edition.id)],
        )
    if edition.state is EditionState.SENT:
        # Its failures may need no retry; the report names the command that fits.
        raise Refused(
            f"edition {edition.id} was sent",
            next_steps=[NextStep("show_report", edition=edition.id)],
        )


def _check_time_has_come(edition: Edition, now: datetime) -> None:
    appointment = edition.appointment
    if (
        edition.state is not EditionState.SCHEDULED
        or appointment is None
        or appointment.moment <= now
    ):
        return
    clock_time = local_time.get_clock_time(appointment.wall, appointment.zone)
    basis = " on each reader's clock" if appointment.send_time is SendTimeBasis.READER else ""
    raise Refused(
        f"edition {edition.id} is scheduled for {clock_time:%a %d %b %Y %H:%M} "
        f"{appointment.zone}{basis}",
        hint="the worker sends it then; to send it now, say so",
        next_steps=[
            NextStep("send_edition_now", edition=edition.id),
            NextStep("clear_send_time", edition=edition.id),
        ],
    )


def mark_sent_if_finished(
    tx: Transaction, actor: Actor, edition: Edition, now: datetime
) -> Edition:
    """Mark an edition as sent if it is being sent and all its deliveries are finished.

    If no message of the edition was accepted, the edition is paused once instead, so that a person
    looks at it."""
    if edition.state is not EditionState.SENDING or tx.outbox.has_unfinished_deliveries(edition):
        return edition
    if (
        edition.kind is EditionKind.MAILING
        and NOTHING_ACCEPTED not in edition.pause_signatures
        and tx.outbox.has_deliveries_in(edition.id, DeliveryState.FAILED, DeliveryState.EXPIRED)
        and not tx.outbox.has_deliveries_in(edition.id, DeliveryState.SENT, DeliveryState.IN_DOUBT)
    ):
        reason = "no message of it was accepted: read the replies in its report"
        return pause_edition(tx, actor, edition, now, reason=reason, signatures=[NOTHING_ACCEPTED])
    return change_state(tx, actor, edition, EditionState.SENT, now)
