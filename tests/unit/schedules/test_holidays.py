"""Dates on free days: skipped, or moved before or after."""

from datetime import UTC, date, datetime, time

import pytest

from mailer.errors import InputError
from mailer.schedules.holidays import Blackout, FreeDays, OnFreeDay
from mailer.schedules.occurrences import Timing, expand_occurrences
from mailer.schedules.rules import RecurringRule, SingleDayRule

BEFORE, AFTER, SKIP = OnFreeDay.BEFORE, OnFreeDay.AFTER, OnFreeDay.SKIP
CHRISTMAS = date(2026, 12, 25)  # a Friday; the 26th is observed on Monday the 28th


@pytest.mark.parametrize(
    ("region", "day", "on_free_day", "expected"),
    [
        ("GB", date(2026, 12, 23), BEFORE, date(2026, 12, 23)),
        ("GB", CHRISTMAS, SKIP, None),
        ("GB", CHRISTMAS, BEFORE, date(2026, 12, 24)),
        ("GB", CHRISTMAS, AFTER, date(2026, 12, 29)),
        ("GB-SCT", date(2027, 1, 1), AFTER, date(2027, 1, 5)),
        ("GB-ENG", date(2027, 1, 1), AFTER, date(2027, 1, 4)),
        ("CH-GE", date(2026, 12, 31), BEFORE, date(2026, 12, 30)),
        ("", CHRISTMAS, SKIP, CHRISTMAS),
    ],
)
def test_public_holiday_shifts_or_skips_date(
    region: str, day: date, on_free_day: OnFreeDay, expected: date | None
) -> None:
    assert FreeDays(region).shift_date(day, on_free_day) == expected


def test_weekend_of_country_is_respected() -> None:
    free_days = FreeDays("EG", [Blackout(date(2027, 2, 11), date(2027, 2, 11), "moving house")])
    assert date(2027, 2, 11).strftime("%A") == "Thursday"
    assert free_days.shift_date(date(2027, 2, 11), AFTER) == date(2027, 2, 14), (
        "not Friday or Saturday"
    )


def test_blackout_shifts_or_skips_date() -> None:
    free_days = FreeDays(
        "", [Blackout(date(2026, 12, 21), date(2027, 1, 3), "the office is closed")]
    )
    assert free_days.find_reason(date(2026, 12, 21)) == "the office is closed"
    assert free_days.shift_date(date(2026, 12, 30), AFTER) == date(2027, 1, 4)
    assert free_days.shift_date(date(2026, 12, 30), BEFORE) == date(2026, 12, 18)
    assert free_days.shift_date(date(2026, 12, 30), SKIP) is None
    endless = FreeDays("", [Blackout(date(2026, 1, 1), date(2030, 1, 1), "")])
    assert endless.shift_date(date(2027, 6, 1), AFTER) is None


@pytest.mark.parametrize(
    ("region", "hint"), [("XX", "GB-SCT"), ("GB-XX", "parts of GB"), ("gb", "")]
)
def test_unknown_holiday_region_is_refused(region: str, hint: str) -> None:
    with pytest.raises(InputError, match="no public holidays are known") as caught:
        FreeDays(region)
    assert hint in caught.value.hint


def test_occurrence_moved_onto_occupied_day_is_skipped() -> None:
    weekdays = Timing(
        RecurringRule("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", date(2026, 1, 1)),
        time(9),
        "Europe/London",
        AFTER,
    )
    occurrences = expand_occurrences(
        weekdays,
        datetime(2026, 12, 24, tzinfo=UTC),
        datetime(2026, 12, 30, 23, tzinfo=UTC),
        {},
        FreeDays("GB"),
    )
    assert [
        (occurrence.day.day, occurrence.wall.day, occurrence.skipped) for occurrence in occurrences
    ] == [(24, 24, False), (25, 29, True), (28, 29, True), (29, 29, False), (30, 30, False)]
    assert occurrences[1].note == "Christmas Day; Tue 29 Dec has an occurrence already"


def test_skipped_occurrence_has_reason() -> None:
    timing = Timing(SingleDayRule(CHRISTMAS), time(9), "Europe/London", SKIP)
    (occurrence,) = expand_occurrences(
        timing,
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
        {},
        FreeDays("GB"),
    )
    assert occurrence.skipped
    assert occurrence.note == "Christmas Day"
