"""Read the events of iCalendar files (RFC 5545), and list the days of each event.

Each event is parsed separately, so that a broken event or time zone does not exclude the other
events. Google and Outlook write rules in several ways; dateutil expands them into days.
"""

import quopri
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Event
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from mailer.errors import InputError
from mailer.intake.calendar_file import BROKEN, decode_calendar, split_events
from mailer.intake.characters import decode_text

HORIZON = 40
"""Number of years for which an endless rule is expanded. The calendar repeats after 28 years."""

_LONGEST_RULE = 400
"""Maximum number of years for which a rule with an end is expanded."""

_CANCELLED = "it is cancelled"
_CANCELLED_NAME = re.compile(
    r"\W*(?:cancell?ed|abgesagt|annulée?|cancelad[oa]|annullat[oa]|отменен[оа]?|отменён|已取消|ملغى|ملغاة)"
    r"\s*[:：\-–—!\])].*",
    re.IGNORECASE,
)
"""Names that Outlook and others give to an event that was called off."""

_NO_RULE = "the event's rule does not name one day a year"


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """The days of an event, at most one a year. `is_endless`: the event continues after the last of
    `dates`. `first_of` is the number of days that the event lasts; `dates` has only the first
    day."""

    name: str
    uid: str
    source: str
    dates: tuple[date, ...]
    is_series: bool = False
    is_endless: bool = False
    first_of: int = 1


@dataclass(frozen=True, slots=True)
class _ParsedEvent:
    name: str
    uid: str
    event: Any
    zone: str

    @property
    def identity(self) -> tuple[str, str]:
        """The UID, and the day of a series that the event replaces."""
        identifier = self.event.get("recurrence-id")
        return self.uid, "" if identifier is None else str(identifier.to_ical())

    @property
    def sequence(self) -> int:
        text = str(_get_single(self.event, "sequence") or "")
        return int(text) if text.isdecimal() else 0


def read_events(data: bytes) -> tuple[list[CalendarDay], list[str]]:
    """Return (events, left_out): the all-day events in `data`, and for each event that was left out
    a sentence with its name and the reason.

    Of two events with one UID, the one with the higher SEQUENCE counts (§3.8.7.4). Raises
    InputError if `data` is not an iCalendar file."""
    days: list[CalendarDay] = []
    left_out: list[str] = []
    events: list[_ParsedEvent] = []
    for block, zone, is_cancelled in split_events(decode_calendar(data)):
        try:
            if is_cancelled:
                raise InputError(_CANCELLED)
            events.append(_parse_event(block, zone))
        except InputError as error:
            left_out.append(f"{_find_name(block) or 'an event without a name'}: {error.message}")
    events = _drop_superseded(events)
    exceptions: dict[str, list[_ParsedEvent]] = {}
    for item in events:
        if item.event.get("recurrence-id") is not None:
            exceptions.setdefault(item.uid, []).append(item)
    uids = {item.uid for item in events if item.event.get("recurrence-id") is None}
    for item in events:
        if item.event.get("recurrence-id") is not None and item.uid in uids:
            continue
        try:
            days.append(_build_day(item, exceptions.get(item.uid, ())))
        except InputError as error:
            left_out.append(f"{item.name or 'an event without a name'}: {error.message}")
    return days, left_out


def _drop_superseded(events: list[_ParsedEvent]) -> list[_ParsedEvent]:
    latest: dict[tuple[str, str], int] = {}
    for item in events:
        latest[item.identity] = max(latest.get(item.identity, 0), item.sequence)
    return [item for item in events if not item.uid or item.sequence == latest[item.identity]]


# ---- an event as it is written ----------------------------------------------------------------


def _parse_event(block: list[str], zone: str) -> _ParsedEvent:
    if block[-1:] == [BROKEN]:
        raise InputError("the event has no end")
    lines = "\r\n".join(["BEGIN:VEVENT", *block, "END:VEVENT", ""])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the names of zones
            event = Event.from_ical(lines)
    except Exception as error:  # icalendar raises errors of many kinds for broken values
        raise InputError("the event can't be read") from error
    uid = str(_get_single(event, "uid") or "")
    return _ParsedEvent(_get_text(event, "summary"), uid, event, zone)


def _find_name(block: Iterable[str]) -> str:
    for line in block:
        if match := re.match(r"SUMMARY(?:;[^:]*)?:(.*)", line, re.IGNORECASE):
            return " ".join(match[1].replace("\\,", ",").replace("\\n", " ").split())[:200]
    return ""


