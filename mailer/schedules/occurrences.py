"""From a schedule to its occurrences: a rule's dates, past free days, at a time in a zone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from mailer import zones
from mailer.errors import InputError
from mailer.schedules import local_time
from mailer.schedules.holidays import FreeDays, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.rules import DAY, Rule, iterate_dates

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

    rule_time: datetime
    wall: datetime
    zone: str
    moment: datetime
    skipped: bool = False
    note: str = ""

    @property
    def day(self) -> date:
        """The date that the rule names."""
        return self.rule_time.date()


def check_timing(timing: Timing) -> Timing:
    """Raises InputError for a zone or time of day that can't be."""
    zones.get_zone(timing.zone)
    if timing.at.tzinfo is not None or timing.at.second or timing.at.microsecond:
        raise InputError(
            f"{timing.at.isoformat()} is not a time of day to the minute",
            where="--at",
            hint="such as 09:00; the zone is given beside it",
        )
    return timing


def expand_occurrences(
    timing: Timing,
    after: datetime,
    until: datetime,
    observances: Mapping[str, Observance],
    free_days: FreeDays,
) -> list[Occurrence]:
    """Those whose moment is after the one and not after the other, in order; skipped ones are
    among them. One for each date that the rule names; on each local date at most one that is not
    skipped: a date that a free day or a lost day moved to another's is skipped."""
    tz = zones.get_zone(timing.zone)
    first = after.astimezone(tz).date() - _REACH
    last = until.astimezone(tz).date() + _REACH
    occurrence_by_date: dict[date, Occurrence] = {}
    moved_occurrences: list[Occurrence] = []
    for occurrence in _iterate_occurrences(timing, first, last, observances, free_days):
        if occurrence.wall.date() == occurrence.day:
            occurrence_by_date[occurrence.day] = occurrence
        else:
            moved_occurrences.append(occurrence)
    doubled_occurrences: list[Occurrence] = []
    for occurrence in moved_occurrences:
        if occurrence_by_date.setdefault(occurrence.wall.date(), occurrence) is not occurrence:
            note = f"{occurrence.note}; {occurrence.wall:%a %d %b} has one already"
            doubled_occurrences.append(replace(occurrence, skipped=True, note=note))
    in_period = [
        occurrence
        for occurrence in (*occurrence_by_date.values(), *doubled_occurrences)
        if after < occurrence.moment <= until
    ]
    return sorted(in_period, key=lambda occurrence: (occurrence.moment, occurrence.day))


def _iterate_occurrences(
    timing: Timing,
    first: date,
    last: date,
    observances: Mapping[str, Observance],
    free_days: FreeDays,
) -> Iterator[Occurrence]:
    tz = zones.get_zone(timing.zone)
    for day in iterate_dates(timing.rule, first, last, observances):
        target_day = free_days.shift_date(day, timing.on_free_day)
        note = free_days.find_reason(day)
        skipped = target_day is None
        target_day = target_day or day
        while not local_time.is_valid_day(target_day, tz):
            note = note or f"{timing.zone} had no such day"
            target_day += DAY
        wall_time = datetime.combine(target_day, timing.at)
        moment = local_time.to_utc(wall_time, tz)
        if moment.astimezone(tz).replace(tzinfo=None) != wall_time:
            note = note or "clocks were put forward over this time"
        rule_time = datetime.combine(day, timing.at)
        yield Occurrence(rule_time, wall_time, timing.zone, moment, skipped, note)


def find_upcoming(
    timing: Timing,
    now: datetime,
    count: int,
    observances: Mapping[str, Observance],
    free_days: FreeDays,
) -> list[Occurrence]:
    """The next `count`, as many as there are within ten years."""
    span = 8 * DAY
    while True:
        end = min(now + span, datetime.max.replace(tzinfo=UTC) - 2 * _REACH)
        upcoming = expand_occurrences(timing, now, end, observances, free_days)
        if len(upcoming) >= count or span > timedelta(days=3653):
            return upcoming[:count]
        span *= 4
