"""Parse rules as staff write them, and format them.

=================================================== ==============================================
written                                             meaning
=================================================== ==============================================
daily · every 3 days                                FREQ=DAILY, with an INTERVAL
weekdays · weekends                                 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR · SA,SU
weekly on Tue and Thu · every 2 weeks on Monday     FREQ=WEEKLY;BYDAY=…
monthly on the 1st and 15th · on the last day       FREQ=MONTHLY;BYMONTHDAY=… · -1
monthly on the first Monday · every 3 months on …   FREQ=MONTHLY;BYDAY=+1MO
yearly on 18 December                               FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=18
RRULE:FREQ=… (or without RRULE:)                    as in RFC 5545 §3.3.10
2027-12-18                                          only that day
migrants-day: each weekday from 7 days before, then on the day    days around an observance
on migrants-day                                     migrants-day: on the day
=================================================== ==============================================

:mod:`mailer.schedules.rule_words` has other words for these.
"""

import re
from datetime import date

from mailer.errors import InputError
from mailer.schedules import rule_words
from mailer.schedules.observances import CODES, MONTHS, ORDINALS, WEEKDAYS
from mailer.schedules.rules import (
    DayRange,
    ObservanceRule,
    RecurringRule,
    Rule,
    SingleDayRule,
    check_rule,
)

_ORDINALS = {word: f"{number:+}" for word, number in ORDINALS.items()}
_UNITS = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_EACH = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}

HINT = (
    "write such as 'daily', 'weekdays', 'every Thursday', 'weekly on Tue and Thu', "
    "'monthly on the first Monday', 'yearly on 18 December', '2027-12-18', 'RRULE:FREQ=…', or "
    "'migrants-day: each weekday from 7 days before, then on the day'"
)

_EVERY = re.compile(r"every (?:(\d+) )?(day|week|month|year)s?")
_AROUND = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*): *(.+)")
_BEFORE = re.compile(r"(\d+) days? (before|after)")
_RANGE = re.compile(
    r"each (day|weekday) (?:from (\d+) days? before(?: to (\d+) days? (before|after))?"
    r"|until (\d+) days? after)"
)


def parse_rule(text: str, start: date) -> Rule:
    """Parse a rule; a recurrence counts from `start`. Raises InputError for an invalid rule."""
    normalised = " ".join(text.strip().split())
    lowered = normalised.lower()
    if lowered.startswith(("rrule:", "freq=")):
        return check_rule(RecurringRule(normalised.split(":", 1)[-1].upper().rstrip(";"), start))
    lowered = rule_words.translate_rule(lowered)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", lowered):
        try:
            return SingleDayRule(date.fromisoformat(lowered))
        except ValueError as error:
            raise InputError(f"there is no {lowered}", hint="write a day as YYYY-MM-DD") from error
    if match := _AROUND.fullmatch(lowered):
        return check_rule(ObservanceRule(match[1], _parse_day_ranges(match[2], text)))
    return check_rule(RecurringRule(_to_rrule(lowered, text), start))


def _to_rrule(lowered: str, text: str) -> str:
    if lowered == "weekdays":
        return "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    if lowered == "weekends":
        return "FREQ=WEEKLY;BYDAY=SA,SU"
    frequency_text, _, days_text = lowered.partition(" on ")
    if match := _EVERY.fullmatch(frequency_text):
        interval, unit = int(match[1] or 1), match[2]
    elif frequency_text in _EACH:
        interval, unit = 1, _EACH[frequency_text]
    else:
        raise InputError(f"{text!r} is not a schedule", hint=HINT)
    parts = [f"FREQ={_UNITS[unit]}"]
    if interval != 1:
        parts.append(f"INTERVAL={interval}")
    if days_text:
        parts += _parse_days(unit, days_text, text)
    return ";".join(parts)


def _parse_days(unit: str, days_text: str, text: str) -> list[str]:
    words = [
        word.removeprefix("the ") for word in re.split(r", and |,| and ", days_text) if word.strip()
    ]
    words = [word.strip().removeprefix("the ") for word in words]
    match unit:
        case "week":
            return [
                "BYDAY=" + ",".join(CODES[_find_name_index(word, WEEKDAYS, text)] for word in words)
            ]
        case "month":
            return _parse_month_days(words, text)
        case "year" if len(words) == 1:
            if match := re.fullmatch(r"(\d{1,2}) ([a-z]+)", words[0]):
                month = _find_name_index(match[2], MONTHS, text) + 1
                return [f"BYMONTH={month}", f"BYMONTHDAY={int(match[1])}"]
            if match := re.fullmatch(r"(.+) of ([a-z]+)", words[0]):
                month = _find_name_index(match[2], MONTHS, text) + 1
                return [f"BYMONTH={month}", *_parse_month_days([match[1]], text)]
    raise InputError(f"{text!r} is not a schedule: {days_text!r} can't be read", hint=HINT)


def _parse_month_days(words: list[str], text: str) -> list[str]:
    days: list[str] = []
    weekdays: list[str] = []
    for index, word in enumerate(words):
        if word in _ORDINALS and index + 1 < len(words):  # "the first and third Monday"
            word = f"{word} {words[index + 1].rpartition(' ')[2]}"
        if word == "last day":
            days.append("-1")
        elif match := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", word):
            days.append(str(int(match[1])))
        else:
            ordinal, _, day = word.partition(" ")
            if ordinal not in _ORDINALS:
                raise InputError(f"{text!r} is not a schedule: {word!r} can't be read", hint=HINT)
            weekdays.append(_ORDINALS[ordinal] + CODES[_find_name_index(day, WEEKDAYS, text)])
    if days and weekdays:
        raise InputError(
            f"{text!r} mixes days of the month with weekdays", hint="make two schedules"
        )
    return ["BYMONTHDAY=" + ",".join(days)] if days else ["BYDAY=" + ",".join(weekdays)]


