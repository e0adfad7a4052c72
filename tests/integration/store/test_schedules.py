"""Schedules and blackouts are kept as they were given, and previews see all of a digest's."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mailer import digests
from mailer.digests import occurrences, schedules
from mailer.digests.calendar import DigestCalendar
from mailer.errors import InputError, NotFound
from mailer.model.schedules import NewSchedule, OccurrenceState, Schedule
from mailer.schedules import durations
from mailer.schedules.holidays import Blackout, OnFreeDay
from mailer.schedules.observances import Observance
from mailer.store import SqlTransaction, Store
from tests.actors import STAFF
from tests.integration import factories

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
LONDON = "Europe/London"
OBSERVANCES = {"migrants-day": Observance("migrants-day", "18 december", {"en": "A day"})}


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_digest(tx)
    return store


def build_calendar(tx: SqlTransaction) -> DigestCalendar:
    return DigestCalendar(
        digests.get_digest(tx, "weekly"),
        tuple(tx.schedules.list_schedules()),
        tuple(tx.schedules.list_occurrences("weekly", 100)),
        tuple(blackout.days for blackout in tx.schedules.list_blackouts()),
        OBSERVANCES,
    )


def build_schedule(
    text: str,
    at: str = "09:00",
    zone: str = LONDON,
    on_free_day: OnFreeDay = OnFreeDay.SKIP,
    place: str = "",
    cutoff: str = "1h",
) -> NewSchedule:
    timing = schedules.parse_timing(text, at, zone, NOW.date(), on_free_day)
    return NewSchedule("weekly", timing, durations.parse_duration(cutoff, "--cutoff"), place)


@pytest.mark.parametrize(
    "new",
    [
        build_schedule("every 2 weeks on Monday", cutoff="1d 90m"),
        build_schedule("2026-12-18", "17:30", "America/New_York"),
        build_schedule("migrants-day: each weekday from 7 days before, then on the day"),
        build_schedule("RRULE:FREQ=MONTHLY;BYDAY=1MO;UNTIL=20301231", place="GB-SCT"),
        build_schedule("weekdays", on_free_day=OnFreeDay.BEFORE, place="EG"),
    ],
)
def test_schedule_round_trip_keeps_settings(seeded_store: Store, new: NewSchedule) -> None:
    with seeded_store.begin() as tx:
        added = schedules.add_schedule(tx, STAFF, new, OBSERVANCES, NOW)
    with seeded_store.read() as tx:
        assert tx.schedules.list_schedules() == [added]
        assert added.settings == new
    with seeded_store.begin() as tx:
        tx.schedules.remove_schedule(schedules.get_schedule(tx, added.id))
        assert tx.schedules.list_schedules() == []
        with pytest.raises(NotFound):
            schedules.get_schedule(tx, added.id)


@pytest.mark.parametrize(
    ("new", "error_text"),
    [
        (build_schedule("2026-11-30"), "names no future time"),
        (build_schedule("2026-12-01"), "names no future time"),
        (build_schedule("refugee-day: on the day"), "no observance 'refugee-day'"),
        (build_schedule("daily", place="XX"), "no public holidays"),
        (build_schedule("daily", cutoff="15d"), "cut-off of 15d"),
    ],
)
def test_impossible_schedule_is_refused(
    seeded_store: Store, new: NewSchedule, error_text: str
) -> None:
    with seeded_store.begin() as tx:
        with pytest.raises(InputError, match=error_text):
            schedules.add_schedule(tx, STAFF, new, OBSERVANCES, NOW)
        assert tx.schedules.list_schedules() == []


def test_duplicate_schedule_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        schedules.add_schedule(tx, STAFF, build_schedule("daily"), OBSERVANCES, NOW)
        with pytest.raises(InputError, match="already"):
            schedules.add_schedule(tx, STAFF, build_schedule("every day"), OBSERVANCES, NOW)


def test_calendar_preview_has_all_schedules_and_blackouts(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        run_up = build_schedule("migrants-day: each weekday from 7 days before, then on the day")
        fridays = build_schedule(
            "weekly on Friday", on_free_day=OnFreeDay.BEFORE, place="GB", cutoff="2h"
        )
        first = schedules.add_schedule(tx, STAFF, run_up, OBSERVANCES, NOW)
        second = schedules.add_schedule(tx, STAFF, fridays, OBSERVANCES, NOW)
        schedules.add_blackout(
            tx, STAFF, Blackout(date(2026, 12, 15), date(2026, 12, 15), "x"), NOW
        )
        planned = build_calendar(tx).list_upcoming(NOW, 9)
    assert [
        (
            planned_occurrence.schedule.id,
            planned_occurrence.occurrence.wall.day,
            planned_occurrence.occurrence.skipped,
        )
        for planned_occurrence in planned
    ] == [
        (second.id, 4, False),
        (first.id, 11, False),  # both name it, at the same time: it is one
        (first.id, 14, False),
        (first.id, 15, True),
        (first.id, 16, False),
        (first.id, 17, False),
        (first.id, 18, False),
        (second.id, 24, False),  # of the 25th, which is Christmas
        (second.id, 31, False),
    ]
    assert planned[0].cutoff_at == datetime(2026, 12, 4, 7, tzinfo=UTC)


def test_blackout_skips_shared_day_for_its_schedule_only(seeded_store: Store) -> None:
    """Where one schedule skips a day and another does not, the day is there."""
    with seeded_store.begin() as tx:
        schedules.add_schedule(
            tx, STAFF, build_schedule("2026-12-25", place="GB"), OBSERVANCES, NOW
        )
        other = schedules.add_schedule(tx, STAFF, build_schedule("2026-12-25"), OBSERVANCES, NOW)
        (planned,) = build_calendar(tx).list_upcoming(NOW, 8)
    assert (planned.schedule, planned.occurrence.skipped) == (other, False)


def test_blackout_is_added_and_lifted(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        days = Blackout(date(2026, 12, 24), date(2027, 1, 3), "the office is closed")
        saved = schedules.add_blackout(tx, STAFF, days, NOW)
        assert tx.schedules.list_blackouts() == [saved]
        with pytest.raises(InputError, match="is before"):
            schedules.add_blackout(tx, STAFF, Blackout(days.last, days.first, ""), NOW)
        assert schedules.lift_blackout(tx, STAFF, saved.id) == saved
        with pytest.raises(NotFound):
            schedules.lift_blackout(tx, STAFF, saved.id)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("1d 12h", timedelta(hours=36)),
        ("1D12H30M", timedelta(days=1, hours=12, minutes=30)),
        ("0m", timedelta()),
        ("", None),
        ("2", None),
        ("2 hours", None),
        ("-1h", None),
        ("99999999999d", None),
    ],
)
def test_duration_text_is_parsed_and_formatted(text: str, length: timedelta | None) -> None:
    if length is None:
        with pytest.raises(InputError, match="--cutoff"):
            durations.parse_duration(text, "--cutoff")
    else:
        assert durations.parse_duration(text, "--cutoff") == length
        assert durations.parse_duration(durations.format_duration(length), "") == length


def edit(tx: SqlTransaction, schedule_id: int, now: datetime = NOW, **changes: Any) -> Schedule:
    old = schedules.get_schedule(tx, schedule_id).settings
    new = schedules.change_settings(old, now, **changes)
    return schedules.edit_schedule(tx, STAFF, schedule_id, new, OBSERVANCES, now)


def list_walls(tx: SqlTransaction, now: datetime = NOW) -> list[tuple[str, bool]]:
    """Return (time, skipped) of the next four occurrences."""
    return [
        (f"{planned.occurrence.wall:%d %H:%M}", planned.occurrence.skipped)
        for planned in build_calendar(tx).list_upcoming(now, 4)
    ]


def test_edited_schedule_keeps_number_and_what_is_not_named(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        new = build_schedule("weekly on Thu", place="GB", cutoff="2h")
        added = schedules.add_schedule(tx, STAFF, new, OBSERVANCES, NOW)
        edited = edit(tx, added.id, rule="every Friday")
        assert (edited.id, edited.settings.cutoff, edited.settings.region) == (
            added.id,
            timedelta(hours=2),
            "GB",
        )
        assert list_walls(tx)[0] == ("04 09:00", False)
        edit(tx, added.id, rule="every Friday at 5pm", zone="Africa/Cairo")
        edited = edit(tx, added.id, at="10am", region="")
        assert tx.schedules.list_schedules() == [edited]
        assert (edited.settings.timing.zone, edited.settings.region) == ("Africa/Cairo", "")
        assert list_walls(tx)[0] == ("04 10:00", False)


def test_edited_schedule_keeps_decisions_about_days(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        added = schedules.add_schedule(tx, STAFF, build_schedule("daily"), OBSERVANCES, NOW)
        first, second, third, _ = build_calendar(tx).list_upcoming(NOW, 4)
        occurrences.skip_occurrence(tx, STAFF, first, NOW, reason="a strike")
        later = datetime(2026, 12, 9, 8)  # noqa: DTZ001
        occurrences.move_occurrence(tx, STAFF, second, later, NOW)
        claimed = tx.schedules.claim_occurrence(
            "weekly", *third.key, OccurrenceState.MADE, NOW, schedule_id=added.id
        )
        assert claimed
        edit(tx, added.id, at="10:00")
        assert list_walls(tx) == [
            ("02 10:00", True),
            ("03 10:00", True),
            ("04 10:00", True),
            ("05 10:00", False),
        ]
        notes = [planned.occurrence.note for planned in build_calendar(tx).list_upcoming(NOW, 3)]
        assert notes[0] == "a strike"
        assert "moved to Wed 09 Dec" in notes[1]
        assert "has its edition" in notes[2]
        moved = [
            planned
            for planned in build_calendar(tx).list_upcoming(NOW, 20)
            if planned.occurrence.wall == later
        ]
        assert len(moved) == 1, "the moved occurrence is still sent"


def test_edited_schedule_has_no_occurrence_before_its_edit(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        added = schedules.add_schedule(tx, STAFF, build_schedule("daily"), OBSERVANCES, NOW)
        later = NOW + timedelta(days=3)
        edit(tx, added.id, later, at="11:00")
        steps = build_calendar(tx).list_due_steps(later + timedelta(hours=1))
        assert steps == [], "11:00 of that day and of the days before was not in the rule then"
        counted = edit(tx, added.id, later + timedelta(days=1), cutoff=timedelta(hours=3))
        assert counted.created_at == later, "another cut-off changes no time"


def test_impossible_edit_is_refused_and_changes_nothing(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        schedules.add_schedule(tx, STAFF, build_schedule("daily"), OBSERVANCES, NOW)
        added = schedules.add_schedule(tx, STAFF, build_schedule("weekdays"), OBSERVANCES, NOW)
        for changes, message in (
            ({"rule": "every day"}, "has this rule at this time already"),
            ({"rule": "2026-11-30"}, "names no future time"),
            ({"rule": "on no-day"}, "no observance"),
            ({"cutoff": timedelta(days=15)}, "cut-off of 15d"),
            ({"zone": "Europe/Nowhere"}, "Nowhere"),
        ):
            with pytest.raises(InputError, match=message):
                edit(tx, added.id, **changes)
        with pytest.raises(NotFound):
            edit(tx, 99, at="10:00")
        assert schedules.get_schedule(tx, added.id) == added
