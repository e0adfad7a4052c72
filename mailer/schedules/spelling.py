"""Rules as staff write them, and back.

=================================================== ==============================================
written                                             is
=================================================== ==============================================
daily · every 3 days                                FREQ=DAILY, with an INTERVAL
weekdays · weekends                                 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR · SA,SU
weekly on Tue and Thu · every 2 weeks on Monday     FREQ=WEEKLY;BYDAY=…
monthly on the 1st and 15th · on the last day       FREQ=MONTHLY;BYMONTHDAY=… · -1
monthly on the first Monday · every 3 months on …   FREQ=MONTHLY;BYDAY=+1MO
yearly on 18 December                               FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=18
RRULE:FREQ=… (or without RRULE:)                    as RFC 5545 §3.3.10 has it
2027-12-18                                          that day alone
migrants-day: each weekday from 7 days before, then on the day    days around an observance
=================================================== ==============================================
"""

import re
from datetime import date

from mailer.errors import InputError
from mailer.schedules.observances import CODES, MONTHS, ORDINALS, WEEKDAYS
from mailer.schedules.rules import Around, Once, Recurring, Rule, Run, check

_ORDINALS = {word: f"{number:+}" for word, number in ORDINALS.items()}
_UNITS = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
_EACH = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}

HINT = (
    "such as 'daily', 'weekdays', 'weekly on Tue and Thu', 'monthly on the first Monday', "
    "'yearly on 18 December', '2027-12-18', 'RRULE:FREQ=…', or "
    "'migrants-day: each weekday from 7 days before, then on the day'"
)

_EVERY = re.compile(r"every (?:(\d+) )?(day|week|month|year)s?")
_AROUND = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*): *(.+)")
_BEFORE = re.compile(r"(\d+) days? (before|after)")
_RANGE = re.compile(
    r"each (day|weekday) (?:from (\d+) days? before(?: to (\d+) days? (before|after))?"
    r"|until (\d+) days? after)"
)


def parse(text: str, start: date) -> Rule:
    """The rule that `text` spells; a recurrence counts from `start`. Raises InputError."""
    said = " ".join(text.strip().split())
    low = said.lower()
    if low.startswith(("rrule:", "freq=")):
        return check(Recurring(said.split(":", 1)[-1].upper().rstrip(";"), start))
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", low):
        try:
            return Once(date.fromisoformat(low))
        except ValueError as error:
            raise InputError(f"there is no {low}", hint="give a day as YYYY-MM-DD") from error
    if found := _AROUND.fullmatch(low):
        return check(Around(found[1], _runs(found[2], text)))
    return check(Recurring(_rrule(low, text), start))


def _rrule(low: str, text: str) -> str:
    if low == "weekdays":
        return "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    if low == "weekends":
        return "FREQ=WEEKLY;BYDAY=SA,SU"
    head, _, on = low.partition(" on ")
    if found := _EVERY.fullmatch(head):
        interval, unit = int(found[1] or 1), found[2]
    elif head in _EACH:
        interval, unit = 1, _EACH[head]
    else:
        raise InputError(f"{text!r} is no schedule", hint=HINT)
    parts = [f"FREQ={_UNITS[unit]}"]
    if interval != 1:
        parts.append(f"INTERVAL={interval}")
    if on:
        parts += _on(unit, on, text)
    return ";".join(parts)


def _on(unit: str, on: str, text: str) -> list[str]:
    words = [one.removeprefix("the ") for one in re.split(r", and |,| and ", on) if one.strip()]
    words = [one.strip().removeprefix("the ") for one in words]
    match unit:
        case "week":
            return ["BYDAY=" + ",".join(CODES[_of(one, WEEKDAYS, text)] for one in words)]
        case "month":
            return _in_month(words, text)
        case "year" if len(words) == 1:
            if found := re.fullmatch(r"(\d{1,2}) ([a-z]+)", words[0]):
                month = _of(found[2], MONTHS, text) + 1
                return [f"BYMONTH={month}", f"BYMONTHDAY={int(found[1])}"]
            if found := re.fullmatch(r"(.+) of ([a-z]+)", words[0]):
                month = _of(found[2], MONTHS, text) + 1
                return [f"BYMONTH={month}", *_in_month([found[1]], text)]
    raise InputError(f"{text!r} is no schedule: {on!r} can't be read", hint=HINT)


def _in_month(words: list[str], text: str) -> list[str]:
    days: list[str] = []
    weekdays: list[str] = []
    for at, one in enumerate(words):
        if one in _ORDINALS and at + 1 < len(words):  # "the first and third Monday"
            one = f"{one} {words[at + 1].rpartition(' ')[2]}"
        if one == "last day":
            days.append("-1")
        elif found := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", one):
            days.append(str(int(found[1])))
        else:
            which, _, day = one.partition(" ")
            if which not in _ORDINALS:
                raise InputError(f"{text!r} is no schedule: {one!r} can't be read", hint=HINT)
            weekdays.append(_ORDINALS[which] + CODES[_of(day, WEEKDAYS, text)])
    if days and weekdays:
        raise InputError(
            f"{text!r} mixes days of the month with weekdays", hint="make two schedules of it"
        )
    return ["BYMONTHDAY=" + ",".join(days)] if days else ["BYDAY=" + ",".join(weekdays)]


