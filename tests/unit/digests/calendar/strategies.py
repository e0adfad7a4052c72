"""Calendars to test with, and how to say what they give."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mailer.digests import schedules as schedules_module
from mailer.digests.calendar import LOOK_BACK, CalendarStep, DigestCalendar, PlannedOccurrence
from mailer.model.digests import Digest, DigestPolicy, DigestSettings
from mailer.model.schedules import NewSchedule, OccurrenceState, SavedOccurrence, Schedule
from mailer.schedules.holidays import Blackout, OnFreeDay
from mailer.schedules.observances import Observance

LONDON, BERLIN, TOKYO = "Europe/London", "Europe/Berlin", "Asia/Tokyo"
KIRITIMATI, NEW_YORK = "Pacific/Kiritimati", "America/New_York"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = date(2026, 11, 2)
OBSERVANCES = {"migrants-day": Observance("migrants-day", "18 december", {"en": "A day"})}

PLANNED, SKIPPED = OccurrenceState.PLANNED, OccurrenceState.SKIPPED
MADE, ON_HOLD = OccurrenceState.MADE, OccurrenceState.ON_HOLD
BEFORE, AFTER, SKIP = OnFreeDay.BEFORE, OnFreeDay.AFTER, OnFreeDay.SKIP


def parse_wall_time(text: str) -> datetime:
    """Parse a wall-clock time, which is in no zone."""
    return datetime.fromisoformat(text)


def parse_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOW = parse_utc("2026-11-20 09:30")
"""A Friday; clocks in London show the same."""


def make_schedule(
    text: str = "daily",
    at: str = "09:00",
    zone: str = LONDON,
    *,
    schedule_id: int = 1,
    cutoff: timedelta = HOUR,
    region: str = "",
    on_free_day: OnFreeDay = SKIP,
    created_at: datetime = NOW,
    start: date = START,
) -> Schedule:
    timing = schedules_module.parse_timing(text, at, zone, start, on_free_day)
    return Schedule(schedule_id, NewSchedule("weekly", timing, cutoff, region), created_at)


def make_saved_occurrence(
    rule_time: str, state: OccurrenceState, *, moved_to: str = "", **fields: Any
) -> SavedOccurrence:
    occurrence = SavedOccurrence(
        id=1,
        digest_slug="weekly",
        rule_time=parse_wall_time(rule_time),
        zone=LONDON,
        schedule_id=1,
        state=state,
        moved_to=parse_wall_time(moved_to) if moved_to else None,
        edition_id=None,
        reason="",
        actor="",
        updated_at=NOW,
    )
    return replace(occurrence, **fields)


def make_calendar(
    *schedules: Schedule,
    rows: Iterable[SavedOccurrence] = (),
    blackouts: Iterable[Blackout] = (),
    reader_zones: Iterable[str] = (),
    observances: Mapping[str, Observance] = OBSERVANCES,
    **policy: Any,
) -> DigestCalendar:
    settings = DigestSettings(
        slug="weekly", name="The week", list="news", policy=DigestPolicy(**policy)
    )
    digest = Digest(1, settings, NOW, NOW)
    return DigestCalendar(
        digest, schedules, tuple(rows), tuple(blackouts), observances, tuple(reader_zones)
    )


def make_blackout(first: str, last: str = "", reason: str = "the office is closed") -> Blackout:
    return Blackout(date.fromisoformat(first), date.fromisoformat(last or first), reason)


def format_planned(planned: Iterable[PlannedOccurrence]) -> list[str]:
    """Format the day and time of each occurrence, in brackets if it is skipped."""
    return [
        f"({occurrence.occurrence.wall:%d %b %H:%M})"
        if occurrence.occurrence.skipped
        else f"{occurrence.occurrence.wall:%d %b %H:%M}"
        for occurrence in planned
    ]


def list_actions(steps: Iterable[CalendarStep]) -> list[tuple[str, str]]:
    """Return each step as (occurrence, action)."""
    return [
        (f"{step.planned.occurrence.rule_time:%d %b %H:%M}", step.action.value) for step in steps
    ]


def list_due_steps(calendar: DigestCalendar, now: datetime) -> list[CalendarStep]:
    return calendar.list_due_steps(now, LOOK_BACK)
