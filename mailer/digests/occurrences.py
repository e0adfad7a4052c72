"""Let staff move, skip or restore a single occurrence, or send it now, without changing the
schedule's rule. If the occurrence already has an edition, the edition changes, too.
"""

from datetime import datetime, timedelta

from mailer import editions, zones
from mailer.actor import Actor
from mailer.audience.lists import check_line, check_open, get_list
from mailer.digests.calendar import PlannedOccurrence
from mailer.digests.settings import get_digest
from mailer.errors import InputError, NextStep, Refused
from mailer.model.edition_states import OPEN_STATES, EditionState, SendTimeBasis
from mailer.model.editions import Edition, SendAppointment
from mailer.model.schedules import OccurrenceState, SavedOccurrence
from mailer.model.transaction import Transaction
from mailer.schedules import local_time

_MINUTE = timedelta(minutes=1)


def build_appointment(planned: PlannedOccurrence, send_time: SendTimeBasis) -> SendAppointment:
    """Build the appointment for sending an edition of this occurrence."""
    occurrence = planned.occurrence
    return SendAppointment(
        planned.starts_at,
        occurrence.wall,
        occurrence.zone,
        SendTimeBasis.OFFICE if planned.is_immediate else send_time,
    )


def move_occurrence(
    tx: Transaction,
    actor: Actor,
    planned: PlannedOccurrence,
    wall_time: datetime,
    now: datetime,
    *,
    reason: str = "",
) -> SavedOccurrence:
    """Move an occurrence to another wall-clock time of its zone, to the minute.

    Moving an occurrence that is skipped or on hold makes it due again, even on a free day. Raises
    InputError for a time in the past, and Refused if the digest's list is closed."""
    zone = planned.original.zone
    if local_time.to_utc(wall_time, zones.get_zone(zone)) < now - _MINUTE:
        raise InputError(
            f"{wall_time:%Y-%m-%d %H:%M} in {zone} is past",
            field="moved_to",
            hint="name a future time, or send the occurrence now",
            next_steps=[_build_send_now_step(planned)],
        )
    return _apply_move(tx, actor, planned, wall_time, now, reason)


def _apply_move(
    tx: Transaction,
    actor: Actor,
    planned: PlannedOccurrence,
    wall_time: datetime,
    now: datetime,
    reason: str,
) -> SavedOccurrence:
    digest = get_digest(tx, planned.schedule.settings.digest_slug)
    check_open(get_list(tx, digest.settings.list))
    zone = planned.original.zone
    moment = local_time.to_utc(wall_time, zones.get_zone(zone))
    edition = _find_open_edition(tx, planned)
    if edition is not None:
        # Moving the occurrence is the decision for which the edition was on hold.
        if edition.state is EditionState.ON_HOLD:
            edition = editions.reopen_edition(tx, actor, edition, now)
        send_time = SendTimeBasis.READER if planned.reader_zones else SendTimeBasis.OFFICE
        if moment <= now:
            appointment = SendAppointment(moment, wall_time, zone)
        else:
            starts = local_time.find_earliest_moment(wall_time, zone, planned.reader_zones)
            appointment = SendAppointment(starts, wall_time, zone, send_time)
        editions.set_send_time(tx, actor, edition, appointment, now)
    state = OccurrenceState.MADE if edition else OccurrenceState.PLANNED
    is_original_time = (
        wall_time == planned.original.wall and not planned.original.skipped and moment > now
    )
    return _save_decision(
        tx,
        actor,
        planned,
        state,
        now,
        moved_to=None if is_original_time else wall_time,
        reason=reason,
    )


def send_now(
    tx: Transaction, actor: Actor, planned: PlannedOccurrence, now: datetime, *, reason: str = ""
) -> SavedOccurrence:
    """Move an occurrence to the present, for all readers. Its edition is assembled at once, and
    sent when it is approved."""
    wall_time = now.astimezone(zones.get_zone(planned.original.zone)).replace(tzinfo=None)
    wall_time = wall_time.replace(second=0, microsecond=0)
    # `move_occurrence` would refuse this in the hour that clocks repeat, when the same time of day
    # was also an hour ago.
    return _apply_move(tx, actor, planned, wall_time, now, reason or "sent at once")


