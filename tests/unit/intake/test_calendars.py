"""Observances go out as iCalendar and come back as they were."""

import tomllib
from datetime import date, datetime

import pytest
from dateutil.rrule import rrule, rruleset, rrulestr
from icalendar import Calendar

from mailer import config
from mailer.errors import InputError
from mailer.intake import calendars
from mailer.schedules import observances
from mailer.schedules.observances import Observance

FILE = config.find_shipped_folder("config") / "observances.toml"
SHIPPED = observances.parse_observances(
    {slug: (table, FILE) for slug, table in tomllib.loads(FILE.read_text("utf-8")).items()}
)
FEAST = Observance("a-feast", "easter + 1", {"en": "A feast"})
BOUND = Observance("bound", "last friday of may", {"en": "Bound"}, "a source", 2025, 2029)
ALL = [*SHIPPED.values(), FEAST, BOUND]


def dates(event: object, last: date) -> list[date]:
    """The dates of an event, as a calendar program works them out."""
    some = rruleset()
    start = event["dtstart"].dt  # type: ignore[index]
    begin = datetime(start.year, start.month, start.day)  # noqa: DTZ001
    some.rdate(begin)
    rules = event.get("rrule")  # type: ignore[attr-defined]
    if rules is not None:
        rule = rrulestr(rules.to_ical().decode(), dtstart=begin)
        assert isinstance(rule, rrule)
        some.rrule(rule)
    extra = event.get("rdate", [])  # type: ignore[attr-defined]
    for one in extra if isinstance(extra, list) else [extra]:
        for day in one.dts:
            some.rdate(datetime(day.dt.year, day.dt.month, day.dt.day))  # noqa: DTZ001
    end = datetime(last.year, last.month, last.day)  # noqa: DTZ001
    return [one.date() for one in some.between(begin, end, inc=True)]


def test_what_is_published_names_the_days_that_we_do() -> None:
    made = Calendar.from_ical(calendars.export_calendar(ALL, "fr", 2026, "example.org"))
    events = {str(one["uid"]).partition("@")[0]: one for one in made.walk("VEVENT")}
    assert set(events) == {one.slug for one in ALL}
    for one in ALL:
        event = events[one.slug]
        assert event["summary"] == one.get_name("fr")
        wanted = [day for year in range(2026, 2041) if (day := one.find_date(year))]
        assert dates(event, date(2040, 12, 31)) == wanted, one.slug
    assert b"DTSTART;VALUE=DATE:20261218" in made.to_ical()


def test_published_and_read_again_it_is_the_same() -> None:
    data = calendars.export_calendar([*SHIPPED.values(), BOUND], "en", 2026, "example.org")
    again = calendars.read_calendar(data, "en")
    assert not again.left_out
    found = {one.slug: one for one in again.observances}
    for one in [*SHIPPED.values(), BOUND]:
        kept = found[one.slug]
        assert (kept.rule, kept.get_name("en"), kept.source) == (
            one.rule,
            one.get_name("en"),
            one.source,
        )
        assert [kept.find_date(y) for y in range(2026, 2040)] == [
            one.find_date(y) for y in range(2026, 2040)
        ]


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"])


def calendar(*events: str) -> bytes:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN"
    return "\r\n".join([head, *events, "END:VCALENDAR", ""]).encode()


def test_a_calendar_from_elsewhere() -> None:
    data = calendar(
        event("UID:1@x", "SUMMARY:Jour de l’arbre", "DTSTART;VALUE=DATE:20270321"),
        event("UID:2@x", "SUMMARY:Open day", "DTSTART;VALUE=DATE:20260601", "RRULE:FREQ=YEARLY"),
        event("UID:3@x", "SUMMARY:Open day", "DTSTART;VALUE=DATE:20270602"),
        event("UID:4@x", "SUMMARY:Meeting", "DTSTART:20270602T100000Z"),
        event("UID:5@x", "DTSTART;VALUE=DATE:20270602"),
        event("UID:6@x", "SUMMARY:Often", "DTSTART;VALUE=DATE:20270602", "RRULE:FREQ=WEEKLY"),
        event("UID:7@x", "SUMMARY:No date"),
        event(
            "UID:8@x",
            "SUMMARY:Half",
            "DTSTART;VALUE=DATE:20270604",
            "RRULE:FREQ=YEARLY;BYMONTH=6;BYDAY=FR",
        ),
    )
    found = calendars.read_calendar(data, "fr")
    assert [(one.slug, one.rule, one.since, one.until) for one in found.observances] == [
        ("jour-de-l-arbre", "21 march", 2027, 2027),
        ("open-day", "1 june", 2026, 0),
        ("open-day-2", "2 june", 2027, 2027),
    ]
    assert found.observances[0].names == {"fr": "Jour de l’arbre", "en": "Jour de l’arbre"}
    assert [one.partition(":")[0] for one in found.left_out] == [
        "Meeting", "an event without a name", "Often", "No date", "Half",
    ]  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xfe", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT"])
def test_what_is_no_calendar(data: bytes) -> None:
    with pytest.raises(InputError, match="no iCalendar"):
        calendars.read_calendar(data, "en")
