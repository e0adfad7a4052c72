"""Write observances as iCalendar files (RFC 5545), and read observances from them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from icalendar import Calendar, Event

from mailer.errors import InputError
from mailer.schedules import observances
from mailer.schedules.observances import CODES, MONTHS, ORDINALS, WEEKDAYS, Observance

_NTH = re.compile(rf"([+-]?\d)({'|'.join(CODES)})")
_YEARS = 20
"""Number of years for which the dates of an observance that depends on Easter are written out."""


def export_calendar(
    observances_to_export: Iterable[Observance], language: str, year: int, domain: str
) -> bytes:
    """Return a calendar of all-day events from `year` on, each with its yearly rule.

    `domain` ends the UID of each event, so that UIDs are unique to this office."""
    calendar = Calendar()
    calendar.add("prodid", "-//mailer//observances//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Observances")
    for observance in sorted(observances_to_export, key=lambda observance: observance.slug):
        event = _build_event(observance, language, year, domain)
        if event is not None:
            calendar.add_component(event)
    return bytes(calendar.to_ical())


def _build_event(observance: Observance, language: str, year: int, domain: str) -> Event | None:
    years = range(max(year, observance.since), min(observance.until or 9999, year + _YEARS) + 1)
    days = [day for year_number in years if (day := observance.find_date(year_number)) is not None]
    if not days:
        return None
    event = Event()
    event.add("uid", f"{observance.slug}@{domain}")
    event.add("dtstamp", datetime(days[0].year, 1, 1, tzinfo=UTC))
    event.add("summary", observance.get_name(language))
    if observance.source:
        event.add("description", observance.source)
    event.add("dtstart", days[0])
    event.add("dtend", days[0] + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    if observance.rule.startswith("easter"):
        for day in days[1:]:
            event.add("rdate", day, parameters={"value": "DATE"})
    elif len(days) > 1:
        event.add("rrule", _build_recurrence(observance))
    return event


def _build_recurrence(observance: Observance) -> dict[str, Any]:
    rule: dict[str, Any] = {"freq": "yearly"}
    words = observance.rule.split()
    rule["bymonth"] = MONTHS.index(words[-1]) + 1
    if len(words) == 2:
        rule["bymonthday"] = int(words[0])
    else:
        rule["byday"] = f"{ORDINALS[words[0]]}{CODES[WEEKDAYS.index(words[1])]}"
    if observance.until and (last := observance.find_date(observance.until)):
        rule["until"] = last
    return rule


@dataclass(frozen=True, slots=True)
class ImportedCalendar:
    """Observances read from a calendar. `left_out` names each event that cannot be an observance,
    with the reason."""

    observances: tuple[Observance, ...]
    left_out: tuple[str, ...]


def read_calendar(data: bytes, language: str) -> ImportedCalendar:
    """Read the all-day events of a calendar: yearly events with their rule, and single events for
    one year.

    `language` is the language of the names. If it is not English, each name is also used as the
    English name. Raises InputError if `data` is not an iCalendar file."""
    try:
        calendar = Calendar.from_ical(data)
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(
            f"the file is not an iCalendar file ({error})",
            hint="use a file that begins with BEGIN:VCALENDAR",
        ) from error
    observances_by_slug: dict[str, Observance] = {}
    left_out: list[str] = []
    for event in calendar.walk("VEVENT"):
        name = " ".join(str(event.get("summary", "")).split())
        try:
            observance = _build_observance(event, name, language)
        except InputError as error:
            left_out.append(f"{name or 'an event without a name'}: {error.message}")
            continue
        slug, number = observance.slug, 2
        while slug in observances_by_slug:
            slug, number = f"{observance.slug}-{number}", number + 1
        observances_by_slug[slug] = Observance(
            slug,
            observance.rule,
            observance.names,
            observance.source,
            observance.since,
            observance.until,
        )
    return ImportedCalendar(tuple(observances_by_slug.values()), tuple(left_out))


def _build_observance(event: Any, name: str, language: str) -> Observance:
    if not name:
        raise InputError("the event has no name")
    start = event.get("dtstart")
    if start is None:
        raise InputError("the event has no date")
    day = start.dt
    if isinstance(day, datetime) or not isinstance(day, date):
        raise InputError("the event does not last whole days")
    names = {language: name, "en": name}
    slug = _choose_slug(str(event.get("uid", "")).partition("@")[0], name)
    source = " ".join(str(event.get("description", "")).split())
    rules = event.get("rrule")
    if event.get("rdate") is not None or isinstance(rules, list):
        raise InputError("the event's dates follow more than one rule")
    if rules is None:
        rule = f"{day.day} {MONTHS[day.month - 1]}"
        return observances.check_observance(
            Observance(slug, rule, names, source, day.year, day.year)
        )
    until = rules.get("UNTIL", [None])[0]
    last = until.year if until is not None else 0
    return observances.check_observance(
        Observance(slug, _convert_recurrence(rules, day), names, source, day.year, last)
    )


def _convert_recurrence(rules: Any, day: date) -> str:
    rule_parts = {name: rules[name] for name in rules if name not in {"FREQ", "WKST", "UNTIL"}}
    is_yearly = rules.get("FREQ") == ["YEARLY"] and rule_parts.pop("INTERVAL", [1]) == [1]
    months = [int(number) for number in rule_parts.pop("BYMONTH", [day.month])]
    days = [int(number) for number in rule_parts.pop("BYMONTHDAY", [])]
    weekdays = [str(number) for number in rule_parts.pop("BYDAY", [])]
    if not is_yearly or rule_parts or len(months) != 1 or len(days) + len(weekdays) > 1:
        raise InputError("the event's rule does not name one day a year")
    month = MONTHS[months[0] - 1]
    if not weekdays:
        return f"{(days or [day.day])[0]} {month}"
    ordinals = {ordinal: word for word, ordinal in ORDINALS.items()}
    if (nth := _NTH.fullmatch(weekdays[0])) is None or int(nth[1]) not in ordinals:
        raise InputError("the event's rule does not name one day a year")
    return f"{ordinals[int(nth[1])]} {WEEKDAYS[CODES.index(nth[2])]} of {month}"


def _choose_slug(uid: str, name: str) -> str:
    """Return the event's UID if it looks like a slug, otherwise its name in plain letters."""
    if re.fullmatch(r"[a-z]+(?:-[a-z0-9]+)*", uid) and len(uid) <= 60:
        return uid
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")
    return slug or "day"
