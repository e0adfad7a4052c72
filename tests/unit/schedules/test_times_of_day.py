"""Times of day as people write them."""

from datetime import date, time

import pytest

from mailer.digests import schedules
from mailer.errors import InputError
from mailer.schedules.holidays import OnFreeDay
from mailer.schedules.times_of_day import parse_time_of_day, split_time_of_day


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("09:00", time(9)),
        ("9:05", time(9, 5)),
        ("0:30", time(0, 30)),
        ("23:59", time(23, 59)),
        ("9am", time(9)),
        ("9 AM", time(9)),
        ("5:30pm", time(17, 30)),
        ("5.30 p.m.", time(17, 30)),
        ("11pm", time(23)),
        ("noon", time(12)),
        ("Midday", time(12)),
        ("midnight", time(0)),
        (" 17:30 ", time(17, 30)),
    ],
)
def test_time_of_day_is_read_by_24_or_12_hours(text: str, expected: time) -> None:
    assert parse_time_of_day(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "9", "9:5", "24:00", "12:60", "13pm", "0am", "9 o'clock", "9:00:00", "-9:00"],
)
def test_what_is_no_time_is_refused_with_advice(text: str) -> None:
    with pytest.raises(InputError, match="is not a time of day") as caught:
        parse_time_of_day(text)
    assert "09:00" in caught.value.hint


@pytest.mark.parametrize("text", ["12am", "12 pm", "12:30pm"])
def test_twelve_of_half_a_day_is_not_guessed(text: str) -> None:
    with pytest.raises(InputError, match="may be noon or midnight"):
        parse_time_of_day(text)


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("every Thursday at 9am", "every Thursday", time(9)),
        ("daily, 17:30", "daily", time(17, 30)),
        ("on migrants-day at noon", "on migrants-day", time(12)),
        ("2027-12-18 09:00", "2027-12-18", time(9)),
        ("yearly on 18 December", "yearly on 18 December", None),
        ("monthly on the 5th", "monthly on the 5th", None),
        ("every 2 weeks on Monday", "every 2 weeks on Monday", None),
    ],
)
def test_time_is_split_from_the_end_of_a_rule(text: str, days: str, expected: time | None) -> None:
    assert split_time_of_day(text) == (days, expected)


def parse_time(text: str, at: str) -> time:
    timing = schedules.parse_timing(text, at, "Europe/London", date(2026, 12, 1), OnFreeDay.SKIP)
    return timing.at


def test_time_of_a_schedule_comes_from_rule_or_option_or_is_nine() -> None:
    assert parse_time("daily", "") == time(9)
    assert parse_time("daily", "5pm") == time(17)
    assert parse_time("daily at 5pm", "") == time(17)
    assert parse_time("daily at 5pm", "17:00") == time(17)
    with pytest.raises(InputError, match="is at 17:00, but the time given is 09:00"):
        parse_time("daily at 5pm", "09:00")
    with pytest.raises(InputError, match="'teatime' is not a time of day"):
        parse_time("daily at teatime", "")
