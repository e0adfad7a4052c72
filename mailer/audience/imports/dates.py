"""Dates as files of people write them.

ISO dates, month names, Excel's serial numbers and Unix times say themselves what they mean. Whether
31/12/2025 has the day or the month first follows from the dates of the whole file; if it does not,
staff must say it.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache

from mailer import languages
from mailer.counts import count_noun
from mailer.errors import InputError, NextStep

MONTH_LANGUAGES = ("en", "fr", "es", "ar", "ru", "zh", "de", "pt", "it")


class DateOrder(StrEnum):
    """The order of day and month."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"


_TIME = (
    r"(?:[T ,]+(?:at )?(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d:?\d\d|(?:UTC|GMT)[+-]\d\d:?\d\d)?(?:\s+(?:UTC|GMT|[A-Z]{2,5}|[+-]\d\d))?"
    r"(?:\s*Uhr)?(?:\s*\([^)]*\))?)?"
)
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d\d){_TIME}")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CHINESE = re.compile(
    rf"(\d{{4}})\s*([年년])\s*(\d{{1,2}})\s*[月월]\s*(\d{{1,2}})\s*[日일号]{_TIME}"
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_WORDS = re.compile(
    r"(?:[^\W\d_]+\.?,?\s+)?(?:(\d{1,2})(?:st|nd|rd|th|er|º|\.)?\s+(?:de\s+)?([^\W\d_]+)\.?,?\s+(?:de\s+)?"
    rf"|([^\W\d_]+)\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+)(\d{{4}})(?:\s*г\.?)?{_TIME}"
)
_HYPHENATED = re.compile(
    r"(?:(\d{1,2})([-/.])([^\W\d_]{3,})|([^\W\d_]{3,})([-/])(\d{1,2}))[-/. ](\d{4}|\d\d)" + _TIME
)
"""Such as 5-Mar-24, as Excel and Oracle write dates."""

_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_EXCEL_DAYS = (18264, 73050)
"""Serial numbers of 1950 to 2099."""
_UNIX_SECONDS = (631152000, 4102444800)
"""Unix times of 1990 to 2099."""


@cache
def _index_months() -> dict[str, int]:
    """Return the number of each month by its names, in lower case."""
    months: dict[str, int] = {}
    for tag in MONTH_LANGUAGES:
        locale_months = languages.get_locale(tag).months
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in locale_months[context][width].items():
                    months.setdefault(name.lower().rstrip("."), number)
    return months | {"sept": 9, "märz": 3, "mrz": 3}


def _build_moment(year: int, month: int, day: int, time: Sequence[str | None]) -> datetime:
    hour, minute, second, half, zone = time
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError(hour)
        hours = hours % 12 + (12 if half[0] in "Pp" else 0)
    moment = datetime(year, month, day, hours, int(minute or 0), int(second or 0), tzinfo=UTC)
    digits = re.sub(r"[^\d+-]", "", zone or "")
    if digits:
        offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5]))
        moment -= -offset if digits[0] == "-" else offset
    return moment


def _parse_number(text: str) -> datetime | None:
    """Return the moment of a serial number of Excel (days since 30 December 1899) or of a Unix
    time in seconds or milliseconds."""
    number = float(text)
    if _EXCEL_DAYS[0] <= number < _EXCEL_DAYS[1]:
        return _EXCEL_EPOCH + timedelta(seconds=round(number * 86400))
    for seconds in (number, number / 1000):
        if _UNIX_SECONDS[0] <= seconds < _UNIX_SECONDS[1]:
            return datetime.fromtimestamp(int(seconds), UTC)
    return None


