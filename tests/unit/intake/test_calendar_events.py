"""iCalendar files as Google, Outlook and others write them: good events come in beside bad ones."""

import pytest

from mailer.errors import InputError
from mailer.intake import calendars
from mailer.intake.calendars import ImportedCalendar
from tests.unit.intake.test_calendars import FEAST, make_calendar, make_event

GOOD = make_event(
    "UID:harbour-day@x", "SUMMARY:Harbour Day", "DTSTART;VALUE=DATE:20260302", "RRULE:FREQ=YEARLY"
)


NO_RULE = "A: the event's rule does not name one day a year"


def read_event(*lines: str) -> ImportedCalendar:
    """Read a calendar of an event and a good one. Only the first may be left out."""
    imported = calendars.read_calendar(make_calendar(make_event(*lines), GOOD), "en")
    assert imported.observances[-1].slug == "harbour-day"
    return imported


def read_rule(rule: str, day: str = "20260917", *lines: str) -> tuple[str, int, int] | str:
    """Return (rule, since, until) of an event with a rule, or the reason why it is left out."""
    imported = read_event(
        "UID:a@x", "SUMMARY:A", f"DTSTART;VALUE=DATE:{day}", f"RRULE:{rule}", *lines
    )
    if imported.left_out:
        return imported.left_out[0]
    first = imported.observances[0]
    return first.rule, first.since, first.until


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=YEARLY", ("17 september", 2026, 0)),
        ("FREQ=YEARLY;INTERVAL=1;WKST=SU", ("17 september", 2026, 0)),
        ("FREQ=YEARLY;BYMONTH=9;BYMONTHDAY=17", ("17 september", 2026, 0)),
        ("FREQ=MONTHLY;INTERVAL=12", ("17 september", 2026, 0)),
        ("FREQ=MONTHLY;INTERVAL=12;BYDAY=3TH", ("third thursday of september", 2026, 0)),
        ("FREQ=YEARLY;BYMONTH=9;BYDAY=3TH", ("third thursday of september", 2026, 0)),
        ("FREQ=YEARLY;BYMONTH=9;BYDAY=+3TH", ("third thursday of september", 2026, 0)),
        ("FREQ=YEARLY;BYMONTH=9;BYDAY=TH;BYSETPOS=3", ("third thursday of september", 2026, 0)),
        ("FREQ=YEARLY;BYMONTH=9;BYDAY=TH;BYSETPOS=-1", ("last thursday of september", 2026, 0)),
        ("FREQ=YEARLY;BYMONTH=9;BYDAY=TH;BYMONTHDAY=15,16,17,18,19,20,21",
         ("third thursday of september", 2026, 0)),
        ("FREQ=YEARLY;COUNT=3", ("17 september", 2026, 2028)),
        ("FREQ=YEARLY;UNTIL=20300917", ("17 september", 2026, 2030)),
        ("FREQ=YEARLY;UNTIL=20300916T220000Z", ("17 september", 2026, 2029)),
        ("FREQ=YEARLY;INTERVAL=2", NO_RULE),
        ("FREQ=YEARLY;BYMONTH=3,9", NO_RULE),
        ("FREQ=YEARLY;BYMONTH=9;BYDAY=TH", NO_RULE),
        ("FREQ=YEARLY;BYMONTH=9;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
         NO_RULE),
        ("FREQ=DAILY", NO_RULE),
        ("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", NO_RULE),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "A: the event's rule names no day"),
    ],
)  # fmt: skip
def test_calendar_rule_is_taken_as_written(rule: str, expected: tuple[str, int, int] | str) -> None:
    assert read_rule(rule) == expected


@pytest.mark.parametrize("rule", ["FREQ=SOMETIMES", "YM1 6 #0", "FREQ=YEARLY;COUNT=x", "", "FREQ"])
def test_calendar_rule_that_cannot_be_read_leaves_event_out(rule: str) -> None:
    assert "A: the event" in str(read_rule(rule))


