"""Compute the dates that a rule names: recurrences, days around an observance, single days.

This is pure arithmetic on dates; ``occurrences.py`` adds the time of day and the zone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from dateutil.rrule import DAILY, WEEKLY, rrule, rrulestr

from mailer.errors import InputError, NextStep
from mailer.schedules.observances import Observance

DAY = timedelta(days=1)
MAX_OFFSET_DAYS = 366
"""Maximum distance of a date from its observance, in days."""

_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_RRULE_PARTS = {
    "FREQ",
    "INTERVAL",
    "UNTIL",
    "BYDAY",
    "BYMONTH",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYSETPOS",
    "WKST",
    "BYEASTER",
}
_MAX_YEARS_WITHOUT_DATE = 60
"""Number of years without a date after which a recurrence is treated as finished."""


@dataclass(frozen=True, slots=True)
class RecurringRule:
    """An RRULE (RFC 5545 §3.3.10) of whole days, counted from `start`."""

    rrule: str
    start: date

    def iterate_dates(self, first: date, last: date) -> Iterator[date]:
        """Yield the rule's dates from `first` to `last`, in order."""
        if last < self.start:
            return
        yield from _parse_recurrence(self.rrule, self.start).iterate_dates(
            max(first, self.start), last
        )


@dataclass(frozen=True, slots=True)
class DayRange:
    """A range of days around an observance, from `first` to `last`, counted in days after the
    observance (negative: before it)."""

    first: int
    last: int
    weekdays: bool = False

    def iterate_dates(self, observance_date: date) -> Iterator[date]:
        for offset in range(self.first, self.last + 1):
            day = observance_date + offset * DAY
            if not (self.weekdays and day.weekday() >= 5):
                yield day


@dataclass(frozen=True, slots=True)
class ObservanceRule:
    """Days around an observance, each year."""

    observance: str
    day_ranges: tuple[DayRange, ...]

    def iterate_dates(
        self, first: date, last: date, observances: Mapping[str, Observance]
    ) -> Iterator[date]:
        """Yield the rule's dates from `first` to `last`, in order.

        Raises InputError for an unknown observance."""
        observance = observances.get(self.observance)
        if observance is None:
            raise InputError(
                f"there is no observance {self.observance!r}",
                next_steps=[NextStep("list_observances")],
            )
        reach = MAX_OFFSET_DAYS * DAY
        matching_dates: set[date] = set()
        for year in range((first - reach).year, (last + reach).year + 1):
            if (day := observance.find_date(year)) is not None:
                for day_range in self.day_ranges:
                    matching_dates.update(
                        candidate
                        for candidate in day_range.iterate_dates(day)
                        if first <= candidate <= last
                    )
        yield from sorted(matching_dates)


@dataclass(frozen=True, slots=True)
class SingleDayRule:
    """A rule that names one day."""

    day: date

    def iterate_dates(self, first: date, last: date) -> Iterator[date]:
        if first <= self.day <= last:
            yield self.day


Rule = RecurringRule | ObservanceRule | SingleDayRule


def iterate_dates(
    rule: Rule, first: date, last: date, observances: Mapping[str, Observance]
) -> Iterator[date]:
    """Return an iterator over a rule's dates from `first` to `last`, in order, each once.

    Raises InputError, on iteration, for an unknown observance."""
    if isinstance(rule, ObservanceRule):
        return rule.iterate_dates(first, last, observances)
    return rule.iterate_dates(first, last)


def check_rule(rule: Rule) -> Rule:
    """Check and return a rule. Raises InputError for an impossible rule."""
    match rule:
        case RecurringRule():
            _check_recurring_rule(rule)
        case ObservanceRule():
            if not rule.day_ranges:
                raise InputError("the rule names no day", where=rule.observance)
            for day_range in rule.day_ranges:
                if (
                    day_range.first > day_range.last
                    or max(abs(day_range.first), abs(day_range.last)) > MAX_OFFSET_DAYS
                ):
                    raise InputError(
                        f"the range from day {day_range.first} to day {day_range.last} after the "
                        "observance is not possible",
                        hint=f"write the earlier day first, at most {MAX_OFFSET_DAYS} days away",
                    )
    return rule


def _check_recurring_rule(rule: RecurringRule) -> None:
    parts: dict[str, str] = {}
    for part in rule.rrule.split(";"):
        name, equals, value = part.partition("=")
        if not equals or name in parts or name not in _RRULE_PARTS:
            hint = f"use {', '.join(sorted(_RRULE_PARTS - {'BYEASTER'}))}, each once"
            if name in {"BYHOUR", "BYMINUTE", "BYSECOND"}:
                hint = "give the time of day separately"
            if name == "COUNT":
                hint = "use a last date (UNTIL=20271218): dates can be moved and skipped"
            raise InputError(f"{part!r} can't be part of a rule here", where="RRULE", hint=hint)
        parts[name] = value
    if parts.get("FREQ") not in _FREQUENCIES:
        raise InputError(
            f"FREQ is {parts.get('FREQ', 'not given')}",
            where="RRULE",
            hint=f"use one of {', '.join(sorted(_FREQUENCIES))}",
        )
    interval = parts.get("INTERVAL", "1")
    if not interval.isdigit() or not 1 <= int(interval) <= 1000:
        raise InputError(f"an interval of {interval} is not possible", hint="use 1 to 1000")
    last = rule.start.replace(year=min(rule.start.year + _MAX_YEARS_WITHOUT_DATE, 9990), day=1)
    if next(rule.iterate_dates(rule.start, last), None) is None:
        raise InputError(
            "the rule never names a date", where="RRULE", hint="check its UNTIL and BY… parts"
        )


class _ParsedRecurrence:
    """A parsed rule. dateutil iterates a rule from its start each time, so for old daily and weekly
    rules the start is moved near the requested dates, in step with the interval."""

    def __init__(self, text: str, start: date) -> None:
        try:
            parsed = rrulestr(text, dtstart=datetime.combine(start, time()))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise InputError(
                f"{text!r} is not a recurrence rule ({error})",
                hint="write such as FREQ=WEEKLY;BYDAY=TU,TH (RFC 5545 §3.3.10)",
            ) from error
        assert isinstance(parsed, rrule)
        self._rule = parsed
        self._start = start

    def iterate_dates(self, first: date, last: date) -> Iterator[date]:
        start = self._find_start(first)
        rule = self._rule.replace(dtstart=datetime.combine(start, time()))
        until = datetime.combine(last, time())
        for moment in rule:
            if moment > until:
                return
            if moment.date() >= first:
                yield moment.date()

    def _find_start(self, first: date) -> date:
        """Return a date at or before `first` from which the rule gives the same dates as from its
        start.

        If a rule does not name a day, weekday or month, the day, weekday or month of its start is
        used, and the interval is counted from the start. So only the start of daily and weekly
        rules is moved, by whole intervals."""
        frequency: int = self._rule._freq  # type: ignore[attr-defined]
        interval: int = self._rule._interval  # type: ignore[attr-defined]
        step = {DAILY: interval, WEEKLY: 7 * interval}.get(frequency)
        if step is None or first <= self._start:
            return self._start
        return self._start + (first - self._start).days // step * step * DAY


@lru_cache(maxsize=256)
def _parse_recurrence(text: str, start: date) -> _ParsedRecurrence:
    return _ParsedRecurrence(text, start)