def skip_occurrence(
    tx: Transaction, actor: Actor, planned: PlannedOccurrence, now: datetime, *, reason: str = ""
) -> SavedOccurrence:
    """Skip an occurrence. Its edition, if there is one, is cancelled and frees its stories."""
    reason = check_line(reason, "reason", required=False) or f"by {actor.name}"
    edition = _find_open_edition(tx, planned)
    if edition is not None:
        editions.cancel_edition(tx, actor, edition, now, reason=reason)
    state = OccurrenceState.SKIPPED
    return _save_decision(tx, actor, planned, state, now, moved_to=None, reason=reason)


def restore_occurrence(
    tx: Transaction, actor: Actor, planned: PlannedOccurrence, now: datetime, *, reason: str = ""
) -> SavedOccurrence:
    """Undo the decision of staff about an occurrence, so that its rule applies again. Raises
    Refused if there is no decision, if the occurrence has an edition, or if its original time is
    past."""
    saved, original = planned.saved, planned.original
    restorable_states = {OccurrenceState.SKIPPED, OccurrenceState.PLANNED}
    if saved is None or not (saved.state in restorable_states or _is_unsent(tx, saved)):
        state_text = saved.state.value if saved else "not moved or skipped"
        raise Refused(
            f"the occurrence of {original.rule_time:%a %d %b %Y %H:%M} is {state_text}",
            hint="only an occurrence that was moved or skipped can be restored",
        )
    if original.moment < now - _MINUTE:
        raise Refused(
            f"its original time, {original.wall:%a %d %b %Y %H:%M} {original.zone}, is past",
            hint="move it to a future time, or send it now",
            next_steps=[_build_send_now_step(planned)],
        )
    state, reason = OccurrenceState.PLANNED, reason or "back to its rule"
    return _save_decision(tx, actor, planned, state, now, moved_to=None, reason=reason)


def _find_open_edition(tx: Transaction, planned: PlannedOccurrence) -> Edition | None:
    """Return the unsent edition of an occurrence, or None. Raises Refused if the edition has
    started."""
    saved = planned.saved
    if saved is None or saved.state is not OccurrenceState.MADE or saved.edition_id is None:
        return None
    if _is_unsent(tx, saved):
        return None
    edition = editions.get_edition(tx, saved.edition_id)
    if edition.state not in OPEN_STATES:
        raise Refused(
            f"the occurrence has edition {edition.id}, which is {edition.state}",
            next_steps=[NextStep("show_edition", edition=edition.id)],
        )
    return edition


def _is_unsent(tx: Transaction, saved: SavedOccurrence) -> bool:
    """Check whether the occurrence has an edition that was not sent and never will be sent."""
    if saved.state is not OccurrenceState.MADE or saved.edition_id is None:
        return False
    edition = editions.get_edition(tx, saved.edition_id)
    return edition.planned_at is None and edition.state in {
        EditionState.CANCELLED,
        EditionState.SKIPPED,
        EditionState.EXPIRED,
    }


def _save_decision(
    tx: Transaction,
    actor: Actor,
    planned: PlannedOccurrence,
    state: OccurrenceState,
    now: datetime,
    *,
    moved_to: datetime | None,
    reason: str,
) -> SavedOccurrence:
    original = planned.original
    saved = tx.schedules.save_decision(
        planned.schedule.settings.digest_slug,
        original.rule_time,
        original.zone,
        state,
        now,
        expected=planned.saved,
        schedule_id=planned.schedule.id,
        moved_to=moved_to,
        reason=check_line(reason, "reason", required=False),
        actor=actor.name,
    )
    if saved is None:
        raise Refused(
            f"the occurrence of {original.rule_time:%a %d %b %Y %H:%M} has changed in between",
            hint="look at the calendar, and try again",
            next_steps=[NextStep("preview_schedule", digest=planned.schedule.settings.digest_slug)],
        )
    return saved


def _build_send_now_step(planned: PlannedOccurrence) -> NextStep:
    return NextStep(
        "send_occurrence_now",
        digest=planned.schedule.settings.digest_slug,
        occurrence=f"{planned.original.rule_time:%Y-%m-%d %H:%M}",
    )
