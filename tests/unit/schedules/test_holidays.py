"""Where a date goes that falls on a free day."""

from datetime import UTC, date, datetime, time

import pytest

from mailer.errors import InputError
from mailer.schedules.holidays import Blackout, FreeDays, OnFreeDay
from mailer.schedules.occurrences import Timing, expand_occurrences
from mailer.schedules.rules import RecurringRule, SingleDayRule

BEFORE, AFTER, SKIP = OnFreeDay.BEFORE, OnFreeDay.AFTER, OnFreeDay.SKIP
CHRISTMAS = date(2026, 12, 25)  # a Friday; the 26th is kept on Monday the 28th


@pytest.mark.parametrize(
    ("place", "day", "on_free_day", "goes"),
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
def test_public_holidays_of_country_are_free_days(
    place: str, day: date, on_free_day: OnFreeDay, goes: date | None
) -> None:
    assert FreeDays(place).shift_date(day, on_free_day) == goes


def test_a_weekend_is_the_countrys() -> None:
    there = FreeDays("EG", [Blackout(date(2027, 2, 11), date(2027, 2, 11), "moving house")])
    assert date(2027, 2, 11).strftime("%A") == "Thursday"
    assert there.shift_date(date(2027, 2, 11), AFTER) == date(2027, 2, 14), "not Friday or Saturday"


def test_blackout_days_are_free_days() -> None:
    free = FreeDays("", [Blackout(date(2026, 12, 21), date(2027, 1, 3), "the office is closed")])
    assert free.find_reason(date(2026, 12, 21)) == "the office is closed"
    assert free.shift_date(date(2026, 12, 30), AFTER) == date(2027, 1, 4)
    assert free.shift_date(date(2026, 12, 30), BEFORE) == date(2026, 12, 18)
    assert free.shift_date(date(2026, 12, 30), SKIP) is None
    for_ever = FreeDays("", [Blackout(date(2026, 1, 1), date(2030, 1, 1), "")])
    assert for_ever.shift_date(date(2027, 6, 1), AFTER) is None


@pytest.mark.parametrize(
    ("place", "hint"), [("XX", "GB-SCT"), ("GB-XX", "parts of GB"), ("gb", "")]
)
def test_a_place_without_known_holidays(place: str, hint: str) -> None:
    with pytest.raises(InputError, match="no public holidays are known") as refused:
        FreeDays(place)
    assert hint in refused.value.hint


def test_what_is_moved_onto_a_day_that_has_its_own_is_skipped() -> None:
    weekdays = Timing(
        RecurringRule("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", date(2026, 1, 1)),
        time(9), "Europe/London", AFTER,
    )  # fmt: skip
    some = expand_occurrences(
        weekdays,
        datetime(2026, 12, 24, tzinfo=UTC),
        datetime(2026, 12, 30, 23, tzinfo=UTC),
        {},
        FreeDays("GB"),
    )
    assert [(one.day.day, one.wall.day, one.skipped) for one in some] == [
        (24, 24, False), (25, 29, True), (28, 29, True), (29, 29, False), (30, 30, False),
    ]  # fmt: skip
    assert some[1].note == "Christmas Day; Tue 29 Dec has one already"


def test_what_is_skipped_is_told_with_its_reason() -> None:
    once = Timing(SingleDayRule(CHRISTMAS), time(9), "Europe/London", SKIP)
    (one,) = expand_occurrences(
        once,
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
        {},
        FreeDays("GB"),
    )
    assert one.skipped
    assert one.note == "Christmas Day"
