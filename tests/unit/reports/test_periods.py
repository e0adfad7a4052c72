"""The periods of reports, and their parts."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from mailer.errors import InputError
from mailer.model.reports import Period, ReportStep
from mailer.reports import build_period, choose_step, split_period

GENEVA = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def test_period_ends_with_its_last_day_in_the_office_zone() -> None:
    period = build_period(date(2026, 11, 1), date(2026, 11, 15), GENEVA, NOW)
    assert period.since == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert period.until == datetime(2026, 11, 15, 23, tzinfo=UTC)


@pytest.mark.parametrize("last_day", [None, date(2026, 11, 20), date(2027, 1, 1), date.max])
def test_period_includes_now_and_nothing_later(last_day: date | None) -> None:
    if last_day == date.max:
        with pytest.raises(InputError, match="too late"):
            build_period(date(2026, 11, 1), last_day, GENEVA, NOW)
        return
    period = build_period(date(2026, 11, 1), last_day, GENEVA, NOW)
    assert NOW < period.until <= NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("first_day", "last_day", "field"),
    [
        (date(2026, 11, 5), date(2026, 11, 4), "until"),
        (date(2026, 11, 21), None, "since"),
        (date(2026, 12, 5), date(2026, 12, 6), "since"),
    ],
)
def test_impossible_period_is_refused_with_its_field(
    first_day: date, last_day: date | None, field: str
) -> None:
    with pytest.raises(InputError) as error:
        build_period(first_day, last_day, GENEVA, NOW)
    assert error.value.field == field


def test_parts_begin_at_midnight_across_the_change_of_clocks() -> None:
    period = build_period(date(2026, 10, 24), date(2026, 10, 26), GENEVA, NOW)
    parts = split_period(period, ReportStep.DAY, GENEVA)
    lengths = [(part.until - part.since).total_seconds() for part in parts]
    assert lengths == [24 * 3600, 25 * 3600, 24 * 3600]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    period = build_period(date(2026, 10, 28), None, GENEVA, NOW)
    weeks = split_period(period, ReportStep.WEEK, GENEVA)
    assert [to_day(part).day for part in weeks] == [28, 2, 9, 16]
    months = split_period(period, ReportStep.MONTH, GENEVA)
    assert [to_day(part) for part in months] == [date(2026, 10, 28), date(2026, 11, 1)]


def to_day(part: Period) -> date:
    return part.since.astimezone(GENEVA).date()


def test_parts_cover_the_period_without_gaps() -> None:
    period = build_period(date(2025, 1, 3), None, GENEVA, NOW)
    for step in ReportStep:
        parts = split_period(period, step, GENEVA)
        assert parts[0].since == period.since
        assert parts[-1].until == period.until
        assert all(part.until == later.since for part, later in pairwise(parts))


def test_too_many_parts_are_refused() -> None:
    period = build_period(date(2020, 1, 1), None, GENEVA, NOW)
    with pytest.raises(InputError, match="more than 800 parts"):
        split_period(period, ReportStep.DAY, GENEVA)
    assert len(split_period(period, choose_step(period), GENEVA)) == 83