def test_calendar_excluded_days_are_heeded() -> None:
    rule = "FREQ=YEARLY;COUNT=5"
    assert read_rule(rule, "20260917", "EXDATE;VALUE=DATE:20260917") == ("17 september", 2027, 2030)
    assert read_rule(rule, "20260917", "EXDATE;VALUE=DATE:20300917,20290917") == (
        "17 september",
        2026,
        2028,
    )
    assert read_rule(rule, "20260917", "EXDATE:20280917T000000") == (
        "A: it does not come in 2028, and an observance comes each year"
    )
    assert read_rule("FREQ=YEARLY;COUNT=1", "20260917", "EXDATE;VALUE=DATE:20260917") == (
        "A: all of its days are excluded"
    )


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["DTSTART;VALUE=DATE:20270920"], "A: its day 2027-09-17 was moved to 2027-09-20"),
        (["DTSTART;VALUE=DATE:20270917", "STATUS:CANCELLED"], "A: it does not come in 2027"),
        (["DTSTART;VALUE=DATE:20270917", "SUMMARY:Another name"], ""),
    ],
)
def test_calendar_exception_to_rule_is_heeded(lines: list[str], reason: str) -> None:
    series = make_event("UID:a@x", "SUMMARY:A", "DTSTART;VALUE=DATE:20260917", "RRULE:FREQ=YEARLY")
    exception = make_event("UID:a@x", "RECURRENCE-ID;VALUE=DATE:20270917", *lines)
    imported = calendars.read_calendar(make_calendar(exception, series, GOOD), "en")
    assert len(imported.observances) == (1 if reason else 2)
    assert [text for text in imported.left_out if not text.startswith(reason)] == []
    assert len(imported.left_out) == bool(reason)


def test_calendar_change_of_rest_of_series_leaves_event_out() -> None:
    series = make_event("UID:a@x", "SUMMARY:A", "DTSTART;VALUE=DATE:20260917", "RRULE:FREQ=YEARLY")
    rest = make_event(
        "UID:a@x",
        "RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20280917",
        "DTSTART;VALUE=DATE:20280918",
    )
    imported = calendars.read_calendar(make_calendar(series, rest), "en")
    assert imported.left_out == (
        "A: its rule changes on 2028-09-17, and an observance has one rule",
    )


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["DTSTART;VALUE=DATE:20260301", "STATUS:CANCELLED"], "it is cancelled"),
        (["DTSTART;VALUE=DATE:20260301", "DTSTART;VALUE=DATE:20260302"], "more than one date"),
        (["DTSTART;VALUE=DATE:2026-03-01"], "date can't be read"),
        (["DTSTART;VALUE=DATE:20260230"], "date can't be read"),
        (["DTSTART;VALUE=PERIOD:20260301T000000Z/PT1H"], "can't be read"),
        (["DTSTART:"], "can't be read"),
        (["DTSTART;VALUE=DATE:00010101", "RRULE:FREQ=YEARLY"], "year is impossible"),
        (["DTSTART:20260301T090000Z"], "does not last whole days"),
        (["DTSTART;VALUE=DATE:20260301", "RDATE:soon"], "can't be read"),
        (["DTSTART;VALUE=DATE:20260301", "RRULE:FREQ=YEARLY", "RRULE:FREQ=MONTHLY"], "one rule"),
        ([], "the event has no date"),
    ],
)
def test_calendar_bad_event_is_left_out_and_named(lines: list[str], reason: str) -> None:
    imported = read_event("UID:a@x", "SUMMARY:Odd Day", *lines)
    (text,) = imported.left_out
    assert text.startswith("Odd Day: ")
    assert reason in text
    assert len(imported.observances) == 1


def test_calendar_with_broken_zones_and_alarms_is_read() -> None:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Odd\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
        "TZOFFSETFROM:+9999\r\nTZOFFSETTO:x\r\nEND:STANDARD\r\nEND:VTIMEZONE"
    )
    alarm = "BEGIN:VALARM\r\nTRIGGER:nonsense\r\nSUMMARY:Alarm\r\nEND:VALARM"
    event = make_event("UID:a@x", "SUMMARY:A", alarm, "DTSTART;VALUE=DATE:20260917")
    imported = calendars.read_calendar(make_calendar(zone, event, GOOD), "en")
    assert [observance.slug for observance in imported.observances] == ["a", "harbour-day"]


