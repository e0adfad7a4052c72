"""Expand a schedule into occurrences: a rule's dates, moved off free days, at a time in a zone."""

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
"""Maximum distance by which a date can move because of free days or a day that a zone skipped."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The timing of a schedule: a rule, a time of day (to the minute), and an IANA zone."""

    rule: Rule
    at: time
    zone: str
    on_free_day: OnFreeDay = OnFreeDay.SKIP


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a schedule, with its time.

    `rule_time` is the local time that the rule names. Together with digest and zone, it identifies
    the occurrence, even if free days or staff move the occurrence. `wall` is the local time of
    sending. Both are naive. `moment` is `wall` in UTC. `note` gives the reason if the occurrence is
    skipped or was moved."""

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

    @property
    def clock_time(self) -> datetime:
        """The local time (naive) that clocks show at the moment. It differs from `wall` if a clock
        change skips `wall`."""
        return self.moment.astimezone(zones.get_zone(self.zone)).replace(tzinfo=None)


def check_timing(timing: Timing) -> Timing:
    """Check and return a timing. Raises InputError for an unknown zone or a time with seconds."""
    zones.get_zone(timing.zone)
    if timing.at.tzinfo is not None or timing.at.second or timing.at.microsecond:
        raise InputError(
            f"{timing.at.isoformat()} is not a time of day to the minute",
            field="at",
            value=timing.at,
            hint="write it as 09:00; the zone is given separately",
        )
    return timing


def expand_occurrences(
    timing: Timing,
    after: datetime,
    until: datetime,
    observances: Mapping[str, Observance],
    free_days: FreeDays,
) -> list[Occurrence]:
    """Return the occurrences after `after` and up to `until`, in order, including skipped ones.

    There is one occurrence for each date that the rule names. An occurrence that would move to the
    date of another occurrence is skipped, so each local date has at most one occurrence that is not
    skipped."""
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
            note = f"{occurrence.note}; {occurrence.wall:%a %d %b} has an occurrence already"
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
    """Return the next `count` occurrences within ten years."""
    span = 8 * DAY
    while True:
        end = min(now + span, datetime.max.replace(tzinfo=UTC) - 2 * _REACH)
        upcoming = expand_occurrences(timing, now, end, observances, free_days)
        if len(upcoming) >= count or span > timedelta(days=3653):
            return upcoming[:count]
        span *= 4
