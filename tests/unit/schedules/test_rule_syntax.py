"""Rules as staff write them, parsed and formatted."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import InputError
from mailer.schedules.rule_syntax import format_rule, parse_rule
from mailer.schedules.rules import DayRange, ObservanceRule, RecurringRule, Rule, SingleDayRule

START = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("text", "rrule"),
    [
        ("daily", "FREQ=DAILY"),
        ("every day", "FREQ=DAILY"),
        ("every 3 days", "FREQ=DAILY;INTERVAL=3"),
        ("Weekdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("weekends", "FREQ=WEEKLY;BYDAY=SA,SU"),
        ("weekly", "FREQ=WEEKLY"),
        ("weekly on Tue and Thu", "FREQ=WEEKLY;BYDAY=TU,TH"),
        ("weekly on Mondays, Wednesday, and fri", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
        ("every 2 weeks on Monday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"),
        ("monthly on the first Monday", "FREQ=MONTHLY;BYDAY=+1MO"),
        ("monthly on the first and third Tue", "FREQ=MONTHLY;BYDAY=+1TU,+3TU"),
        ("monthly on the 1st and 15th", "FREQ=MONTHLY;BYMONTHDAY=1,15"),
        ("monthly on the last day", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("every 3 months on the last Friday", "FREQ=MONTHLY;INTERVAL=3;BYDAY=-1FR"),
        ("yearly on 18 December", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=18"),
        ("yearly on the third Thursday of nov", "FREQ=YEARLY;BYMONTH=11;BYDAY=+3TH"),
        ("RRULE:FREQ=WEEKLY;BYDAY=MO", "FREQ=WEEKLY;BYDAY=MO"),
        ("freq=monthly;bymonthday=-1", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("every Thursday", "FREQ=WEEKLY;BYDAY=TH"),
        ("each Tue and Fri", "FREQ=WEEKLY;BYDAY=TU,FR"),
        ("Mondays", "FREQ=WEEKLY;BYDAY=MO"),
        ("on Mondays and Thursdays", "FREQ=WEEKLY;BYDAY=MO,TH"),
        ("every month", "FREQ=MONTHLY"),
        ("each weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("every other Monday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"),
        ("fortnightly on Friday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR"),
        ("quarterly on the last Friday", "FREQ=MONTHLY;INTERVAL=3;BYDAY=-1FR"),
        ("the first Monday of every month", "FREQ=MONTHLY;BYDAY=+1MO"),
        ("every first and third Tuesday of the month", "FREQ=MONTHLY;BYDAY=+1TU,+3TU"),
        ("1st and 15th of each month", "FREQ=MONTHLY;BYMONTHDAY=1,15"),
        ("the last day of the month", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("every 18 December", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=18"),
        ("every second Monday", None),
        ("Thursday", None),
        ("on Thursday", None),
        ("18 December", None),
        ("every march", None),
        ("biweekly on Monday", None),
        ("hourly", None),
        ("weekly on", None),
        ("weekly on Mon and xyz", None),
        ("weekly on T", None),
        ("weekly on the first Monday", None),
        ("monthly on the fifth Monday and 3rd", None),
        ("monthly on the 1st and the first Monday", None),
        ("yearly on 30 February", None),
        ("yearly on Monday", None),
        ("every 0 days", None),
        ("RRULE:FREQ=HOURLY", None),
        ("RRULE:FREQ=DAILY;COUNT=3", None),
        ("RRULE:FREQ=DAILY;BYHOUR=9", None),
        ("RRULE:FREQ=DAILY;FREQ=WEEKLY", None),
        ("RRULE:FREQ=WEEKLY;BYDAY=XX", None),
        ("RRULE:", None),
        ("", None),
    ],
)
def test_rule_syntax_of_recurrences(text: str, rrule: str | None) -> None:
    if rrule is None:
        with pytest.raises(InputError) as caught:
            parse_rule(text, START)
        assert caught.value.hint
    else:
        assert parse_rule(text, START) == RecurringRule(rrule, START)


@pytest.mark.parametrize(
    ("ranges_text", "day_ranges"),
    [
        ("on the day", [DayRange(0, 0)]),
        (
            "each weekday from 7 days before, then on the day",
            [DayRange(-7, -1, True), DayRange(0, 0)],
        ),
        (
            "each weekday from 7 days before, then one on the day",
            [DayRange(-7, -1, True), DayRange(0, 0)],
        ),
        ("3 days before and 1 day after", [DayRange(-3, -3), DayRange(1, 1)]),
        ("each day from 2 days before to 2 days after", [DayRange(-2, 2)]),
        ("each weekday until 5 days after", [DayRange(1, 5, True)]),
        ("400 days before", None),
        ("each day from 2 days before to 5 days before", None),
        ("sometimes", None),
    ],
)
def test_rule_syntax_of_days_around_observance(
    ranges_text: str, day_ranges: list[DayRange] | None
) -> None:
    if day_ranges is None:
        with pytest.raises(InputError):
            parse_rule(f"migrants-day: {ranges_text}", START)
    else:
        assert parse_rule(f"migrants-day: {ranges_text}", START) == ObservanceRule(
            "migrants-day", tuple(day_ranges)
        )


@pytest.mark.parametrize("text", ["on migrants-day", "migrants-day", "On Migrants-Day"])
def test_name_of_observance_means_its_day(text: str) -> None:
    assert parse_rule(text, START) == ObservanceRule("migrants-day", (DayRange(0, 0),))


def test_rule_syntax_of_single_day() -> None:
    assert parse_rule("on 2027-12-18", START) == SingleDayRule(date(2027, 12, 18))
    assert parse_rule("2027-12-18", START) == SingleDayRule(date(2027, 12, 18))
    with pytest.raises(InputError, match="there is no 2027-02-30"):
        parse_rule("2027-02-30", START)


range_strategy = st.one_of(
    st.integers(-366, 366).map(lambda day: DayRange(day, day)),
    st.tuples(st.integers(-366, -2), st.booleans()).map(
        lambda values: DayRange(values[0], -1, values[1])
    ),
    st.tuples(st.integers(2, 366), st.booleans()).map(
        lambda values: DayRange(1, values[0], values[1])
    ),
    st.tuples(st.integers(-366, -2), st.integers(1, 366), st.booleans()).map(
        lambda values: DayRange(values[0], values[1], values[2])
    ),
)
weekday_strategy = st.lists(
    st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, unique=True
)
rule_strategy = st.one_of(
    st.dates(date(2026, 1, 1), date(2100, 1, 1)).map(SingleDayRule),
    st.lists(range_strategy, min_size=1, max_size=4).map(
        lambda ranges: ObservanceRule("peace-day", tuple(ranges))
    ),
    weekday_strategy.map(lambda days: RecurringRule(f"FREQ=WEEKLY;BYDAY={','.join(days)}", START)),
)


@given(rule_strategy)
def test_format_rule_round_trip(rule: Rule) -> None:
    assert parse_rule(format_rule(rule), START) == rule


@pytest.mark.parametrize(
    ("rrule", "description"),
    [
        ("FREQ=DAILY", "daily"),
        ("FREQ=DAILY;INTERVAL=3", "every 3 days"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "weekdays"),
        ("FREQ=WEEKLY;BYDAY=SA,SU", "weekends"),
        ("FREQ=WEEKLY;BYDAY=SU,SA", "weekly on Sunday and Saturday"),
        ("FREQ=WEEKLY;BYDAY=TU", "weekly on Tuesday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE", "every 2 weeks on Monday, Tuesday and Wednesday"),
        ("FREQ=MONTHLY;BYDAY=+1MO", "monthly on the first Monday"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "monthly on the 1st and the 15th"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "monthly on the last day"),
        ("FREQ=MONTHLY;BYDAY=1MO", "RRULE:FREQ=MONTHLY;BYDAY=1MO"),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=18", "yearly on 18 December"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=+3TH", "yearly on the third Thursday of November"),
        ("FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1", "RRULE:FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1"),
        ("FREQ=WEEKLY;UNTIL=20301231", "RRULE:FREQ=WEEKLY;UNTIL=20301231"),
    ],
)
def test_format_rule_of_recurrence(rrule: str, description: str) -> None:
    rule = RecurringRule(rrule, START)
    assert format_rule(rule) == description
    assert parse_rule(description, START) == rule
