"""Read the dates that feeds, pages, WordPress and Word files state. Never guess one.

A date is read only if it has a single meaning. The accepted forms are those of RFC 822, RFC 5322
§3.3, ISO 8601 and W3C-DTF, and forms that sites really write, with month names in many languages.
For any other date the result is None, and the caller reports the date. 05/01/2026 has two meanings
unless the order of day and month is known.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

LONGEST_DATE = 100
"""Maximum length of a written date in characters."""

_MONTH_LANGUAGES = (
    "ar", "bg", "ca", "cs", "da", "de", "el", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "lt",
    "lv", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "tr", "uk",
)  # fmt: skip
_ENGLISH_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
            "aug august", "sep sept september", "oct october", "nov november", "dec december",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip

_UNITED_STATES_ZONES = {
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}  # fmt: skip
"""Zones that RFC 822 §5.1 defines. Outside such dates, CST can also be China's time."""

_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "cet": 1, "cest": 2, "met": 1,
    "mez": 1, "mesz": 2, "mest": 2, "eet": 2, "eest": 3, "msk": 3, "wat": 1, "cat": 2, "sast": 2,
    "eat": 3, "pkt": 5, "npt": 5.75, "wib": 7, "wita": 8, "wit": 9, "hkt": 8, "sgt": 8, "awst": 8,
    "jst": 9, "kst": 9, "acst": 9.5, "acdt": 10.5, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
    "brt": -3, "akst": -9, "akdt": -8, "hst": -10,
}  # fmt: skip
"""Zone names that have a single meaning, in hours east of UTC. IST, BST, AST and others are left
out, since they have several meanings."""

_TIME = r"""
    (?P<hour>\d{1,2}) (?:(?::|\.|h(?=\d))(?P<minute>\d\d) (?:[:.](?P<second>\d\d)(?:[.,]\d{1,9})?)?
        | (?=\s*[AaPp]\.?[Mm]))
    (?:\s*(?P<half>[AaPp])\.?[Mm]\b\.?)?
"""
_ZONE = r"(?P<zone>[A-Za-z][\w/+:-]*|[+-]\d\d?(?::?\d\d)?)"
_REST = rf"""
    (?:(?:\s*[Tt]\s*|\s*,\s*|\s+-\s+|\s*\|\s*|\s+)
        (?:(?:at|um|à|ore|kl\.?|klo|om|o)\s+)?
        {_TIME}(?:\s*Uhr)?(?:\s*{_ZONE})?)?
"""
_WORD = r"[^\W\d_][^\W\d_]*"
_FORMS = tuple(
    (form, re.compile(pattern, re.VERBOSE))
    for form, pattern in (
        (
            "iso",
            rf"(?P<year>\d{{4}})(?P<sign>[-/.])(?P<month>\d\d?)(?P=sign)(?P<day>\d\d?){_REST}",
        ),
        ("iso", rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d){_REST}"),
        (
            "iso",
            (
                r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)"
                rf"(?P<second>\d\d)?(?P<half>){_ZONE}?"
            ),
        ),
        (
            "iso",
            rf"(?P<year>\d{{4}})\s*年\s*(?P<month>\d\d?)\s*月\s*(?P<day>\d\d?)\s*日{_REST}",
        ),
        (
            "iso",
            rf"(?P<year>\d{{4}})\s*년\s*(?P<month>\d\d?)\s*월\s*(?P<day>\d\d?)\s*일{_REST}",
        ),
        (
            "rfc822",
            (
                rf"(?:{_WORD}\.?[,،]?\s*)?(?P<day>\d\d?)(?:st|nd|rd|th|er|\.|º)?[\s/-]\s*"
                r"(?:de\s+|of\s+)?"
                rf"(?P<name>{_WORD})\.?,?[\s/-]\s*(?:de\s+)?(?P<year>\d{{4}}|\d\d){_REST}"
            ),
        ),
        (
            "american",
            (
                rf"(?:{_WORD}\.?,?\s*)??(?P<name>{_WORD})\.?\s+(?P<day>\d\d?)(?:st|nd|rd|th)?,?\s*"
                rf"(?<=[\s,])(?P<year>\d{{4}}){_REST}"
            ),
        ),
        (
            "asctime",
            (
                rf"{_WORD}\s+(?P<name>{_WORD})\s+(?P<day>\d\d?)\s+{_TIME}(?:\s+{_ZONE})?"
                r"\s+(?P<year>\d{4})"
            ),
        ),
        (
            "numeric",
            (
                rf"(?:{_WORD}\.?,?\s*)?(?P<first>\d\d?)(?P<sign>[-/.])\s?(?P<other>\d\d?)"
                r"(?P=sign)\s?"
                rf"(?P<year>\d{{4}}){_REST}"
            ),
        ),
    )
)
_COMMENT = re.compile(r"\s*\([^()]*\)$|\[[\w/+-]+\]$")


def parse_date(written: str, time_zone: str, *, day_first: bool | None = None) -> datetime | None:
    """Return the moment that `written` states, or None if it can't be read for certain.

    A date without a zone is in `time_zone`, a date without a time is that day's midnight.
    `day_first` states the order of dates such as 05/01/2026, if it is known."""
    matched = _match_form(written)
    if matched is None:
        return None
    form, groups = matched
    try:
        day_and_month = _find_day_and_month(form, groups, day_first)
        zone = _find_zone(form, groups.get("zone"), time_zone)
        if day_and_month is None or zone is None:
            return None
        year = int(groups["year"])
        if len(groups["year"]) == 2:
            year += 2000 if year < 50 else 1900  # RFC 5322 §4.3
        if year < 1000 and form != "iso":
            return None
        moment = datetime(year, day_and_month[1], day_and_month[0], tzinfo=zone)
        moment = _add_time(moment, groups)
        return None if _is_epoch(moment) else moment
    except (ValueError, OverflowError):
        return None