def _find_name_index(word: str, names: tuple[str, ...], text: str) -> int:
    """Return the index of a name, which may be abbreviated to its first three or more letters.

    Raises InputError if `word` matches no name, or several."""
    word = word.removesuffix("s") if word.endswith("days") else word
    indexes = [
        index for index, name in enumerate(names) if len(word) >= 3 and name.startswith(word)
    ]
    if len(indexes) != 1:
        raise InputError(f"{text!r} is not a schedule: {word!r} can't be read", hint=HINT)
    return indexes[0]


def _parse_day_ranges(ranges_text: str, text: str) -> tuple[DayRange, ...]:
    day_ranges: list[DayRange] = []
    for part in re.split(r",? then (?:one )?|, and |, | and ", ranges_text):
        if part in {"on the day", "the day", "that day"}:
            day_ranges.append(DayRange(0, 0))
        elif match := _BEFORE.fullmatch(part):
            offset = int(match[1]) * (-1 if match[2] == "before" else 1)
            day_ranges.append(DayRange(offset, offset))
        elif match := _RANGE.fullmatch(part):
            weekdays = match[1] == "weekday"
            if match[5]:
                day_ranges.append(DayRange(1, int(match[5]), weekdays))
            else:
                last = int(match[3]) * (-1 if match[4] == "before" else 1) if match[3] else -1
                day_ranges.append(DayRange(-int(match[2]), last, weekdays))
        else:
            raise InputError(f"{text!r} is not a schedule: {part!r} can't be read", hint=HINT)
    return tuple(day_ranges)


def format_rule(rule: Rule) -> str:
    """Format a rule in the way that staff write it, so that :func:`parse_rule` can read it."""
    match rule:
        case SingleDayRule():
            return rule.day.isoformat()
        case RecurringRule():
            description = _describe_parts(
                dict(part.split("=", 1) for part in rule.rrule.split(";"))
            )
            return description if _matches_rrule(description, rule.rrule) else f"RRULE:{rule.rrule}"
        case ObservanceRule():
            return f"{rule.observance}: " + ", then ".join(map(_format_day_range, rule.day_ranges))


def _describe_parts(parts: dict[str, str]) -> str:
    """Describe the parts of an RRULE in words, or return "" if words can't express them.

    The caller must parse the description, as it may describe another rule."""
    units = {frequency: unit for unit, frequency in _UNITS.items()}
    if not parts.keys() <= {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH"}:
        return ""
    unit = units[parts["FREQ"]]
    frequency_text = {unit: name for name, unit in _EACH.items()}[unit]
    if "INTERVAL" in parts:
        frequency_text = f"every {parts['INTERVAL']} {unit}s"
    days = [_format_weekday(word) for word in parts.get("BYDAY", "").split(",") if word]
    days += [_format_month_day(word, unit) for word in parts.get("BYMONTHDAY", "").split(",")]
    day_words = [word for word in days if word]
    if unit == "week" and len(day_words) > 1 and frequency_text == "weekly":
        short_name = {5: "weekdays", 2: "weekends"}.get(len(day_words), "")
        if short_name and f"FREQ=WEEKLY;BYDAY={parts['BYDAY']}" == _to_rrule(
            short_name, short_name
        ):
            return short_name
    if unit == "year" and day_words and parts.get("BYMONTH", "").isdigit():
        month = MONTHS[int(parts["BYMONTH"]) - 1].capitalize()
        return (
            f"{frequency_text} on {day_words[0]} {month}"
            if "BYMONTHDAY" in parts
            else (f"{frequency_text} on the {day_words[0]} of {month}")
        )
    if not day_words:
        return frequency_text
    article = "the " if unit == "month" else ""
    listed_words = [article + word for word in day_words]
    return f"{frequency_text} on " + " and ".join(
        filter(None, [", ".join(listed_words[:-1]), listed_words[-1]])
    )


def _matches_rrule(description: str, rrule: str) -> bool:
    try:
        return _to_rrule(description.lower(), description) == rrule
    except InputError:
        return False


def _format_weekday(code: str) -> str:
    """Format a code and its ordinal: ``+1MO`` is "first Monday". Returns "" for an unknown code."""
    ordinal = {sign: word for word, sign in _ORDINALS.items()}.get(code[:-2], "")
    if code[-2:] not in CODES:
        return ""
    day = WEEKDAYS[CODES.index(code[-2:])].capitalize()
    return f"{ordinal} {day}" if ordinal else day


def _format_month_day(number: str, unit: str) -> str:
    if number == "-1":
        return "last day"
    if unit == "year" or not number.isdigit():
        return number
    is_teen = number in {"11", "12", "13"}
    return number + ("th" if is_teen else {"1": "st", "2": "nd", "3": "rd"}.get(number[-1], "th"))


def _format_day_range(day_range: DayRange) -> str:
    if day_range.first == day_range.last and not day_range.weekdays:
        return "on the day" if not day_range.first else _format_offset(day_range.first)
    unit_text = "each weekday" if day_range.weekdays else "each day"
    if day_range.first == 1:
        return f"{unit_text} until {_format_offset(day_range.last)}"
    if day_range.last == -1:
        return f"{unit_text} from {_format_offset(day_range.first)}"
    return f"{unit_text} from {_format_offset(day_range.first)} to {_format_offset(day_range.last)}"


def _format_offset(days: int) -> str:
    plural = "" if abs(days) == 1 else "s"
    return f"{abs(days)} day{plural} {'before' if days < 0 else 'after'}"
