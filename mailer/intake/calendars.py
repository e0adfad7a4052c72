"""Write observances as iCalendar files (RFC 5545), and read observances from them."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dateutil.easter import easter
from icalendar import Calendar, Event

from mailer.errors import InputError
from mailer.intake.calendar_events import CalendarDay, read_events
from mailer.schedules import observances
from mailer.schedules.observances import CODES, MONTHS, ORDINALS, WEEKDAYS, Observance

_YEARS = 20
"""Number of years for which the dates of an observance that depends on Easter are written out."""


def export_calendar(
    observances_to_export: Iterable[Observance], language: str, year: int, domain: str
) -> bytes:
    """Return a calendar of all-day events from `year` on. Each has a yearly rule, or a list of
    dates if it depends on Easter.

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
    with the reason; `notes` name events of which only a part became an observance."""

    observances: tuple[Observance, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_calendar(data: bytes, language: str) -> ImportedCalendar:
    """Read the all-day events of a calendar. A yearly event becomes an observance with its rule; a
    single event becomes an observance of one year.

    Single events with the same name in successive years become one observance if one rule gives all
    their days. `language` is the language of the names. If it is not English, each name is also
    used as the English name. Raises InputError if `data` is not an iCalendar file."""
    days, left_out = read_events(data)
    observances_by_slug: dict[str, Observance] = {}
    notes: list[str] = []
    for group in _group_days(days):
        try:
            observance = _build_observance(group, language)
        except InputError as error:
            left_out.append(f"{group[0].name}: {error.message}")
            continue
        slug, number = observance.slug, 2
        while slug in observances_by_slug:
            slug, number = f"{observance.slug}-{number}", number + 1
        observances_by_slug[slug] = replace(observance, slug=slug)
        if number > 2:
            notes.append(
                f"{group[0].name}: its days follow no one rule, so that it became an observance "
                "for each year"
            )
        if (length := max(day.first_of for day in group)) > 1:
            notes.append(f"{group[0].name}: it lasts {length} days, and the first was taken")
    return ImportedCalendar(
        tuple(observances_by_slug.values()), tuple(left_out), tuple(dict.fromkeys(notes))
    )


def _group_days(days: Iterable[CalendarDay]) -> list[list[CalendarDay]]:
    """Return the events in groups. Single events with the same name form a group if one rule gives
    all their days; each other event is a group by itself.

    Google exports a holiday as one event for each year."""
    singles: dict[str, list[CalendarDay]] = {}
    groups: list[list[CalendarDay]] = []
    for day in days:
        if day.is_series:
            groups.append([day])
            continue
        same_name = singles.setdefault(day.name.casefold(), [])
        if not same_name:
            groups.append(same_name)
        if day.dates not in [other.dates for other in same_name]:
            same_name.append(day)
    result: list[list[CalendarDay]] = []
    for group in groups:
        dates = sorted(day.dates[0] for day in group)
        if len(group) == 1 or _fit_rule(dates):
            result.append(group)
        else:
            result += [[day] for day in group]
    return result


def _build_observance(group: list[CalendarDay], language: str) -> Observance:
    first = group[0]
    dates = sorted(day for item in group for day in item.dates)
    rule = _fit_rule(dates)
    if not rule:
        raise InputError("the event's rule does not name one day a year")
    return observances.check_observance(
        Observance(
            _choose_slug(first.uid.partition("@")[0], first.name),
            rule,
            {language: first.name, "en": first.name},
            first.source,
            dates[0].year,
            0 if first.is_endless else dates[-1].year,
        )
    )


def _fit_rule(dates: Sequence[date]) -> str:
    """Return the rule that gives exactly `dates` from the first to the last year, or ""."""
    first = dates[0]
    month, weekday = MONTHS[first.month - 1], WEEKDAYS[first.weekday()]
    days_after_easter = (first - easter(first.year)).days
    sign = "-" if days_after_easter < 0 else "+"
    rules = [
        f"{first.day} {month}",
        *(f"{ordinal} {weekday} of {month}" for ordinal in ORDINALS),
        f"easter {sign} {abs(days_after_easter)}" if days_after_easter else "easter",
    ]
    days = {day.year: day for day in dates}
    if len(days) < len(dates):
        return ""
    years = range(first.year, dates[-1].year + 1)
    for rule in rules:
        if all(observances.find_date_by_rule(rule, year) == days.get(year) for year in years):
            return rule
    return ""


def _choose_slug(uid: str, name: str) -> str:
    """Return the event's UID if it looks like a slug, otherwise its name in plain letters."""
    if re.fullmatch(r"[a-z]+(?:-[a-z0-9]+)*", uid) and len(uid) <= 60:
        return uid
    folded = "".join(
        sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign)
    )
    slug = re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")[:60].strip("-")
    return slug or "day"
