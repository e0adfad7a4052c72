"""Free days, on which nothing is sent: public holidays of a country, and staff's blackouts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from mailer.errors import InputError

if TYPE_CHECKING:
    import holidays

SATURDAY, SUNDAY = 5, 6
_MAX_SHIFT_DAYS = 14
"""Maximum number of days by which a date is moved."""


class OnFreeDay(StrEnum):
    """The rule for a date on a free day."""

    SKIP = "skip"
    BEFORE = "before"
    """The date moves to the last working day before."""
    AFTER = "after"
    """The date moves to the next working day."""


@dataclass(frozen=True, slots=True)
class Blackout:
    """Days from `first` to `last` on which nothing is sent."""

    first: date
    last: date
    reason: str


class FreeDays:
    """The public holidays of a country (``GB``) or a part of one (``GB-SCT``), and blackouts."""

    def __init__(self, region: str = "", blackouts: Iterable[Blackout] = ()) -> None:
        self._calendar = load_calendar(region) if region else None
        self._blackouts = tuple(blackouts)

    def find_reason(self, day: date) -> str:
        """Return the reason why a day is free, or "" for any other day."""
        for blackout in self._blackouts:
            if blackout.first <= day <= blackout.last:
                return blackout.reason or "a blackout"
        if self._calendar is None:
            return ""
        return str(self._calendar.get(day, ""))

    def shift_date(self, day: date, on_free_day: OnFreeDay) -> date | None:
        """Return the date to use instead of `day`: `day` itself if it is not free, None to skip it.

        A date does not move to a weekend, unless it was on a weekend itself. If all days within a
        fortnight are free, the date is skipped."""
        if not self.find_reason(day):
            return day
        if on_free_day is OnFreeDay.SKIP:
            return None
        step = timedelta(days=-1 if on_free_day is OnFreeDay.BEFORE else 1)
        is_weekend = self._is_weekend(day)
        for _ in range(_MAX_SHIFT_DAYS):
            day += step
            if not self.find_reason(day) and (is_weekend or not self._is_weekend(day)):
                return day
        return None

    def _is_weekend(self, day: date) -> bool:
        weekend = self._calendar.weekend if self._calendar is not None else {SATURDAY, SUNDAY}
        return day.weekday() in weekend


@lru_cache(maxsize=64)
def load_calendar(region: str) -> "holidays.HolidayBase":
    """Return the public holidays of a region such as ``GB`` or ``GB-SCT``.

    Raises InputError for an unknown region."""
    import holidays  # The import is slow, and most commands don't need it.

    country, _, subdivision = region.partition("-")
    try:
        return holidays.country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError as error:
        supported_regions = holidays.list_supported_countries()
        hint = "use a country such as GB, or a part of a country such as GB-SCT"
        if subdivision and country in supported_regions:
            hint = f"parts of {country}: {', '.join(supported_regions[country]) or 'none'}"
        raise InputError(f"no public holidays are known for {region!r}", hint=hint) from error
