"""From a schedule to its occurrences: a rule's dates, past free days, at a time in a zone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from mailer import zones
from mailer.errors import InputError
from mailer.schedules import walls
from mailer.schedules.free_days import FreeDays, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.rules import DAY, Rule, dates

_REACH = 15 * DAY
"""How far a date may move past free days, or where a zone left a day out."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When: a rule's dates, at a time of day (to the minute) in an IANA zone."""

    rule: Rule
    at: time
    zone: str
    on_free_day: OnFreeDay = OnFreeDay.SKIP


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date that a schedule gives.

    `named` is the wall-clock time that the rule names: with its digest and zone the occurrence's
    name, wherever free days or staff move it. `wall` is what clocks there are to show when it is
    sent. Both are naive. `moment` is when that is, in UTC. `note` says why it is skipped or was
    moved."""

    named: datetime
    wall: datetime
    zone: str
    moment: datetime
    skipped: bool = False
    note: str = ""

    @property
    def day(self) -> date:
        """The date that the rule names."""
        return self.named.date()


def check(timing: Timing) -> Timing:
    """Raises InputError for a zone or time of day that can't be."""
    zones.zone(timing.zone)
    if timing.at.tzinfo is not None or timing.at.second or timing.at.microsecond:
        raise InputError(
            f"{timing.at.isoformat()} is not a time of day to the minute",
            where="--at",
            hint="such as 09:00; the zone is given beside it",
        )
    return timing


def occurrences(
    timing: Timing,
    after: datetime,
    until: datetime,
    observances: Mapping[str, Observance],
    free: FreeDays,
) -> list[Occurrence]:
    """Those whose moment is after the one and not after the other, in order; skipped ones are
    among them. One for each date that the rule names; on each local date at most one that is not
    skipped: a date that a free day or a lost day moved to another's is skipped."""
    tz = zones.zone(timing.zone)
    first = after.astimezone(tz).date() - _REACH
    last = until.astimezone(tz).date() + _REACH
    found: dict[date, Occurrence] = {}
    moved: list[Occurrence] = []
    for one in _named(timing, first, last, observances, free):
        if one.wall.date() == one.day:
            found[one.day] = one
        else:
            moved.append(one)
    doubled: list[Occurrence] = []
    for one in moved:
        if found.setdefault(one.wall.date(), one) is not one:
            same = f"{one.note}; {one.wall:%a %d %b} has one already"
            doubled.append(replace(one, skipped=True, note=same))
    kept = [one for one in (*found.values(), *doubled) if after < one.moment <= until]
    return sorted(kept, key=lambda one: (one.moment, one.day))


def _named(
    timing: Timing,
    first: date,
    last: date,
    observances: Mapping[str, Observance],
    free: FreeDays,
) -> Iterator[Occurrence]:
    tz = zones.zone(timing.zone)
    for day in dates(timing.rule, first, last, observances):
        goes = free.moved(day, timing.on_free_day)
        note = free.why(day)
        skipped = goes is None
        goes = goes or day
        while not walls.day_exists(goes, tz):
            note = note or f"{timing.zone} had no such day"
            goes += DAY
        wall = datetime.combine(goes, timing.at)
        moment = walls.moment(wall, tz)
        if moment.astimezone(tz).replace(tzinfo=None) != wall:
            note = note or "clocks were put forward over this time"
        named = datetime.combine(day, timing.at)
        yield Occurrence(named, wall, timing.zone, moment, skipped, note)


def upcoming(
    timing: Timing,
    now: datetime,
    count: int,
    observances: Mapping[str, Observance],
    free: FreeDays,
) -> list[Occurrence]:
    """The next `count`, as many as there are within ten years."""
    span = 8 * DAY
    while True:
        end = min(now + span, datetime.max.replace(tzinfo=UTC) - 2 * _REACH)
        found = occurrences(timing, now, end, observances, free)
        if len(found) >= count or span > timedelta(days=3653):
            return found[:count]
        span *= 4
