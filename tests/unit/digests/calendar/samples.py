"""Calendars to test with, and how to say what they give."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mailer.digests import Digest, Order, Policy
from mailer.digests.calendar import LOOK_BACK, Calendar, Planned, Step
from mailer.schedules import records
from mailer.schedules.free_days import Blackout, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.schedules.records import KeptOccurrence, NewSchedule, OccurrenceState, Schedule

LONDON, BERLIN, TOKYO = "Europe/London", "Europe/Berlin", "Asia/Tokyo"
KIRITIMATI, NEW_YORK = "Pacific/Kiritimati", "America/New_York"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = date(2026, 11, 2)
OBSERVANCES = {"migrants-day": Observance("migrants-day", "18 december", {"en": "A day"})}

PLANNED, SKIPPED = OccurrenceState.PLANNED, OccurrenceState.SKIPPED
MADE, HELD = OccurrenceState.MADE, OccurrenceState.HELD
BEFORE, AFTER, SKIP = OnFreeDay.BEFORE, OnFreeDay.AFTER, OnFreeDay.SKIP


def wall(text: str) -> datetime:
    """What a clock shows; it is in no zone."""
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = utc("2026-11-20 09:30")
"""A Friday; clocks in London show the same."""


def schedule(
    text: str = "daily",
    at: str = "09:00",
    zone: str = LONDON,
    *,
    number: int = 1,
    cutoff: timedelta = HOUR,
    place: str = "",
    on_free_day: OnFreeDay = SKIP,
    made: datetime = NOW,
    start: date = START,
) -> Schedule:
    timing = records.timing(text, at, zone, start, on_free_day)
    return Schedule(number, NewSchedule("weekly", timing, cutoff, place), made)


def kept(
    named: str, state: OccurrenceState, *, moved_to: str = "", **fields: Any
) -> KeptOccurrence:
    one = KeptOccurrence(
        id=1,
        digest="weekly",
        named=wall(named),
        zone=LONDON,
        schedule=1,
        state=state,
        moved_to=wall(moved_to) if moved_to else None,
        edition=None,
        reason="",
        actor="",
        updated_at=NOW,
    )
    return replace(one, **fields)


def calendar(
    *schedules: Schedule,
    rows: Iterable[KeptOccurrence] = (),
    blackouts: Iterable[Blackout] = (),
    reader_zones: Iterable[str] = (),
    observances: Mapping[str, Observance] = OBSERVANCES,
    **policy: Any,
) -> Calendar:
    order = Order(slug="weekly", name="The week", list="news", policy=Policy(**policy))
    digest = Digest(1, order, NOW, NOW)
    return Calendar(
        digest, schedules, tuple(rows), tuple(blackouts), observances, tuple(reader_zones)
    )


def closed(first: str, last: str = "", reason: str = "the office is closed") -> Blackout:
    return Blackout(date.fromisoformat(first), date.fromisoformat(last or first), reason)


def shown(planned: Iterable[Planned]) -> list[str]:
    """Each one's day and time; a skipped one's in brackets."""
    return [
        f"({one.occurrence.wall:%d %b %H:%M})"
        if one.occurrence.skipped
        else f"{one.occurrence.wall:%d %b %H:%M}"
        for one in planned
    ]


def said(steps: Iterable[Step]) -> list[tuple[str, str]]:
    """What is done, to each by its name."""
    return [(f"{one.planned.occurrence.named:%d %b %H:%M}", one.do.value) for one in steps]


def due(known: Calendar, now: datetime) -> list[Step]:
    return known.due(now, LOOK_BACK)