@pytest.mark.parametrize(
    "lines",
    [
        ['DTSTART;TZID="W. Europe Standard Time":20260917T000000',
         'DTEND;TZID="W. Europe Standard Time":20260918T000000'],
        ["DTSTART;TZID=Europe/Berlin:20260917T000000", "DURATION:P1D"],
        ["DTSTART:20260917T000000", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE"],
        ["DTSTART:20260916T220000Z", "DTEND:20260917T220000Z"],
    ],
)  # fmt: skip
def test_calendar_whole_day_as_outlook_writes_it(lines: list[str]) -> None:
    zone = "X-WR-TIMEZONE:W. Europe Standard Time"
    event = make_event("UID:a@x", "SUMMARY:A", *lines)
    imported = calendars.read_calendar(make_calendar(zone, event), "en")
    assert [observance.rule for observance in imported.observances] == ["17 september"]


def make_years(name: str, *days: str) -> list[str]:
    return [
        make_event(f"UID:{day}_x@google.com", f"SUMMARY:{name}", f"DTSTART;VALUE=DATE:{day}")
        for day in days
    ]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["20250614", "20260614", "20270614"], [("14 june", 2025, 2027)]),
        (["20260614", "20250614", "20250614"], [("14 june", 2025, 2026)]),
        (["20251127", "20261126", "20271125"], [("fourth thursday of november", 2025, 2027)]),
        (["20250418", "20260403", "20270326"], [("easter - 2", 2025, 2027)]),
        (["20250614", "20270614"], [("14 june", 2025, 2025), ("14 june", 2027, 2027)]),
        (["20250330", "20260320"], [("30 march", 2025, 2025), ("20 march", 2026, 2026)]),
        (["20250614", "20250615"], [("14 june", 2025, 2025), ("15 june", 2025, 2025)]),
    ],
)
def test_calendar_events_of_same_name_become_one_observance(
    days: list[str], expected: list[tuple[str, int, int]]
) -> None:
    imported = calendars.read_calendar(make_calendar(*make_years("Day of Boats", *days)), "en")
    assert [(day.rule, day.since, day.until) for day in imported.observances] == expected
    assert imported.observances[0].slug == "day-of-boats"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252", "utf-16"])
def test_calendar_in_any_encoding_is_read(encoding: str) -> None:
    text = make_calendar(
        make_event("UID:1@x", "SUMMARY:Fête de l’eau à Genève", "DTSTART;VALUE=DATE:20260917")
    ).decode()
    (observance,) = calendars.read_calendar(text.encode(encoding), "fr").observances
    assert observance.names["fr"] == "Fête de l’eau à Genève"
    assert observance.slug == "fete-de-l-eau-a-geneve"


def test_calendar_line_folded_within_letter_is_read() -> None:
    data = make_calendar(
        make_event("UID:1@x", "SUMMARY:Fête", "DTSTART;VALUE=DATE:20260917")
    ).replace("ê".encode(), "ê".encode()[:1] + b"\r\n " + "ê".encode()[1:])
    assert calendars.read_calendar(data, "fr").observances[0].names["fr"] == "Fête"


def test_calendar_file_with_several_calendars_is_read() -> None:
    first = make_calendar(*make_years("First", "20260917"))
    second = make_calendar(*make_years("Second", "20260918")).lower()
    names = [
        observance.slug for observance in calendars.read_calendar(first + second, "en").observances
    ]
    assert names == ["first", "second"]


def test_calendar_that_breaks_off_gives_its_complete_events() -> None:
    data = make_calendar(GOOD, make_event("SUMMARY:Half", "DTSTART;VALUE=DATE:20260917"))
    imported = calendars.read_calendar(data[:-40], "en")
    assert [observance.slug for observance in imported.observances] == ["harbour-day"]
    assert imported.left_out == ("Half: the event has no end",)


def test_calendar_event_of_several_days_is_noted() -> None:
    imported = read_event(
        "UID:a@x", "SUMMARY:Week", "DTSTART;VALUE=DATE:20260917", "DTEND;VALUE=DATE:20260924"
    )
    assert imported.notes == ("Week: it lasts 7 days, and the first was taken",)


def test_calendar_feast_by_easter_is_read_from_its_days() -> None:
    data = calendars.export_calendar([FEAST], "en", 2026, "example.org")
    (observance,) = calendars.read_calendar(data, "en").observances
    assert (observance.rule, observance.since, observance.until) == ("easter + 1", 2026, 2046)


def test_calendar_with_too_many_events_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.intake.calendar_file.MAX_EVENTS", 1)
    with pytest.raises(InputError, match="more than 1 events"):
        calendars.read_calendar(make_calendar(GOOD, GOOD), "en")


