"""Schedules of digests and blackouts, the verbs on them, and what they need kept."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

from mailer import zones
from mailer.errors import InputError, NotFound
from mailer.schedules import occurrences as expansion
from mailer.schedules import rule_syntax
from mailer.schedules.holidays import Blackout, FreeDays, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.occurrences import Timing
from mailer.schedules.rules import ObservanceRule

MAX_CUTOFF = timedelta(days=14)

_DURATION = re.compile(r"(?:(\d+)d)? ?(?:(\d+)h)? ?(?:(\d+)m)?")


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """What staff decide. `cutoff` before it is sent an occurrence's edition is assembled; `place`
    is the country whose public holidays count, if any (``GB``, ``GB-SCT``)."""

    digest_slug: str
    timing: Timing
    cutoff: timedelta = timedelta(hours=1)
    region: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    id: int
    settings: NewSchedule
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SavedBlackout:
    id: int
    days: Blackout


class OccurrenceState(StrEnum):
    """What has become of an occurrence. ``planned``: staff have moved it, and it is to come."""

    PLANNED = "planned"
    SKIPPED = "skipped"
    MADE = "made"
    ON_HOLD = "held"


OCCURRENCE_TRANSITIONS: Mapping[OccurrenceState, frozenset[OccurrenceState]] = {
    OccurrenceState.PLANNED: frozenset(
        {OccurrenceState.SKIPPED, OccurrenceState.MADE, OccurrenceState.ON_HOLD}
    ),
    OccurrenceState.SKIPPED: frozenset({OccurrenceState.PLANNED}),
    OccurrenceState.ON_HOLD: frozenset({OccurrenceState.PLANNED, OccurrenceState.SKIPPED}),
    OccurrenceState.MADE: frozenset({OccurrenceState.SKIPPED, OccurrenceState.PLANNED}),
}


@dataclass(frozen=True, slots=True)
class SavedOccurrence:
    """What is kept of an occurrence: staff have touched it, or its time has come.

    `named` is the wall-clock time that the rule names, naive, and `zone` its zone: with the digest
    they are its name. `moved_to` is the wall-clock time that staff chose instead. `edition` is what
    was made of it."""

    id: int
    digest_slug: str
    rule_time: datetime
    zone: str
    schedule_id: int | None
    state: OccurrenceState
    moved_to: datetime | None
    edition_id: int | None
    reason: str
    actor: str
    updated_at: datetime


class ScheduleStore(Protocol):
    """What the verbs here need kept."""

    def list_schedules(self) -> list[Schedule]: ...
    def add_schedule(self, settings: NewSchedule, now: datetime) -> Schedule: ...
    def remove_schedule(self, schedule: Schedule) -> None: ...
    def list_blackouts(self) -> list[SavedBlackout]: ...
    def add_blackout(self, days: Blackout, now: datetime) -> SavedBlackout: ...
    def remove_blackout(self, blackout: SavedBlackout) -> None: ...
    def list_occurrences(self, digest_slug: str, limit: int) -> list[SavedOccurrence]: ...
    def list_occurrences_since(
        self, since: datetime
    ) -> Mapping[str, Sequence[SavedOccurrence]]: ...
    def claim_occurrence(
        self,
        digest_slug: str,
        rule_time: datetime,
        zone: str,
        state: OccurrenceState,
        now: datetime,
        *,
        schedule_id: int,
        reason: str = "",
    ) -> int | None: ...
    def save_decision(
        self,
        digest_slug: str,
        rule_time: datetime,
        zone: str,
        state: OccurrenceState,
        now: datetime,
        *,
        expected: SavedOccurrence | None,
        schedule_id: int,
        moved_to: datetime | None,
        reason: str,
        actor: str,
    ) -> SavedOccurrence | None: ...
    def attach_edition(self, occurrence_id: int, edition_id: int) -> None: ...


def add_schedule(
    store: ScheduleStore,
    settings: NewSchedule,
    observances: Mapping[str, Observance],
    now: datetime,
) -> Schedule:
    """Give a digest one more schedule. Raises InputError for one that can't be, or that it has."""
    expansion.check_timing(settings.timing)
    if not timedelta() <= settings.cutoff <= MAX_CUTOFF:
        raise InputError(
            f"a cut-off of {format_duration(settings.cutoff)} is not possible",
            where="--cutoff",
            hint=f"give at most {format_duration(MAX_CUTOFF)}, such as 90m, 2h or 1d",
        )
    rule = settings.timing.rule
    if isinstance(rule, ObservanceRule) and rule.observance not in observances:
        raise NotFound(
            f"there is no observance {rule.observance!r}", hint="see `mailer observance list`"
        )
    if any(schedule.settings == settings for schedule in store.list_schedules()):
        raise InputError(
            f"digest {settings.digest_slug} has this schedule already",
            hint="see `mailer schedule list`",
        )
    free_days = FreeDays(settings.region)
    if not expansion.find_upcoming(settings.timing, now, 1, observances, free_days):
        raise InputError(
            f"{rule_syntax.format_rule(rule)!r} at {settings.timing.at:%H:%M} names no time from now on",
            hint="give a time that is to come, or see when the observance ends",
        )
    return store.add_schedule(settings, now)


def get_schedule(store: ScheduleStore, schedule_id: int) -> Schedule:
    for schedule in store.list_schedules():
        if schedule.id == schedule_id:
            return schedule
    raise NotFound(f"there is no schedule {schedule_id}", hint="see `mailer schedule list`")


def add_blackout(store: ScheduleStore, days: Blackout, now: datetime) -> SavedBlackout:
    """Let nothing be sent on these days. Raises InputError when the last is before the first."""
    if days.last < days.first:
        raise InputError(
            f"{days.last} is before {days.first}", hint="give the first day, then the last"
        )
    return store.add_blackout(days, now)


def lift_blackout(store: ScheduleStore, blackout_id: int) -> SavedBlackout:
    """Remove a blackout."""
    for blackout in store.list_blackouts():
        if blackout.id == blackout_id:
            store.remove_blackout(blackout)
            return blackout
    raise NotFound(f"there is no blackout {blackout_id}", hint="see `mailer blackout list`")


# ---- words ------------------------------------------------------------------------------------


def parse_timing(text: str, at: str, zone: str, start: date, on_free_day: OnFreeDay) -> Timing:
    """A timing as staff write it. Raises InputError."""
    try:
        hour, minute = map(int, at.split(":"))
        time_of_day = time(hour, minute)
    except ValueError as error:
        raise InputError(
            f"{at!r} is no time of day", where="--at", hint="such as 09:00 or 17:30"
        ) from error
    zones.get_zone(zone)
    return Timing(rule_syntax.parse_rule(text, start), time_of_day, zone, on_free_day)


def parse_duration(text: str, option: str) -> timedelta:
    """``90m``, ``2h``, ``1d 12h``. Raises InputError naming the option."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or not any(match.groups()):
        raise InputError(
            f"{text!r} is no length of time", where=option, hint="such as 90m, 2h or 1d 12h"
        )
    days, hours, minutes = (int(part or 0) for part in match.groups())
    if max(days, hours, minutes) > 100_000:
        raise InputError(f"{text!r} is too long", where=option)
    return timedelta(days=days, hours=hours, minutes=minutes)


def format_duration(length: timedelta) -> str:
    """As :func:`parse_duration` reads it; to the minute."""
    minutes = int(length.total_seconds()) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0m"
