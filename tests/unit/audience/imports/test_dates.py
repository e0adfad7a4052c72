"""Dates as files of people write them: read, left out or asked for, never guessed."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.imports.dates import DateOrder, DateOrderFinder, parse_date
from mailer.errors import InputError

DMY, MDY = DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST
DAY = datetime(2027, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2027-03-09", "2027/3/9", "2027.03.09", "20270309", "2027-W10-2", "9.3.2027", "09.03.27",
        "46455", "46455.0", "9 Mar 2027", "Mar 9, 2027", "March 9th 2027", "Tue, 9 Mar 2027",
        "9. März 2027", "9 de marzo de 2027", "9 mars 2027", "9 марта 2027 г.", "9 مارس 2027",
        "2027-03-09 00:00:00 UTC", "2027-03-09 00:00:00 +0000 UTC", "2027-03-09T00:00:00.000Z",
        "2027-03-09T00:00:00.000000000Z", "Mar 09, 2027 12:00am", "2027-03-09 02:00 +02:00",
        "Tue Mar 09 2027 00:00:00 GMT+0000 (Greenwich Mean Time)", "1804550400", "1804550400000",
    ],
)  # fmt: skip
def test_dates_that_leave_no_doubt_are_read(written: str) -> None:
    assert parse_date(written, None) == DAY


@pytest.mark.parametrize(
    ("written", "order", "moment"),
    [
        ("03/09/2027", MDY, DAY),
        ("09/03/2027", DMY, DAY),
        ("9-3-2027", DMY, DAY),
        ("03/09/2027", None, None),
        ("3/3/2027", None, datetime(2027, 3, 3, tzinfo=UTC)),
        ("31/03/2027", MDY, datetime(2027, 3, 31, tzinfo=UTC)),
        ("3/9/2027 4:05 PM", MDY, datetime(2027, 3, 9, 16, 5, tzinfo=UTC)),
        ("3/9/2027 12:05 AM", MDY, datetime(2027, 3, 9, 0, 5, tzinfo=UTC)),
        ("03/09/99", MDY, datetime(1999, 3, 9, tzinfo=UTC)),
        ("2027-03-09 08:00:00 -0330", None, datetime(2027, 3, 9, 11, 30, tzinfo=UTC)),
        ("46455.75", None, datetime(2027, 3, 9, 18, tzinfo=UTC)),
    ],
)
def test_date_is_read_in_stated_order(
    written: str, order: DateOrder | None, moment: datetime | None
) -> None:
    assert parse_date(written, order) == moment


@pytest.mark.parametrize(
    "written",
    ["soon", "12", "2027-13-01", "30.02.2027", "31/31/2027", "2027-02-30", "9 Foo 2027", "1e9",
     "99999999", "25:00", "2027-03-09 13:00 PM", "99999999999999999999"],
)  # fmt: skip
def test_text_that_is_no_date_is_none(written: str) -> None:
    assert parse_date(written, DMY) is None


@given(st.text(max_size=30))
def test_any_text_is_date_or_none(written: str) -> None:
    parsed = parse_date(written, DMY)
    assert parsed is None or parsed.tzinfo is UTC


@given(st.dates(date(1970, 1, 1), date(2069, 12, 31)), st.sampled_from(["%d/%m/%Y", "%d.%m.%y"]))
def test_written_dates_round_trip(day: date, form: str) -> None:
    parsed = parse_date(day.strftime(form), DMY)
    assert parsed is not None
    assert parsed.date() == day


def find_order(*values: str, stated: DateOrder | None = None) -> tuple[DateOrder | None, str]:
    finder = DateOrderFinder()
    for line, value in enumerate(values, 2):
        finder.survey_value(value, "Since", line)
    return finder.decide_order(stated)


def test_order_follows_from_dates_of_whole_file() -> None:
    order, note = find_order("01/02/2026", "2026-01-01", "25/12/2025", "03/03/2026")
    assert (order, note) == (DMY, "dates have the day first, as 25/12/2025 on line 4 shows")
    order, note = find_order("01/02/2026", "12/25/2025")
    assert (order, note) == (MDY, "dates have the month first, as 12/25/2025 on line 3 shows")
    assert find_order("2026-01-01", "01.02.2026", "3/3/2026") == (None, "")


def test_order_that_nothing_decides_is_asked_for() -> None:
    with pytest.raises(InputError) as caught:
        find_order("2026-01-01", "01/02/2026", "03/04/2026")
    assert "'01/02/2026' in the column 'Since'" in str(caught.value)
    assert "(2 dates)" in caught.value.message
    assert caught.value.where == "line 3"
    assert [step.action for step in caught.value.next_steps] == [
        "state_date_order",
        "state_date_order",
        "ignore_column",
    ]
    assert find_order("01/02/2026", stated=MDY) == (MDY, "")


def test_both_orders_in_one_file_are_reported() -> None:
    order, note = find_order("25/12/2025", "12/25/2025", "01/02/2026")
    assert order is None
    assert "25/12/2025 (line 2) and 12/25/2025 (line 3)" in note