@pytest.mark.parametrize(
    "lines",
    [
        ("SUMMARY:Regatta", "STATUS:CANCELED"),
        ("SUMMARY:Cancelled: Regatta",),
        ("SUMMARY:Abgesagt: Regatta",),
        ("SUMMARY:Annulée : Régate",),
    ],
)
def test_calendar_event_that_was_called_off_is_left_out(lines: tuple[str, ...]) -> None:
    imported = read_event("UID:a@x", "DTSTART;VALUE=DATE:20260917", *lines)
    assert [entry.endswith(": it is cancelled") for entry in imported.left_out] == [True]


def test_calendar_that_cancels_its_events_gives_none() -> None:
    data = make_calendar(GOOD).replace(b"BEGIN:VEVENT", b"METHOD:CANCEL\r\nBEGIN:VEVENT", 1)
    imported = calendars.read_calendar(data, "en")
    assert (imported.observances, imported.left_out) == ((), ("Harbour Day: it is cancelled",))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("EXDATE:20280916T220000Z", "it does not come in 2028"),
        ("EXRULE:FREQ=YEARLY;INTERVAL=2", "a rule excludes some of its days"),
    ],
)
def test_calendar_series_in_utc_heeds_its_exceptions(line: str, reason: str) -> None:
    event = make_event(
        "UID:a@x", "SUMMARY:A", "DTSTART:20260916T220000Z", "DTEND:20260917T220000Z",
        "RRULE:FREQ=YEARLY", line,
    )  # fmt: skip
    data = make_calendar(event).replace(
        b"BEGIN:VEVENT", b"X-WR-TIMEZONE:Europe/Zurich\r\nBEGIN:VEVENT", 1
    )
    imported = calendars.read_calendar(data, "en")
    assert not imported.observances
    assert reason in imported.left_out[0]


def test_calendar_series_in_utc_ends_in_its_last_year() -> None:
    event = make_event(
        "UID:a@x", "SUMMARY:A", "DTSTART:20260916T220000Z", "DTEND:20260917T220000Z",
        "RRULE:FREQ=YEARLY;UNTIL=20290916T220000Z",
    )  # fmt: skip
    data = make_calendar(event).replace(
        b"BEGIN:VEVENT", b"X-WR-TIMEZONE:Europe/Zurich\r\nBEGIN:VEVENT", 1
    )
    (observance,) = calendars.read_calendar(data, "en").observances
    assert (observance.rule, observance.since, observance.until) == ("17 september", 2026, 2029)


def test_calendar_event_is_replaced_by_its_later_version() -> None:
    versions = [
        make_event(
            "UID:a@x", "SUMMARY:A", f"DTSTART;VALUE=DATE:2026091{day}", f"SEQUENCE:{day - 7}"
        )
        for day in (7, 8)
    ]
    imported = calendars.read_calendar(make_calendar(*versions), "en")
    assert [observance.rule for observance in imported.observances] == ["18 september"]


def test_calendar_event_without_end_is_named_and_the_next_is_read() -> None:
    open_event = make_event("SUMMARY:Open", "DTSTART;VALUE=DATE:20260917").rsplit("END", 1)[0]
    imported = calendars.read_calendar(make_calendar(open_event.strip(), GOOD), "en")
    assert imported.left_out == ("Open: the event has no end",)
    assert [observance.slug for observance in imported.observances] == ["harbour-day"]


def test_calendar_says_that_a_moving_day_became_one_for_each_year() -> None:
    events = [
        make_event(f"UID:{day}@x", "SUMMARY:Moon Day", f"DTSTART;VALUE=DATE:{day}")
        for day in ("20250330", "20260320", "20270309")
    ]
    imported = calendars.read_calendar(make_calendar(*events), "en")
    assert len(imported.observances) == 3
    assert ["for each year" in note for note in imported.notes] == [True]


def test_calendar_in_cyrillic_letters_of_windows_is_read() -> None:
    event = make_event("UID:a@x", "SUMMARY:День чистой воды", "DTSTART;VALUE=DATE:20260917")
    data = make_calendar(event, GOOD).decode().encode("cp1251")
    assert calendars.read_calendar(data, "ru").observances[0].names["ru"] == "День чистой воды"
