"""Observances as iCalendar (RFC 5545), and iCalendar files as observances."""

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
"""Years for which the dates of a feast that hangs on Easter are written out."""


def publish(known: Iterable[Observance], language: str, year: int, domain: str) -> bytes:
    """A calendar of all-day events from `year` on, each with its yearly rule. `domain` makes the
    events' UIDs ours."""
    made = Calendar()
    made.add("prodid", "-//mailer//observances//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", "Observances")
    for one in sorted(known, key=lambda one: one.slug):
        event = _event(one, language, year, domain)
        if event is not None:
            made.add_component(event)
    return bytes(made.to_ical())


def _event(known: Observance, language: str, year: int, domain: str) -> Event | None:
    years = range(max(year, known.since), min(known.until or 9999, year + _YEARS) + 1)
    days = [day for one in years if (day := known.date(one)) is not None]
    if not days:
        return None
    event = Event()
    event.add("uid", f"{known.slug}@{domain}")
    event.add("dtstamp", datetime(days[0].year, 1, 1, tzinfo=UTC))
    event.add("summary", known.name(language))
    if known.source:
        event.add("description", known.source)
    event.add("dtstart", days[0])
    event.add("dtend", days[0] + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    if known.rule.startswith("easter"):
        for day in days[1:]:
            event.add("rdate", day, parameters={"value": "DATE"})
    elif len(days) > 1:
        event.add("rrule", _rrule(known))
    return event


def _rrule(known: Observance) -> dict[str, Any]:
    rule: dict[str, Any] = {"freq": "yearly"}
    words = known.rule.split()
    rule["bymonth"] = MONTHS.index(words[-1]) + 1
    if len(words) == 2:
        rule["bymonthday"] = int(words[0])
    else:
        rule["byday"] = f"{ORDINALS[words[0]]}{CODES[WEEKDAYS.index(words[1])]}"
    if known.until and (last := known.date(known.until)):
        rule["until"] = last
    return rule


@dataclass(frozen=True, slots=True)
class Imported:
    """Observances that a calendar gave, and events that are none, each with the reason."""

    observances: tuple[Observance, ...]
    left_out: tuple[str, ...]


def read(data: bytes, language: str) -> Imported:
    """The all-day events of a calendar: yearly ones by their rule, others in their year alone.
    Names are taken to be in `language`, and where that is not English stand for it too.

    Raises InputError when it is no calendar."""
    try:
        calendar = Calendar.from_ical(data)
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(
            f"this is no iCalendar file ({error})", hint="give one that begins BEGIN:VCALENDAR"
        ) from error
    found: dict[str, Observance] = {}
    left_out: list[str] = []
    for event in calendar.walk("VEVENT"):
        name = " ".join(str(event.get("summary", "")).split())
        try:
            one = _observance(event, name, language)
        except InputError as error:
            left_out.append(f"{name or 'an event without a name'}: {error.what}")
            continue
        slug, number = one.slug, 2
        while slug in found:
            slug, number = f"{one.slug}-{number}", number + 1
        found[slug] = Observance(slug, one.rule, one.names, one.source, one.since, one.until)
    return Imported(tuple(found.values()), tuple(left_out))


def _observance(event: Any, name: str, language: str) -> Observance:
    if not name:
        raise InputError("it has no name")
    start = event.get("dtstart")
    if start is None:
        raise InputError("it has no date")
    day = start.dt
    if isinstance(day, datetime) or not isinstance(day, date):
        raise InputError("it is no all-day event")
    names = {language: name, "en": name}
    slug = _slug(str(event.get("uid", "")).partition("@")[0], name)
    source = " ".join(str(event.get("description", "")).split())
    rules = event.get("rrule")
    if event.get("rdate") is not None or isinstance(rules, list):
        raise InputError("its dates follow no one rule that can be kept")
    if rules is None:
        rule = f"{day.day} {MONTHS[day.month - 1]}"
        return observances.check(Observance(slug, rule, names, source, day.year, day.year))
    until = rules.get("UNTIL", [None])[0]
    last = until.year if until is not None else 0
    return observances.check(Observance(slug, _rule(rules, day), names, source, day.year, last))


def _rule(rules: Any, day: date) -> str:
    given = {name: rules[name] for name in rules if name not in {"FREQ", "WKST", "UNTIL"}}
    yearly = rules.get("FREQ") == ["YEARLY"] and given.pop("INTERVAL", [1]) == [1]
    months = [int(one) for one in given.pop("BYMONTH", [day.month])]
    days = [int(one) for one in given.pop("BYMONTHDAY", [])]
    weekdays = [str(one) for one in given.pop("BYDAY", [])]
    if not yearly or given or len(months) != 1 or len(days) + len(weekdays) > 1:
        raise InputError("its rule is not one day a year")
    month = MONTHS[months[0] - 1]
    if not weekdays:
        return f"{(days or [day.day])[0]} {month}"
    ordinals = {number: word for word, number in ORDINALS.items()}
    if (nth := _NTH.fullmatch(weekdays[0])) is None or int(nth[1]) not in ordinals:
        raise InputError("its rule is not one day a year")
    return f"{ordinals[int(nth[1])]} {WEEKDAYS[CODES.index(nth[2])]} of {month}"


def _slug(uid: str, name: str) -> str:
    """The event's UID where it looks like a name of ours, else its name in plain letters."""
    if re.fullmatch(r"[a-z]+(?:-[a-z0-9]+)*", uid) and len(uid) <= 60:
        return uid
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")
    return slug or "day"
