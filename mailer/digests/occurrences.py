"""What staff do with a single occurrence, without touching its rule: move, skip, restore, send now.

An occurrence that an edition was made of takes that edition along.
"""

from datetime import datetime, timedelta

from mailer import editions, zones
from mailer.actor import Actor
from mailer.audience.lists import check_line
from mailer.digests.calendar import PlannedOccurrence
from mailer.errors import InputError, Refused
from mailer.model.edition_states import OPEN_STATES, EditionState, SendTimeBasis
from mailer.model.editions import Edition, SendAppointment
from mailer.model.schedules import OccurrenceState, SavedOccurrence
from mailer.model.transaction import Transaction
from mailer.schedules import local_time

_MINUTE = timedelta(minutes=1)


def build_appointment(planned: PlannedOccurrence, send_time: SendTimeBasis) -> SendAppointment:
    """When an edition of this occurrence is sent."""
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
    """Let it be at another wall-clock time of its zone, to the minute. One that is skipped or held
    is to be sent again by that, also on a free day. Raises InputError for a time that is past."""
    zone = planned.original.zone
    if local_time.to_utc(wall_time, zones.get_zone(zone)) < now - _MINUTE:
        raise InputError(
            f"{wall_time:%Y-%m-%d %H:%M} in {zone} is past",
            where="--to",
            hint="name a time that is to come, or use `mailer schedule send-now`",
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
    zone = planned.original.zone
    moment = local_time.to_utc(wall_time, zones.get_zone(zone))
    edition = _find_open_edition(tx, planned)
    if edition is not None:
        if edition.state is EditionState.ON_HOLD:  # it was held for whoever decides this
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
    """Let it be now, for all readers: its edition is assembled at once and sent when it is
    approved."""
    wall_time = now.astimezone(zones.get_zone(planned.original.zone)).replace(tzinfo=None)
    wall_time = wall_time.replace(second=0, microsecond=0)
    # Not by `move`: in the hour that comes twice this time of day was there an hour ago as well.
    return _apply_move(tx, actor, planned, wall_time, now, reason or "sent at once")


def skip_occurrence(
    tx: Transaction, actor: Actor, planned: PlannedOccurrence, now: datetime, *, reason: str = ""
) -> SavedOccurrence:
    """Send nothing at it. An edition that was made of it is cancelled, and its stories are free."""
    reason = check_line(reason, "--reason", required=False) or f"by {actor.name}"
    edition = _find_open_edition(tx, planned)
    if edition is not None:
        editions.cancel_edition(tx, actor, edition, now, reason=reason)
    state = OccurrenceState.SKIPPED
    return _save_decision(tx, actor, planned, state, now, moved_to=None, reason=reason)


def restore_occurrence(
    tx: Transaction, actor: Actor, planned: PlannedOccurrence, now: datetime, *, reason: str = ""
) -> SavedOccurrence:
    """Let what staff have skipped or moved be as its rule has it again. Raises Refused for one that
    nobody touched, that is made, or whose own time is past."""
    saved, original = planned.saved, planned.original
    restorable_states = {OccurrenceState.SKIPPED, OccurrenceState.PLANNED}
    if saved is None or not (saved.state in restorable_states or _is_unsent(tx, saved)):
        state_text = saved.state.value if saved else "as its rule has it"
        raise Refused(
            f"the occurrence of {original.rule_time:%a %d %b %Y %H:%M} is {state_text}",
            hint="only one that was moved or skipped can be restored",
        )
    if original.moment < now - _MINUTE:
        raise Refused(
            f"its own time, {original.wall:%a %d %b %Y %H:%M} {original.zone}, is past",
            hint="move it to a time that is to come, or use `mailer schedule send-now`",
        )
    state, reason = OccurrenceState.PLANNED, reason or "as its rule has it"
    return _save_decision(tx, actor, planned, state, now, moved_to=None, reason=reason)


def _find_open_edition(tx: Transaction, planned: PlannedOccurrence) -> Edition | None:
    """The edition that was made of it and is not over. Raises Refused for one that has begun."""
    saved = planned.saved
    if saved is None or saved.state is not OccurrenceState.MADE or saved.edition_id is None:
        return None
    if _is_unsent(tx, saved):
        return None
    edition = editions.get_edition(tx, saved.edition_id)
    if edition.state not in OPEN_STATES:
        raise Refused(
            f"edition {edition.id} was made of it, and is {edition.state}",
            hint=f"see `mailer edition show {edition.id}`",
        )
    return edition


def _is_unsent(tx: Transaction, saved: SavedOccurrence) -> bool:
    """Whether an edition was made of it of which nothing was sent, nor will be."""
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
        reason=check_line(reason, "--reason", required=False),
        actor=actor.name,
    )
    if saved is None:
        raise Refused(
            f"the occurrence of {original.rule_time:%a %d %b %Y %H:%M} has changed meanwhile",
            hint="look at it with `mailer schedule preview`, and try again",
        )
    return saved
