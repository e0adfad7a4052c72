"""The actions of the clock on an edition that has a send time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer import embargoes
from mailer.actor import Actor
from mailer.editions.embargo_checks import may_send_embargoed
from mailer.editions.policy import get_policy
from mailer.editions.reviews import find_review_step
from mailer.editions.send_times import refresh_appointment, set_send_time
from mailer.editions.sending import start_edition
from mailer.editions.transitions import change_state, put_on_hold
from mailer.errors import ApprovalVoid, ConcurrencyError, ConfigError, Embargoed, Refused
from mailer.model.deliveries import DeliveryPlan
from mailer.model.edition_states import OPEN_STATES, EditionState
from mailer.model.editions import Edition
from mailer.model.embargoes import Embargo
from mailer.model.rendering import Renderer
from mailer.model.transaction import Transaction
from mailer.schedules.durations import format_duration

_MINUTE = timedelta(minutes=1)

CLOCKED_STATES = (EditionState.DRAFT, EditionState.IN_REVIEW, EditionState.SCHEDULED)
"""States of an edition with a send time in which the clock may have something to do."""


class DueAction(StrEnum):
    """The action that is due for an edition with a send time."""

    UPDATE_SEND_TIME = "update_send_time"
    """The rules of its time zone have changed."""
    PREPARE = "prepare"
    """It is a draft, to be composed and submitted for approval."""
    CHECK_REVIEW = "check_review"
    """It is in review, and a reminder is due or it is too late."""
    START = "start"


def find_due_action(
    tx: Transaction, edition: Edition, now: datetime, embargoed_stories: Mapping[str, Embargo]
) -> DueAction | None:
    """Return the action that is due now for an edition with a send time, or None.

    `embargoed_stories` are the active embargoes by slug. A scheduled edition with an embargoed
    story waits until the embargo ends."""
    appointment = edition.appointment
    if appointment is None:
        return None
    if refresh_appointment(tx, appointment) != appointment:
        return DueAction.UPDATE_SEND_TIME
    if edition.state is EditionState.DRAFT:
        return DueAction.PREPARE
    if edition.state is EditionState.IN_REVIEW:
        step = find_review_step(edition, get_policy(tx, edition), now)
        return DueAction.CHECK_REVIEW if step else None
    if edition.state is not EditionState.SCHEDULED or appointment.moment > now:
        return None
    embargoes_ahead = [
        embargoed_stories[slug] for slug in edition.stories if slug in embargoed_stories
    ]
    if embargoes_ahead and not may_send_embargoed(edition, embargoes_ahead):
        return None
    return DueAction.START


def update_send_time(
    tx: Transaction, actor: Actor, edition: Edition, now: datetime
) -> Edition | None:
    """Recalculate the moment of an edition's send time, if the rules of its time zone have changed
    since the time was set. Returns None if nothing has changed."""
    appointment = edition.appointment
    if edition.state not in OPEN_STATES or appointment is None:
        return None
    current_appointment = refresh_appointment(tx, appointment)
    if current_appointment == appointment:
        return None
    return set_send_time(tx, actor, edition, current_appointment, now)


@dataclass(frozen=True, slots=True)
class DueStart:
    """The outcome of starting a scheduled edition. `plan` is None and `reason` says why if the
    edition is on hold, or a draft again because its approval is void."""

    edition: Edition
    plan: DeliveryPlan | None = None
    reason: str = ""


def start_due_edition(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    renderer: Renderer,
    now: datetime,
    *,
    check_relays: Callable[[], None],
) -> DueStart | None:
    """Start a scheduled edition whose time has come, which freezes its audience. Returns None if it
    is not due.

    An edition that is later than its digest's grace, or that a rule forbids to send, is put on
    hold. If its approval is void, it is a draft again. Raises ConfigError (as `check_relays` does
    for invalid settings of relays), ConcurrencyError and Embargoed; a later attempt may succeed."""
    appointment = edition.appointment
    if (
        edition.state is not EditionState.SCHEDULED
        or appointment is None
        or appointment.moment > now
    ):
        return None
    if reason := _find_lateness(tx, edition, now):
        return DueStart(put_on_hold(tx, actor, edition, now, reason=reason), reason=reason)
    check_relays()
    try:
        started_edition, plan = start_edition(tx, actor, edition, renderer, now)
    except ApprovalVoid as error:
        reason = error.message
        draft = change_state(tx, actor, edition, EditionState.DRAFT, now, reason=reason)
        return DueStart(draft, reason=reason)
    except (ConfigError, ConcurrencyError, Embargoed):
        raise
    except Refused as error:
        reason = str(error)
        return DueStart(put_on_hold(tx, actor, edition, now, reason=reason), reason=reason)
    return DueStart(started_edition, plan)


def _find_lateness(tx: Transaction, edition: Edition, now: datetime) -> str:
    """Return why an edition is too late to be sent without a person's word; empty if it is not.

    Its lateness is counted to the minute, from when it could first be sent: its time, its approval,
    or the end of an embargo."""
    assert edition.appointment is not None
    earliest_start = edition.appointment.own_moment
    if edition.approval:
        earliest_start = max(earliest_start, edition.approval.at)
    if embargo_end := embargoes.find_last_end(tx, edition.stories):
        earliest_start = max(earliest_start, embargo_end)
    lateness, grace = now - earliest_start, get_policy(tx, edition).grace
    if lateness < grace + _MINUTE:
        return ""
    return f"it is {format_duration(lateness)} late; its grace is {format_duration(grace)}"
