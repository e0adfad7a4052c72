"""An event's times and place: as people write them, and in canonical form."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.articles import check_content, read_event_details
from mailer.articles.event_details import check_event_details
from mailer.errors import InputError
from mailer.model.articles import ArticleKind
from mailer.model.event_details import EventDetails
from mailer.model.press_release import Asset, AssetKind, PressContact, Quote, Release
from tests.unit.samples import make_content

LONDON = "Europe/London"


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        ("2026-12-18 15:30", "18:30", EventDetails("2026-12-18T15:30", LONDON, "2026-12-18T18:30")),
        ("2026-12-18T9:30", "", EventDetails("2026-12-18T09:30", LONDON)),
        ("2026-12-18", "2026-12-20", EventDetails("2026-12-18", LONDON, "2026-12-20")),
        (
            "2026-12-18 22:00 Europe/Zurich",
            "2026-12-19 01:00",
            EventDetails("2026-12-18T22:00", "Europe/Zurich", "2026-12-19T01:00"),
        ),
    ],
)
def test_event_times_are_read_as_people_write_them(
    starts: str, ends: str, expected: EventDetails
) -> None:
    assert read_event_details(starts, ends, " Old  Hall ", LONDON) == replace(
        expected, place="Old Hall"
    )


def test_event_without_any_field_is_none() -> None:
    assert read_event_details("", " ", "", LONDON) is None


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"ends": "18:30"}, "ends", "no beginning"),
        ({"place": "Hall"}, "place", "no beginning"),
        ({"starts": "18.12.2026"}, "starts", "not a date or time"),
        ({"starts": "2026-02-30"}, "starts", "day is out of range"),
        ({"starts": "2026-12-18 25:00"}, "starts", "not a date or time"),
        ({"starts": "2026-12-18 15:30+01:00"}, "starts", "not a date or time"),
        ({"starts": "2026-12-18 15:30 Mars/Base"}, "starts", "not a time zone"),
        ({"starts": "0001-01-01"}, "starts", "can't be the date"),
        ({"starts": "2026-12-18", "ends": "18:30"}, "ends", "must both be days"),
        ({"starts": "2026-12-18 15:30", "ends": "15:00"}, "ends", "before it begins"),
        (
            {"starts": "2026-12-18 15:30", "ends": "2026-12-18 16:00 Asia/Tokyo"},
            "ends",
            "begins in Europe/London",
        ),
        ({"starts": "2026-12-18", "place": "x" * 301}, "place", "longer than"),
        ({"starts": "2026-12-18", "place": "a\u0007b"}, "place", "control"),
    ],
)
def test_invalid_event_names_the_field(fields: dict[str, str], field: str, message: str) -> None:
    blank = {"starts": "", "ends": "", "place": ""}
    with pytest.raises(InputError, match=message) as caught:
        read_event_details(**(blank | fields), zone=LONDON)
    assert caught.value.field == field


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(8999, 1, 1)),  # noqa: DTZ001  (read from a clock)
    st.timedeltas(timedelta(), timedelta(days=60)),
    st.booleans(),
)
def test_checked_event_is_unchanged_by_another_check(
    start: datetime, length: timedelta, whole_day: bool
) -> None:
    pattern = "%Y-%m-%d" if whole_day else "%Y-%m-%dT%H:%M"
    details = EventDetails(
        start.strftime(pattern).zfill(10), LONDON, (start + length).strftime(pattern).zfill(10)
    )
    checked = check_event_details(details)
    assert check_event_details(checked) == checked
    assert checked.end is not None
    assert checked.end >= checked.start


def test_whole_days_end_at_the_beginning_of_the_next_day() -> None:
    details = EventDetails("2026-12-18", LONDON, "2026-12-20")
    assert details.end == datetime(2026, 12, 21, tzinfo=ZoneInfo(LONDON))
    assert details.last_day.date() == date(2026, 12, 20)
    single_day = EventDetails("2026-12-18", LONDON)
    assert single_day.end == datetime(2026, 12, 19, tzinfo=ZoneInfo(LONDON))
    assert EventDetails("2026-12-18T09:00", LONDON).end is None


# ---- which kinds may have which fields ----------------------------------------------------------

QUOTE = Quote("We sail.", "Ana Diaz")
REPORT = Asset(AssetKind.DOCUMENT, "Report", url="https://example.org/report.pdf")
EVENT = EventDetails("2026-12-18", LONDON)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ArticleKind.EVENT, {"event": EVENT}),
        (ArticleKind.STATEMENT, {"release": Release(quotes=(QUOTE,))}),
        (ArticleKind.OP_ED, {"release": Release(quotes=(QUOTE,))}),
        (ArticleKind.REPORT, {"release": Release(assets=(REPORT,))}),
    ],
)
def test_kind_accepts_its_own_fields_and_news_refuses_them(
    kind: ArticleKind, fields: dict[str, Any]
) -> None:
    content = make_content(kind=kind, **fields)
    assert check_content(content).kind is kind
    with pytest.raises(InputError, match=r"only (an event|a press release)") as caught:
        check_content(replace(content, kind=ArticleKind.NEWS))
    assert caught.value.field == "kind"


@pytest.mark.parametrize(
    ("kind", "release"),
    [
        (ArticleKind.STATEMENT, Release(quotes=(QUOTE,), subhead="More")),
        (ArticleKind.REPORT, Release(quotes=(QUOTE,))),
        (ArticleKind.OP_ED, Release(contacts=(PressContact("Ana", phone="+221 33 889"),))),
    ],
)
def test_kind_refuses_other_fields_of_press_releases(kind: ArticleKind, release: Release) -> None:
    with pytest.raises(InputError, match="only a press release"):
        check_content(make_content(kind=kind, release=release))