def find_date_order(dates: Iterable[str]) -> bool | None:
    """Return True if `dates` write the day first, False if they write the month first, and None if
    they leave the order open.

    25/01/2026 shows that the day comes first. If dates contradict each other, the result is
    None."""
    orders = set()
    for written in dates:
        matched = _match_form(written)
        if matched is None or matched[0] != "numeric" or matched[1]["sign"] == ".":
            continue
        first, other = int(matched[1]["first"]), int(matched[1]["other"])
        if (first > 12) != (other > 12):
            orders.add(first > 12)
    return orders.pop() if len(orders) == 1 else None


def is_order_needed(written: str) -> bool:
    """Check whether `written` can be read only if the order of day and month is known."""
    return (
        parse_date(written, "UTC") is None
        and parse_date(written, "UTC", day_first=True) is not None
    )


def find_day_first(language: str) -> bool | None:
    """Return True if `language` writes the day before the month (CLDR), False if it writes the
    month first, and None if the countries that use the language differ.

    English and Spanish need a country: en-GB and en-US write dates differently."""
    from babel import Locale, UnknownLocaleError

    tag = language.replace("_", "-")
    if tag.lower() in {"en", "es", ""}:
        return None
    try:
        pattern = str(Locale.parse(tag, sep="-").date_formats["short"].pattern)
    except (UnknownLocaleError, ValueError, KeyError, TypeError):
        return None
    order = re.sub("[^dMy]", "", pattern)
    return {"d": True, "M": False}.get(order[:1])


def _match_form(written: str) -> tuple[str, dict[str, Any]] | None:
    written = " ".join(written.split())
    if len(written) > LONGEST_DATE:
        return None
    written = _COMMENT.sub("", written)
    for form, pattern in _FORMS:
        if match := pattern.fullmatch(written):
            return form, match.groupdict()
    return None


def _find_day_and_month(
    form: str, groups: dict[str, Any], day_first: bool | None
) -> tuple[int, int] | None:
    if form == "iso":
        return int(groups["day"]), int(groups["month"])
    if form == "numeric":
        first, other = int(groups["first"]), int(groups["other"])
        # No country writes the month first with full stops.
        is_day_first = True if groups["sign"] == "." else day_first
        if first > 12 or first == other:
            return first, other
        if other > 12 and groups["sign"] != ".":
            return other, first
        if is_day_first is None:
            return None
        return (first, other) if is_day_first else (other, first)
    month = _find_month(groups["name"])
    return (int(groups["day"]), month) if month else None


def _find_month(name: str) -> int | None:
    folded = name.casefold()
    return _ENGLISH_MONTHS.get(folded) or _load_month_names().get(folded)


@lru_cache(maxsize=1)
def _load_month_names() -> dict[str, int]:
    """Return the number of each month by its names. A name is left out if it means different months
    in different languages.

    Listopad is November in Polish and October in Croatian."""
    from babel import Locale

    months: dict[str, set[int]] = {}
    for language in _MONTH_LANGUAGES:
        for forms in Locale.parse(language).months.values():
            for width in ("abbreviated", "wide"):
                for number, name in forms[width].items():
                    months.setdefault(name.rstrip(".").casefold(), set()).add(number)
    return {name: min(numbers) for name, numbers in months.items() if len(numbers) == 1}


def _is_epoch(moment: datetime) -> bool:
    """Check for 1 January 1970, where computers' clocks begin: programs write it if they have no
    date."""
    return moment.year in {1969, 1970} and moment == datetime(1970, 1, 1, tzinfo=UTC)


def _add_time(moment: datetime, groups: dict[str, Any]) -> datetime:
    """Return the day `moment` at the written time. Raises ValueError for an impossible time."""
    if groups.get("hour") is None:
        return moment
    hour, half = int(groups["hour"]), (groups["half"] or "").lower()
    minute, second = int(groups["minute"] or 0), int(groups["second"] or 0)
    if half and not 1 <= hour <= (12 if half == "a" else 23):
        raise ValueError("the hour does not fit a.m. or p.m.")
    if half and hour == 12:
        hour = 0
    if half == "p" and hour < 12:
        hour += 12
    if (hour, minute, second) == (24, 0, 0):
        return moment + timedelta(days=1)  # ISO 8601: the end of the day
    return moment.replace(hour=hour, minute=minute, second=59 if second == 60 else second)


def _find_zone(form: str, written: str | None, time_zone: str) -> tzinfo | None:
    """Return the written zone, or `time_zone` if none is written; None for an unknown zone."""
    if written is None:
        return ZoneInfo(time_zone)
    folded = written.lower()
    if "/" in written:
        try:
            return ZoneInfo(written)
        except (ValueError, OSError, LookupError):
            return None
    offset = re.fullmatch(r"(?:gmt|utc)?([+-])(\d\d?):?(\d\d)?", folded)
    if offset:
        hours, minutes = int(offset[2]), int(offset[3] or 0)
        if hours > 14 or minutes > 59:
            return None
        return timezone((1 if offset[1] == "+" else -1) * timedelta(hours=hours, minutes=minutes))
    hours_east = _ZONES.get(folded)
    if hours_east is None and form in {"rfc822", "american"}:
        hours_east = _UNITED_STATES_ZONES.get(folded)
    return None if hours_east is None else timezone(timedelta(hours=hours_east))