def _get_single(event: Any, name: str) -> Any:
    value = event.get(name)
    return value[0] if isinstance(value, list) and value else value


def _get_text(event: Any, name: str) -> str:
    value = _get_single(event, name)
    text = "" if value is None else str(value)
    parameters = getattr(value, "params", {})
    if str(parameters.get("ENCODING", "")).upper() == "QUOTED-PRINTABLE":
        text = decode_text(quopri.decodestring(text.encode("latin-1", "replace")))[0]
    return " ".join(text.split())


# ---- an event -----------------------------------------------------------------------------------


def _build_day(item: _ParsedEvent, exceptions: Iterable[_ParsedEvent]) -> CalendarDay:
    event = item.event
    if not item.name:
        raise InputError("the event has no name")
    if _is_cancelled(event) or _CANCELLED_NAME.fullmatch(item.name):
        raise InputError(_CANCELLED)
    if event.get("exrule") is not None:
        raise InputError("a rule excludes some of its days, and an observance comes each year")
    start = _find_day(event, "dtstart", item.zone)
    if start is None:
        raise InputError("the event has no date")
    if not 1583 <= start.year <= 9000:  # the Gregorian calendar
        raise InputError("the event's year is impossible")
    day = CalendarDay(
        item.name,
        item.uid,
        _get_text(event, "description"),
        (start,),
        first_of=max(_measure_days(event, item.zone), 1),
    )
    rule = event.get("rrule")
    if isinstance(rule, list):
        raise InputError("the event's dates follow more than one rule")
    dates, is_endless = ({start}, False) if rule is None else _expand_rule(rule, start, item.zone)
    dates |= set(_list_dates(event, "rdate", item.zone))
    is_series = rule is not None or event.get("rdate") is not None
    removed = {
        excluded for excluded in _list_dates(event, "exdate", item.zone) if excluded in dates
    }
    moved: dict[date, date] = {}
    for exception in exceptions if is_series else ():
        _apply_exception(exception, dates, removed, moved)
    dates = {moved.get(value, value) for value in dates - removed}
    if not dates:
        raise InputError("all of its days are excluded")
    _check_years(dates, removed, moved, is_endless=is_endless)
    return replace(day, dates=tuple(sorted(dates)), is_series=is_series, is_endless=is_endless)


def _is_cancelled(event: Any) -> bool:
    return str(_get_single(event, "status") or "").strip().upper() in {"CANCELLED", "CANCELED"}


def _find_day(event: Any, name: str, calendar_zone: str) -> date | None:
    """Return the day that the property `name` states, or None if the event lacks this property.

    Outlook writes whole days as times from midnight to midnight. Raises InputError for any other
    time of day."""
    value = event.get(name)
    if value is None:
        return None
    if isinstance(value, list):
        raise InputError("the event has more than one date for its beginning")
    try:
        moment = value.dt
    except Exception as error:  # icalendar keeps a broken value and raises when it is read
        raise InputError("the event's date can't be read") from error
    if isinstance(moment, datetime):
        return _find_whole_day(event, moment, calendar_zone)
    if not isinstance(moment, date):
        raise InputError("the event's date can't be read")
    return moment


def _find_whole_day(event: Any, moment: datetime, calendar_zone: str) -> date:
    is_marked = str(event.get("x-microsoft-cdo-alldayevent", "")).strip().upper() == "TRUE"
    local = _localise(moment, calendar_zone)
    is_midnight = (local.hour, local.minute, local.second) == (0, 0, 0)
    if is_midnight and (is_marked or _measure_days(event, calendar_zone) > 0):
        return local.date()
    raise InputError("the event does not last whole days")


def _localise(moment: datetime, zone_name: str) -> datetime:
    """Return the moment as local time without a zone. A moment in UTC is converted to `zone_name`
    first."""
    zone = _find_zone(zone_name)
    if zone is not None and str(moment.tzinfo) in {"UTC", "Etc/UTC", "UTC+00:00"}:
        moment = moment.astimezone(zone)
    return moment.replace(tzinfo=None)


def _find_zone(name: str) -> ZoneInfo | None:
    """Return the zone that has this name in the tz database or in Windows, or None."""
    try:
        return ZoneInfo(WINDOWS_TO_OLSON.get(name, name)) if name else None
    except (ValueError, OSError, LookupError):
        return None


