"""Days on which nothing is sent: public holidays of a country, and what staff have blacked out."""

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
"""Days that a date is moved at most."""


class OnFreeDay(StrEnum):
    """What becomes of a date on a free day."""

    SKIP = "skip"
    BEFORE = "before"
    """It moves to the last working day before."""
    AFTER = "after"
    """It moves to the next working day."""


@dataclass(frozen=True, slots=True)
class Blackout:
    """Days from `first` to `last` on which nothing is sent."""

    first: date
    last: date
    reason: str


class FreeDays:
    """The free days of a country (``GB``), or of a part of it (``GB-SCT``), and blackouts."""

    def __init__(self, region: str = "", blackouts: Iterable[Blackout] = ()) -> None:
        self._calendar = load_calendar(region) if region else None
        self._blackouts = tuple(blackouts)

    def find_reason(self, day: date) -> str:
        """Why a day is free; empty when it is not."""
        for blackout in self._blackouts:
            if blackout.first <= day <= blackout.last:
                return blackout.reason or "a blackout"
        if self._calendar is None:
            return ""
        return str(self._calendar.get(day, ""))

    def shift_date(self, day: date, on_free_day: OnFreeDay) -> date | None:
        """Where a date goes: itself when it is not free, None when it is skipped.

        It does not move onto a weekend, unless it was on one. Where no day within a fortnight
        will do it is skipped."""
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
    """The public holidays of ``GB`` or ``GB-SCT``. Raises InputError for a place without."""
    import holidays  # most commands can do without, and it takes a while

    country, _, subdivision = region.partition("-")
    try:
        return holidays.country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError as error:
        supported_regions = holidays.list_supported_countries()
        hint = "give a country such as GB, or a part of one such as GB-SCT"
        if subdivision and country in supported_regions:
            hint = f"parts of {country}: {', '.join(supported_regions[country]) or 'none'}"
        raise InputError(f"no public holidays are known of {region!r}", hint=hint) from error