def _of(word: str, known: tuple[str, ...], text: str) -> int:
    """The place of a name that is given whole, or by three letters at least."""
    word = word.removesuffix("s") if word.endswith("days") else word
    found = [at for at, name in enumerate(known) if len(word) >= 3 and name.startswith(word)]
    if len(found) != 1:
        raise InputError(f"{text!r} is no schedule: {word!r} can't be read", hint=HINT)
    return found[0]


def _runs(said: str, text: str) -> tuple[Run, ...]:
    runs: list[Run] = []
    for part in re.split(r",? then (?:one )?|, and |, | and ", said):
        if part in {"on the day", "the day", "that day"}:
            runs.append(Run(0, 0))
        elif found := _BEFORE.fullmatch(part):
            offset = int(found[1]) * (-1 if found[2] == "before" else 1)
            runs.append(Run(offset, offset))
        elif found := _RANGE.fullmatch(part):
            weekdays = found[1] == "weekday"
            if found[5]:
                runs.append(Run(1, int(found[5]), weekdays))
            else:
                last = int(found[3]) * (-1 if found[4] == "before" else 1) if found[3] else -1
                runs.append(Run(-int(found[2]), last, weekdays))
        else:
            raise InputError(f"{text!r} is no schedule: {part!r} can't be read", hint=HINT)
    return tuple(runs)


def spell(rule: Rule) -> str:
    """The rule as one would write it; :func:`parse` gives it back."""
    match rule:
        case Once():
            return rule.day.isoformat()
        case Recurring():
            friendly = _friendly(dict(part.split("=", 1) for part in rule.rrule.split(";")))
            return friendly if _says(friendly, rule.rrule) else f"RRULE:{rule.rrule}"
        case Around():
            return f"{rule.observance}: " + ", then ".join(map(_spell_run, rule.runs))


def _friendly(parts: dict[str, str]) -> str:
    """Words for the parts of an RRULE; what they say is to be checked. Empty for others."""
    units = {frequency: unit for unit, frequency in _UNITS.items()}
    if not parts.keys() <= {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH"}:
        return ""
    unit = units[parts["FREQ"]]
    every = {unit: name for name, unit in _EACH.items()}[unit]
    if "INTERVAL" in parts:
        every = f"every {parts['INTERVAL']} {unit}s"
    days = [_day_words(one) for one in parts.get("BYDAY", "").split(",") if one]
    days += [_date_words(one, unit) for one in parts.get("BYMONTHDAY", "").split(",")]
    named = [one for one in days if one]
    if unit == "week" and len(named) > 1 and every == "weekly":
        together = {5: "weekdays", 2: "weekends"}.get(len(named), "")
        if together and f"FREQ=WEEKLY;BYDAY={parts['BYDAY']}" == _rrule(together, together):
            return together
    if unit == "year" and named and parts.get("BYMONTH", "").isdigit():
        month = MONTHS[int(parts["BYMONTH"]) - 1].capitalize()
        return (
            f"{every} on {named[0]} {month}"
            if "BYMONTHDAY" in parts
            else (f"{every} on the {named[0]} of {month}")
        )
    if not named:
        return every
    the = "the " if unit == "month" else ""
    listed = [the + one for one in named]
    return f"{every} on " + " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))


def _says(friendly: str, rrule: str) -> bool:
    try:
        return _rrule(friendly.lower(), friendly) == rrule
    except InputError:
        return False


def _day_words(code: str) -> str:
    """``+1MO`` is the first Monday."""
    which = {sign: word for word, sign in _ORDINALS.items()}.get(code[:-2], "")
    if code[-2:] not in CODES:
        return ""
    day = WEEKDAYS[CODES.index(code[-2:])].capitalize()
    return f"{which} {day}" if which else day


def _date_words(number: str, unit: str) -> str:
    if number == "-1":
        return "last day"
    if unit == "year" or not number.isdigit():
        return number
    teens = number in {"11", "12", "13"}
    return number + ("th" if teens else {"1": "st", "2": "nd", "3": "rd"}.get(number[-1], "th"))


def _spell_run(run: Run) -> str:
    if run.first == run.last and not run.weekdays:
        return "on the day" if not run.first else _offset(run.first)
    each = "each weekday" if run.weekdays else "each day"
    if run.first == 1:
        return f"{each} until {_offset(run.last)}"
    if run.last == -1:
        return f"{each} from {_offset(run.first)}"
    return f"{each} from {_offset(run.first)} to {_offset(run.last)}"


def _offset(days: int) -> str:
    plural = "" if abs(days) == 1 else "s"
    return f"{abs(days)} day{plural} {'before' if days < 0 else 'after'}"