@lru_cache(maxsize=8192)
def parse_date(value: str, order: DateOrder | None) -> datetime | None:
    """Return the moment that a value states, in UTC; a value without a zone is UTC.

    Returns None if the value is not a date, or if its meaning depends on an unknown order of day
    and month."""
    text = " ".join(value.replace("\u202f", " ").split())
    if _ISO_DATE.match(text):
        with suppress(ValueError, OverflowError):
            return _to_utc(datetime.fromisoformat(text))
    try:
        if match := _YEAR_FIRST.fullmatch(text) or _CHINESE.fullmatch(text):
            return _build_moment(int(match[1]), int(match[3]), int(match[4]), match.groups()[4:9])
        if match := _YEAR_LAST.fullmatch(text):
            first, second = int(match[1]), int(match[3])
            choice = _choose_order(first, second, match[2], order)
            if choice is None:
                return None
            day, month = (first, second) if choice is DateOrder.DAY_FIRST else (second, first)
            return _build_moment(_expand_year(match[4]), month, day, match.groups()[4:9])
        if match := _COMPACT.fullmatch(text):
            if 1900 <= int(match[1]) < 2100:
                return datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
            return None
        if _NUMBER.fullmatch(text):
            return _parse_number(text)
        if match := _WORDS.fullmatch(text):
            month_number = _index_months().get((match[2] or match[3]).lower())
            if month_number is None:
                return None
            return _build_moment(
                int(match[5]), month_number, int(match[1] or match[4]), match.groups()[5:10]
            )
        if match := _HYPHENATED.fullmatch(text):
            month_number = _index_months().get((match[3] or match[4]).lower())
            if month_number is None:
                return None
            day = int(match[1] or match[6])
            return _build_moment(_expand_year(match[7]), month_number, day, match.groups()[7:12])
        return _to_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _to_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _expand_year(digits: str) -> int:
    """Return a year of four digits. Two digits mean a year from 1970 to 2069 (in POSIX strptime,
    1969 to 2068)."""
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 70 else 1900)


def _choose_order(
    first: int, second: int, separator: str, order: DateOrder | None
) -> DateOrder | None:
    """Choose which of two numbers is the day and which is the month. If dots separate them, the day
    comes first, since CLDR has no language that writes dots in a date with the month first."""
    if separator == "." or (first > 12 >= second):
        return DateOrder.DAY_FIRST
    if second > 12 >= first:
        return DateOrder.MONTH_FIRST
    return DateOrder.DAY_FIRST if first == second else order


@lru_cache(maxsize=8192)
def is_plausible_date(value: str) -> bool:
    """Check whether a value can be read as a date, in some order of day and month. Values of fewer
    than five characters, such as small numbers, are not dates."""
    return len(value) >= 5 and parse_date(value, DateOrder.DAY_FIRST) is not None


class DateOrderFinder:
    """Finds the order of day and month in the dates of a file."""

    def __init__(self) -> None:
        self._examples: dict[DateOrder, tuple[str, int]] = {}
        self._undecided: tuple[str, int, str] | None = None
        self._undecided_count = 0

    def survey_value(self, value: str, head: str, line: int) -> None:
        """Take account of one date."""
        match = _YEAR_LAST.fullmatch(" ".join(value.split()))
        if match is None or match[2] == ".":
            return
        first, second = int(match[1]), int(match[3])
        order = _choose_order(first, second, match[2], None)
        if order is None:
            self._undecided_count += 1
            self._undecided = self._undecided or (value, line, head)
        elif first != second:
            self._examples.setdefault(order, (value, line))

    def decide_order(
        self, stated: DateOrder | None, *, can_ignore: bool = True
    ) -> tuple[DateOrder | None, str]:
        """Return the order, and a note that says how it was found. `can_ignore`: the person who
        imports the file can ignore a column.

        The order is None if the file has dates in both orders, or no date that needs an order.
        Raises InputError if some dates may be read in two ways and no other date decides."""
        if stated:
            return stated, ""
        if len(self._examples) == 2:
            values = " and ".join(
                f"{value} (line {line})" for value, line in self._examples.values()
            )
            return None, f"dates have the day first and the month first, such as {values}"
        if self._examples:
            ((order, (value, line)),) = self._examples.items()
            first = "day" if order is DateOrder.DAY_FIRST else "month"
            return order, f"dates have the {first} first, as {value} on line {line} shows"
        if self._undecided is None:
            return None, ""
        value, line, head = self._undecided
        raise InputError(
            f"{value!r} in the column {head!r} may have the day or the month first, and no other "
            f"date of the file decides it ({count_noun(self._undecided_count, 'date')})",
            where=f"line {line}",
            value=value,
            hint="say which comes first",
            next_steps=[
                NextStep("state_date_order", order=DateOrder.DAY_FIRST.value),
                NextStep("state_date_order", order=DateOrder.MONTH_FIRST.value),
                *([NextStep("ignore_column", header=head)] if can_ignore else []),
            ],
        )
