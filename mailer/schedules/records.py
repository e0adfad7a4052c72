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
from mailer.schedules import spelling
from mailer.schedules.free_days import Blackout, FreeDays, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.occurrences import Timing
from mailer.schedules.rules import Around

LONGEST_CUTOFF = timedelta(days=14)

_DURATION = re.compile(r"(?:(\d+)d)? ?(?:(\d+)h)? ?(?:(\d+)m)?")


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """What staff decide. `cutoff` before it is sent an occurrence's edition is assembled; `place`
    is the country whose public holidays count, if any (``GB``, ``GB-SCT``)."""

    digest: str
    timing: Timing
    cutoff: timedelta = timedelta(hours=1)
    place: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    id: int
    new: NewSchedule
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeptBlackout:
    id: int
    days: Blackout


class OccurrenceState(StrEnum):
    """What has become of an occurrence. ``planned``: staff have moved it, and it is to come."""

    PLANNED = "planned"
    SKIPPED = "skipped"
    MADE = "made"
    HELD = "held"


OCCURRENCE_TRANSITIONS: Mapping[OccurrenceState, frozenset[OccurrenceState]] = {
    OccurrenceState.PLANNED: frozenset(
        {OccurrenceState.SKIPPED, OccurrenceState.MADE, OccurrenceState.HELD}
    ),
    OccurrenceState.SKIPPED: frozenset({OccurrenceState.PLANNED}),
    OccurrenceState.HELD: frozenset({OccurrenceState.PLANNED, OccurrenceState.SKIPPED}),
    OccurrenceState.MADE: frozenset({OccurrenceState.SKIPPED, OccurrenceState.PLANNED}),
}


@dataclass(frozen=True, slots=True)
class KeptOccurrence:
    """What is kept of an occurrence: staff have touched it, or its time has come.

    `named` is the wall-clock time that the rule names, naive, and `zone` its zone: with the digest
    they are its name. `moved_to` is the wall-clock time that staff chose instead. `edition` is what
    was made of it."""

    id: int
    digest: str
    named: datetime
    zone: str
    schedule: int | None
    state: OccurrenceState
    moved_to: datetime | None
    edition: int | None
    reason: str
    actor: str
    updated_at: datetime


class ScheduleStore(Protocol):
    """What the verbs here need kept."""

    def schedules(self) -> list[Schedule]: ...
    def add(self, new: NewSchedule, now: datetime) -> Schedule: ...
    def remove(self, schedule: Schedule) -> None: ...
    def blackouts(self) -> list[KeptBlackout]: ...
    def add_blackout(self, days: Blackout, now: datetime) -> KeptBlackout: ...
    def remove_blackout(self, kept: KeptBlackout) -> None: ...
    def occurrences(self, digest: str, limit: int) -> list[KeptOccurrence]: ...
    def kept_since(self, since: datetime) -> Mapping[str, Sequence[KeptOccurrence]]: ...
    def take(
        self,
        digest: str,
        named: datetime,
        zone: str,
        state: OccurrenceState,
        now: datetime,
        *,
        schedule: int,
        reason: str = "",
    ) -> int | None: ...
    def decide(
        self,
        digest: str,
        named: datetime,
        zone: str,
        state: OccurrenceState,
        now: datetime,
        *,
        seen: KeptOccurrence | None,
        schedule: int,
        moved_to: datetime | None,
        reason: str,
        actor: str,
    ) -> KeptOccurrence | None: ...
    def attach(self, number: int, edition: int) -> None: ...


def schedule(
    store: ScheduleStore,
    new: NewSchedule,
    observances: Mapping[str, Observance],
    now: datetime,
) -> Schedule:
    """Give a digest one more schedule. Raises InputError for one that can't be, or that it has."""
    expansion.check(new.timing)
    if not timedelta() <= new.cutoff <= LONGEST_CUTOFF:
        raise InputError(
            f"a cut-off of {spell_duration(new.cutoff)} is not possible",
            where="--cutoff",
            hint=f"give at most {spell_duration(LONGEST_CUTOFF)}, such as 90m, 2h or 1d",
        )
    rule = new.timing.rule
    if isinstance(rule, Around) and rule.observance not in observances:
        raise NotFound(
            f"there is no observance {rule.observance!r}", hint="see `mailer observance list`"
        )
    if any(known.new == new for known in store.schedules()):
        raise InputError(
            f"digest {new.digest} has this schedule already", hint="see `mailer schedule list`"
        )
    free = FreeDays(new.place)
    if not expansion.upcoming(new.timing, now, 1, observances, free):
        raise InputError(
            f"{spelling.spell(rule)!r} at {new.timing.at:%H:%M} names no time from now on",
            hint="give a time that is to come, or see when the observance ends",
        )
    return store.add(new, now)


def get(store: ScheduleStore, number: int) -> Schedule:
    for known in store.schedules():
        if known.id == number:
            return known
    raise NotFound(f"there is no schedule {number}", hint="see `mailer schedule list`")


def black_out(store: ScheduleStore, days: Blackout, now: datetime) -> KeptBlackout:
    """Let nothing be sent on these days. Raises InputError when the last is before the first."""
    if days.last < days.first:
        raise InputError(
            f"{days.last} is before {days.first}", hint="give the first day, then the last"
        )
    return store.add_blackout(days, now)


def lift(store: ScheduleStore, number: int) -> KeptBlackout:
    """Remove a blackout."""
    for kept in store.blackouts():
        if kept.id == number:
            store.remove_blackout(kept)
            return kept
    raise NotFound(f"there is no blackout {number}", hint="see `mailer blackout list`")


# ---- words ------------------------------------------------------------------------------------


def timing(text: str, at: str, zone: str, start: date, on_free_day: OnFreeDay) -> Timing:
    """A timing as staff write it. Raises InputError."""
    try:
        hour, minute = map(int, at.split(":"))
        clock = time(hour, minute)
    except ValueError as error:
        raise InputError(
            f"{at!r} is no time of day", where="--at", hint="such as 09:00 or 17:30"
        ) from error
    zones.zone(zone)
    return Timing(spelling.parse(text, start), clock, zone, on_free_day)


def parse_duration(text: str, option: str) -> timedelta:
    """``90m``, ``2h``, ``1d 12h``. Raises InputError naming the option."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise InputError(
            f"{text!r} is no length of time", where=option, hint="such as 90m, 2h or 1d 12h"
        )
    days, hours, minutes = (int(part or 0) for part in found.groups())
    if max(days, hours, minutes) > 100_000:
        raise InputError(f"{text!r} is too long", where=option)
    return timedelta(days=days, hours=hours, minutes=minutes)


def spell_duration(length: timedelta) -> str:
    """As :func:`parse_duration` reads it; to the minute."""
    minutes = int(length.total_seconds()) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count) or "0m"