def _measure_days(event: Any, zone_name: str) -> int:
    """Return the event's length in days, or 0 if the event states no length or does not last whole
    days."""
    try:
        start, end, duration = event["dtstart"].dt, event.get("dtend"), event.get("duration")
        if end is None:
            length = duration.dt
        elif isinstance(start, datetime):
            length = _localise(end.dt, zone_name) - _localise(start, zone_name)
        else:
            length = end.dt - start
        return int(length.days) if length % timedelta(days=1) == timedelta(0) else 0
    except Exception:  # as above: the end is only needed for its length
        return 0


def _list_dates(event: Any, name: str, zone: str) -> list[date]:
    """Return the days of RDATE or EXDATE. Raises InputError for a value that can't be read."""
    values = event.get(name)
    if values is None:
        return []
    try:
        moments = [
            entry.dt
            for value in (values if isinstance(values, list) else [values])
            for entry in value.dts
        ]
    except Exception as error:  # as above
        raise InputError("one of the event's dates can't be read") from error
    days = [moment[0] if isinstance(moment, tuple) else moment for moment in moments]
    return [_take_day(day, zone) for day in days]


def _take_day(moment: date, zone: str) -> date:
    """Return the day of a moment on the calendar's clocks."""
    return _localise(moment, zone).date() if isinstance(moment, datetime) else moment


# ---- rules --------------------------------------------------------------------------------------


def _expand_rule(rule: Mapping[str, Any], start: date, zone: str) -> tuple[set[date], bool]:
    """Return (days, is_endless) of a rule that begins on `start`."""
    try:
        parts = {name.upper(): list(rule[name]) for name in rule}
        count = int(parts["COUNT"][0]) if "COUNT" in parts else 0
        until = parts.get("UNTIL", [None])[0]
        text = rule.to_ical().decode()  # type: ignore[attr-defined]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError("the event's rule can't be read") from error
    frequency = str(parts.get("FREQ", [""])[0]).upper()
    if frequency not in {"YEARLY", "MONTHLY"} or parts.keys() & {
        "BYHOUR", "BYMINUTE", "BYSECOND",
    }:  # fmt: skip
        raise InputError(_NO_RULE)
    last = start.year + (_LONGEST_RULE if count or until is not None else HORIZON)
    end = datetime(min(last, 9998), 12, 31)  # noqa: DTZ001  (days have no zone)
    if until is not None:
        last_day = _take_day(until, zone)
        end = min(end, datetime(last_day.year, last_day.month, last_day.day))  # noqa: DTZ001
    text = ";".join(part for part in text.split(";") if not part.upper().startswith("UNTIL="))
    try:
        begin = datetime(start.year, start.month, start.day)  # noqa: DTZ001
        moments = rrulestr(text, dtstart=begin).xafter(begin, inc=True)
        days: set[date] = set()
        for moment in moments:
            if moment > end:
                break
            days.add(moment.date())
            if len(days) > 2 * _LONGEST_RULE:
                raise InputError(_NO_RULE)
    except (ValueError, TypeError, KeyError, OverflowError, IndexError) as error:
        raise InputError("the event's rule can't be read") from error
    if not days:
        raise InputError("the event's rule names no day")
    return days, not count and until is None


def _apply_exception(
    exception: _ParsedEvent, dates: set[date], removed: set[date], moved: dict[date, date]
) -> None:
    """Record how an event with a RECURRENCE-ID changes a day of its series (§3.8.4.4)."""
    identifier = exception.event.get("recurrence-id")
    try:
        changed = identifier.dt
        is_for_rest = str(identifier.params.get("RANGE", "")).upper() == "THISANDFUTURE"
    except Exception as error:  # as above
        raise InputError("an exception to the event's rule can't be read") from error
    changed = _take_day(changed, exception.zone)
    if changed not in dates:
        return
    if is_for_rest:
        raise InputError(f"its rule changes on {changed}, and an observance has one rule")
    if _is_cancelled(exception.event):
        removed.add(changed)
        return
    day = _find_day(exception.event, "dtstart", exception.zone)
    if day is not None and day != changed:
        moved[changed] = day


def _check_years(
    dates: set[date], removed: set[date], moved: Mapping[date, date], *, is_endless: bool
) -> None:
    """Check that the event has one day in each year, and that no day was moved. Raises InputError,
    which names the moved day or the missing years."""
    years = sorted(day.year for day in dates)
    if moved:
        old, new = min(moved.items())
        raise InputError(f"its day {old} was moved to {new}, and an observance has one rule")
    if len(set(years)) < len(years):
        raise InputError(_NO_RULE)
    gaps = sorted({day.year for day in removed} & set(range(years[0], years[-1])))
    if gaps:
        raise InputError(
            f"it does not come in {', '.join(map(str, gaps))}, and an observance comes each year"
        )
