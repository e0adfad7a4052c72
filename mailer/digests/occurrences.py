"""What staff do with a single occurrence, without touching its rule: move, skip, restore, send now.

An occurrence that an edition was made of takes that edition along.
"""

from datetime import datetime, timedelta
from typing import Protocol

from mailer import editions, zones
from mailer.audience.lists import check_line
from mailer.digests.calendar import Planned
from mailer.editions import OPEN, Appointment, Edition, EditionState, EditionStore, SendTime
from mailer.errors import InputError, Refused
from mailer.schedules import walls
from mailer.schedules.records import KeptOccurrence, OccurrenceState, ScheduleStore

_MINUTE = timedelta(minutes=1)


class Transaction(Protocol):
    """What the verbs here see of an open transaction."""

    @property
    def schedules(self) -> ScheduleStore: ...
    @property
    def editions(self) -> EditionStore: ...


def appointment(planned: Planned, send_time: SendTime) -> Appointment:
    """When an edition of this occurrence is sent."""
    one = planned.occurrence
    return Appointment(
        planned.starts, one.wall, one.zone, SendTime.OFFICE if planned.at_once else send_time
    )


def move(
    tx: Transaction,
    planned: Planned,
    wall: datetime,
    now: datetime,
    *,
    reason: str = "",
    actor: str = "",
) -> KeptOccurrence:
    """Let it be at another wall-clock time of its zone, to the minute. One that is skipped or held
    is to be sent again by that, also on a free day. Raises InputError for a time that is past."""
    zone = planned.rule.zone
    if walls.moment(wall, zones.zone(zone)) < now - _MINUTE:
        raise InputError(
            f"{wall:%Y-%m-%d %H:%M} in {zone} is past",
            where="--to",
            hint="name a time that is to come, or use `mailer schedule send-now`",
        )
    return _move(tx, planned, wall, now, reason, actor)


def _move(
    tx: Transaction, planned: Planned, wall: datetime, now: datetime, reason: str, actor: str
) -> KeptOccurrence:
    zone = planned.rule.zone
    moment = walls.moment(wall, zones.zone(zone))
    edition = _edition(tx, planned)
    if edition is not None:
        if edition.state is EditionState.HELD:  # it was held for whoever decides this
            edition = editions.reopen(tx.editions, edition, now, actor=actor)
        send_time = SendTime.READER if planned.reader_zones else SendTime.OFFICE
        if moment <= now:
            when = Appointment(moment, wall, zone)
        else:
            starts = walls.first(wall, zone, planned.reader_zones)
            when = Appointment(starts, wall, zone, send_time)
        editions.appoint(tx.editions, edition, when, now, actor=actor)
    state = OccurrenceState.MADE if edition else OccurrenceState.PLANNED
    back = wall == planned.rule.wall and not planned.rule.skipped and moment > now
    return _decide(
        tx, planned, state, now, moved_to=None if back else wall, reason=reason, actor=actor
    )


def send_now(
    tx: Transaction, planned: Planned, now: datetime, *, reason: str = "", actor: str = ""
) -> KeptOccurrence:
    """Let it be now, for all readers: its edition is assembled at once and sent when it is
    approved."""
    wall = now.astimezone(zones.zone(planned.rule.zone)).replace(tzinfo=None)
    wall = wall.replace(second=0, microsecond=0)
    # Not by `move`: in the hour that comes twice this time of day was there an hour ago as well.
    return _move(tx, planned, wall, now, reason or "sent at once", actor)


def skip(
    tx: Transaction, planned: Planned, now: datetime, *, reason: str = "", actor: str = ""
) -> KeptOccurrence:
    """Send nothing at it. An edition that was made of it is cancelled, and its stories are free."""
    reason = check_line(reason, "--reason", required=False) or f"by {actor or 'somebody'}"
    edition = _edition(tx, planned)
    if edition is not None:
        editions.cancel(tx.editions, edition, now, reason=reason, actor=actor)
    state = OccurrenceState.SKIPPED
    return _decide(tx, planned, state, now, moved_to=None, reason=reason, actor=actor)


def restore(
    tx: Transaction, planned: Planned, now: datetime, *, reason: str = "", actor: str = ""
) -> KeptOccurrence:
    """Let what staff have skipped or moved be as its rule has it again. Raises Refused for one that
    nobody touched, that is made, or whose own time is past."""
    kept, rule = planned.kept, planned.rule
    movable = {OccurrenceState.SKIPPED, OccurrenceState.PLANNED}
    if kept is None or not (kept.state in movable or _came_to_nothing(tx, kept)):
        word = kept.state.value if kept else "as its rule has it"
        raise Refused(
            f"the occurrence of {rule.named:%a %d %b %Y %H:%M} is {word}",
            hint="only one that was moved or skipped can be restored",
        )
    if rule.moment < now - _MINUTE:
        raise Refused(
            f"its own time, {rule.wall:%a %d %b %Y %H:%M} {rule.zone}, is past",
            hint="move it to a time that is to come, or use `mailer schedule send-now`",
        )
    state, reason = OccurrenceState.PLANNED, reason or "as its rule has it"
    return _decide(tx, planned, state, now, moved_to=None, reason=reason, actor=actor)


def _edition(tx: Transaction, planned: Planned) -> Edition | None:
    """The edition that was made of it and is not over. Raises Refused for one that has begun."""
    kept = planned.kept
    if kept is None or kept.state is not OccurrenceState.MADE or kept.edition is None:
        return None
    if _came_to_nothing(tx, kept):
        return None
    edition = editions.get(tx.editions, kept.edition)
    if edition.state not in OPEN:
        raise Refused(
            f"edition {edition.id} was made of it, and is {edition.state}",
            hint=f"see `mailer edition show {edition.id}`",
        )
    return edition


def _came_to_nothing(tx: Transaction, kept: KeptOccurrence) -> bool:
    """Whether an edition was made of it of which nothing was sent, nor will be."""
    if kept.state is not OccurrenceState.MADE or kept.edition is None:
        return False
    edition = editions.get(tx.editions, kept.edition)
    return edition.planned_at is None and edition.state in {
        EditionState.CANCELLED,
        EditionState.SKIPPED,
        EditionState.EXPIRED,
    }


def _decide(
    tx: Transaction,
    planned: Planned,
    state: OccurrenceState,
    now: datetime,
    *,
    moved_to: datetime | None,
    reason: str,
    actor: str,
) -> KeptOccurrence:
    one = planned.rule
    kept = tx.schedules.decide(
        planned.schedule.new.digest,
        one.named,
        one.zone,
        state,
        now,
        seen=planned.kept,
        schedule=planned.schedule.id,
        moved_to=moved_to,
        reason=check_line(reason, "--reason", required=False),
        actor=actor,
    )
    if kept is None:
        raise Refused(
            f"the occurrence of {one.named:%a %d %b %Y %H:%M} has changed meanwhile",
            hint="look at it with `mailer schedule preview`, and try again",
        )
    return kept
