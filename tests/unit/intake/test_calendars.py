"""Export of observances as iCalendar, and import of iCalendar files."""

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


def expand_event(event: object, last: date) -> list[date]:
    """Return the dates of an event, as a calendar program computes them."""
    recurrence = rruleset()
    start = event["dtstart"].dt  # type: ignore[index]
    start_time = datetime(start.year, start.month, start.day)  # noqa: DTZ001
    recurrence.rdate(start_time)
    rules = event.get("rrule")  # type: ignore[attr-defined]
    if rules is not None:
        rule = rrulestr(rules.to_ical().decode(), dtstart=start_time)
        assert isinstance(rule, rrule)
        recurrence.rrule(rule)
    extra = event.get("rdate", [])  # type: ignore[attr-defined]
    for dates in extra if isinstance(extra, list) else [extra]:
        for day in dates.dts:
            recurrence.rdate(datetime(day.dt.year, day.dt.month, day.dt.day))  # noqa: DTZ001
    end = datetime(last.year, last.month, last.day)  # noqa: DTZ001
    return [dates.date() for dates in recurrence.between(start_time, end, inc=True)]


def test_calendar_export_has_same_dates_as_observances() -> None:
    exported = Calendar.from_ical(calendars.export_calendar(ALL, "fr", 2026, "example.org"))
    events = {
        str(observance["uid"]).partition("@")[0]: observance
        for observance in exported.walk("VEVENT")
    }
    assert set(events) == {observance.slug for observance in ALL}
    for observance in ALL:
        event = events[observance.slug]
        assert event["summary"] == observance.get_name("fr")
        expected_dates = [day for year in range(2026, 2041) if (day := observance.find_date(year))]
        assert expand_event(event, date(2040, 12, 31)) == expected_dates, observance.slug
    assert b"DTSTART;VALUE=DATE:20261218" in exported.to_ical()


def test_calendar_export_and_import_round_trip() -> None:
    data = calendars.export_calendar([*SHIPPED.values(), BOUND], "en", 2026, "example.org")
    imported = calendars.read_calendar(data, "en")
    assert not imported.left_out
    imported_by_slug = {observance.slug: observance for observance in imported.observances}
    for observance in [*SHIPPED.values(), BOUND]:
        imported_observance = imported_by_slug[observance.slug]
        assert (
            imported_observance.rule,
            imported_observance.get_name("en"),
            imported_observance.source,
        ) == (
            observance.rule,
            observance.get_name("en"),
            observance.source,
        )
        assert [imported_observance.find_date(y) for y in range(2026, 2040)] == [
            observance.find_date(y) for y in range(2026, 2040)
        ]


def make_event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT"])


def make_calendar(*events: str) -> bytes:
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN"
    return "\r\n".join([head, *events, "END:VCALENDAR", ""]).encode()


def test_calendar_import_of_foreign_file() -> None:
    data = make_calendar(
        make_event("UID:1@x", "SUMMARY:Jour de l’arbre", "DTSTART;VALUE=DATE:20270321"),
        make_event(
            "UID:2@x", "SUMMARY:Open day", "DTSTART;VALUE=DATE:20260601", "RRULE:FREQ=YEARLY"
        ),
        make_event("UID:3@x", "SUMMARY:Open day", "DTSTART;VALUE=DATE:20270602"),
        make_event("UID:4@x", "SUMMARY:Meeting", "DTSTART:20270602T100000Z"),
        make_event("UID:5@x", "DTSTART;VALUE=DATE:20270602"),
        make_event("UID:6@x", "SUMMARY:Often", "DTSTART;VALUE=DATE:20270602", "RRULE:FREQ=WEEKLY"),
        make_event("UID:7@x", "SUMMARY:No date"),
        make_event(
            "UID:8@x",
            "SUMMARY:Half",
            "DTSTART;VALUE=DATE:20270604",
            "RRULE:FREQ=YEARLY;BYMONTH=6;BYDAY=FR",
        ),
    )
    imported = calendars.read_calendar(data, "fr")
    assert [
        (observance.slug, observance.rule, observance.since, observance.until)
        for observance in imported.observances
    ] == [
        ("jour-de-l-arbre", "21 march", 2027, 2027),
        ("open-day", "1 june", 2026, 0),
        ("open-day-2", "2 june", 2027, 2027),
    ]
    assert imported.observances[0].names == {"fr": "Jour de l’arbre", "en": "Jour de l’arbre"}
    assert [event_name.partition(":")[0] for event_name in imported.left_out] == [
        "Meeting",
        "an event without a name",
        "Often",
        "No date",
        "Half",
    ]


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xfe", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT"])
def test_calendar_import_refuses_other_files(data: bytes) -> None:
    with pytest.raises(InputError, match="not an iCalendar"):
        calendars.read_calendar(data, "en")
