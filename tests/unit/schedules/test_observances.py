"""The days that come with the mailer, and the rules they are given by."""

import tomllib
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import config, languages
from mailer.errors import InputError
from mailer.schedules import observances
from mailer.schedules.observances import MONTHS, ORDINALS, WEEKDAYS, Observance, find_date_by_rule

FILE = config.find_shipped_folder("config") / "observances.toml"
SHIPPED = observances.parse_observances(
    {slug: (table, FILE) for slug, table in tomllib.loads(FILE.read_text("utf-8")).items()}
)
NAMES = {"en": "A day"}


def test_there_are_many_each_named_in_six_languages_with_its_source() -> None:
    assert len(SHIPPED) >= 40
    for one in SHIPPED.values():
        assert set(one.names) == {*languages.UN_LANGUAGES}, one.slug
        assert one.source, one.slug
        assert len({*one.names.values()}) == 6, one.slug
        assert all(one.find_date(year) for year in range(2026, 2036)), one.slug


@pytest.mark.parametrize(
    ("slug", "year", "day"),
    [
        ("migrants-day", 2026, date(2026, 12, 18)),
        ("refugee-day", 2027, date(2027, 6, 20)),
        ("trafficking-day", 2027, date(2027, 7, 30)),
        ("habitat-day", 2026, date(2026, 10, 5)),
        ("habitat-day", 2027, date(2027, 10, 4)),
        ("road-traffic-victims-day", 2026, date(2026, 11, 15)),
        ("road-traffic-victims-day", 2028, date(2028, 11, 19)),
    ],
)
def test_dates_known_from_elsewhere(slug: str, year: int, day: date) -> None:
    assert SHIPPED[slug].find_date(year) == day


@given(
    st.sampled_from(sorted(ORDINALS)),
    st.sampled_from(WEEKDAYS),
    st.sampled_from(MONTHS),
    st.integers(1990, 2100),
)
def test_the_nth_weekday_counted_by_hand(which: str, weekday: str, month: str, year: int) -> None:
    number = MONTHS.index(month) + 1
    first = date(year, number, 1)
    month_long = [first + timedelta(days=n) for n in range(31)]
    those = [
        day
        for day in month_long
        if day.month == number and day.weekday() == WEEKDAYS.index(weekday)
    ]
    at = ORDINALS[which]
    wanted = those[-1] if at < 0 else those[at - 1] if at <= len(those) else None
    assert find_date_by_rule(f"{which} {weekday} of {month}", year) == wanted


def test_days_that_hang_on_easter() -> None:
    assert find_date_by_rule("easter", 2027) == date(2027, 3, 28)
    assert find_date_by_rule("easter - 2", 2026) == date(2026, 4, 3)
    assert find_date_by_rule("easter + 1", 2026) == date(2026, 4, 6)


def test_the_years_in_which_it_is_kept() -> None:
    one = Observance("a-day", "29 february", NAMES, since=2024, until=2032)
    assert [one.find_date(year) is not None for year in (2020, 2024, 2026, 2028, 2032, 2036)] == [
        False, True, False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"rule": "31 november", "en": "x"}, "there is no 31 november"),
        ({"rule": "18 dezember", "en": "x"}, "is no rule"),
        ({"rule": "sixth monday of may", "en": "x"}, "is no rule"),
        ({"en": "x"}, "is no rule"),
        ({"rule": "18 december"}, "no English name"),
        ({"rule": "18 december", "en": " "}, "en is"),
        ({"rule": "18 december", "en": "x", "klingon!": "y"}, "not a language tag"),
        ({"rule": "18 december", "en": "x", "since": "2000"}, "since is"),
        ({"rule": "18 december", "en": "x", "until": -1}, "until is"),
        ({"rule": "29 february", "en": "x", "since": 2025, "until": 2027}, "it never comes"),
        ("18 december", "this is no table"),
    ],
)
def test_a_bad_table_is_named(table: object, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        observances.parse_observances({"a-day": (table, "days.toml")})
    assert refused.value.where == "days.toml, [a-day]"


@given(
    st.dictionaries(
        st.sampled_from(["en", "fr", "ar", "zh"]), st.text(min_size=1).filter(str.strip)
    ),
    st.text(),
)
def test_a_table_is_read_back_as_it_was_written(names: dict[str, str], source: str) -> None:
    one = Observance("a-day", "18 december", {"en": "A day", **names}, source, 2000, 2040)
    tables = tomllib.loads(observances.to_toml(one))
    (again,) = observances.parse_observances({slug: (t, "") for slug, t in tables.items()}).values()
    assert again == one
