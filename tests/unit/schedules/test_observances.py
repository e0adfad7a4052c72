"""The shipped observances, and rules of observances."""

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


def test_shipped_observances_have_six_languages_and_source() -> None:
    assert len(SHIPPED) >= 40
    for observance in SHIPPED.values():
        assert set(observance.names) == {*languages.UN_LANGUAGES}, observance.slug
        assert observance.source, observance.slug
        assert len({*observance.names.values()}) == 6, observance.slug
        assert all(observance.find_date(year) for year in range(2026, 2036)), observance.slug


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
def test_observance_dates_match_known_dates(slug: str, year: int, day: date) -> None:
    assert SHIPPED[slug].find_date(year) == day


@given(
    st.sampled_from(sorted(ORDINALS)),
    st.sampled_from(WEEKDAYS),
    st.sampled_from(MONTHS),
    st.integers(1990, 2100),
)
def test_observance_rule_nth_weekday(
    ordinal_word: str, weekday: str, month: str, year: int
) -> None:
    number = MONTHS.index(month) + 1
    first = date(year, number, 1)
    month_long = [first + timedelta(days=n) for n in range(31)]
    weekday_dates = [
        day
        for day in month_long
        if day.month == number and day.weekday() == WEEKDAYS.index(weekday)
    ]
    ordinal = ORDINALS[ordinal_word]
    expected = (
        weekday_dates[-1]
        if ordinal < 0
        else weekday_dates[ordinal - 1]
        if ordinal <= len(weekday_dates)
        else None
    )
    assert find_date_by_rule(f"{ordinal_word} {weekday} of {month}", year) == expected


def test_observance_rule_easter_offset() -> None:
    assert find_date_by_rule("easter", 2027) == date(2027, 3, 28)
    assert find_date_by_rule("easter - 2", 2026) == date(2026, 4, 3)
    assert find_date_by_rule("easter + 1", 2026) == date(2026, 4, 6)


def test_observance_is_limited_to_its_years() -> None:
    observance = Observance("a-day", "29 february", NAMES, since=2024, until=2032)
    years = (2020, 2024, 2026, 2028, 2032, 2036)
    assert [year for year in years if observance.find_date(year)] == [2024, 2028, 2032]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"rule": "31 november", "en": "x"}, "there is no 31 november"),
        ({"rule": "18 dezember", "en": "x"}, "is not a rule"),
        ({"rule": "sixth monday of may", "en": "x"}, "is not a rule"),
        ({"en": "x"}, "is not a rule"),
        ({"rule": "18 december"}, "no English name"),
        ({"rule": "18 december", "en": " "}, "en is"),
        ({"rule": "18 december", "en": "x", "klingon!": "y"}, "not a language tag"),
        ({"rule": "18 december", "en": "x", "since": "2000"}, "since is"),
        ({"rule": "18 december", "en": "x", "until": -1}, "until is"),
        ({"rule": "29 february", "en": "x", "since": 2025, "until": 2027}, "the day never comes"),
        ("18 december", "the entry is not a table"),
    ],
)
def test_invalid_observance_table_is_named(table: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        observances.parse_observances({"a-day": (table, "days.toml")})
    assert caught.value.where == "days.toml, [a-day]"


@given(
    st.dictionaries(
        st.sampled_from(["en", "fr", "ar", "zh"]), st.text(min_size=1).filter(str.strip)
    ),
    st.text(),
)
def test_observance_toml_round_trip(names: dict[str, str], source: str) -> None:
    observance = Observance("a-day", "18 december", {"en": "A day", **names}, source, 2000, 2040)
    tables = tomllib.loads(observances.to_toml(observance))
    (parsed,) = observances.parse_observances(
        {slug: (t, "") for slug, t in tables.items()}
    ).values()
    assert parsed == observance
