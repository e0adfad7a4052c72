"""Observances: named days with a rule, such as International Migrants Day on 18 December."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from dateutil.easter import easter

from mailer import languages
from mailer.errors import InputError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
"""Codes of the weekdays in an RRULE (RFC 5545 §3.3.10)."""

ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}

_FIXED = re.compile(rf"(\d{{1,2}}) ({'|'.join(MONTHS)})")
_NTH = re.compile(rf"({'|'.join(ORDINALS)}) ({'|'.join(WEEKDAYS)}) of ({'|'.join(MONTHS)})")
_EASTER = re.compile(r"easter(?: ([+-]) (\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Observance:
    """A day that comes each year.

    `rule` is, for example, ``18 december``, ``third thursday of november``, ``last friday of
    march`` or ``easter + 1``. `since` and `until` are its first and last year; 0 means no limit.
    `names` are by language. `source` is the document that establishes the day."""

    slug: str
    rule: str
    names: Mapping[str, str] = field(hash=False)
    source: str = ""
    since: int = 0
    until: int = 0

    def get_name(self, language: str) -> str:
        return self.names[languages.choose_language(language, sorted(self.names), "en")]

    def find_date(self, year: int) -> date | None:
        """Return the date in a year, or None in a year without the day.

        There is none before `since` or after `until`, nor for 29 February in most years."""
        if year < self.since or (self.until and year > self.until):
            return None
        return find_date_by_rule(self.rule, year)


def find_date_by_rule(rule: str, year: int) -> date | None:
    """Return the date that a rule names in a year, or None. Raises InputError for an invalid
    rule."""
    if match := _FIXED.fullmatch(rule):
        day, month = int(match[1]), MONTHS.index(match[2]) + 1
        try:
            return date(year, month, day)
        except ValueError:
            if (day, month) == (29, 2):
                return None
            raise InputError(f"there is no {rule}") from None
    if match := _NTH.fullmatch(rule):
        return _find_nth_weekday(
            year, MONTHS.index(match[3]) + 1, WEEKDAYS.index(match[2]), ORDINALS[match[1]]
        )
    if match := _EASTER.fullmatch(rule):
        days = int(match[2] or 0) * (-1 if match[1] == "-" else 1)
        return easter(year) + timedelta(days=days)
    raise InputError(
        f"{rule!r} is not a rule for a yearly day",
        hint="write such as '18 december', 'third thursday of november', 'last friday of march' or "
        "'easter + 1'",
    )


def _find_nth_weekday(year: int, month: int, weekday: int, ordinal: int) -> date | None:
    if ordinal > 0:
        first = date(year, month, 1)
        day = first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (ordinal - 1))
        return day if day.month == month else None
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=(following.weekday() - weekday - 1) % 7 + 1)


def check_observance(observance: Observance) -> Observance:
    """Check and return an observance.

    Raises InputError for an invalid slug, rule or language, for a rule that never names a day, and
    for a missing English name."""
    if not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", observance.slug):
        raise InputError(
            f"{observance.slug!r} can't be an observance's name",
            hint="use lower-case letters, digits and single hyphens, such as migrants-day",
        )
    if "en" not in observance.names:
        raise InputError(
            "the observance has no English name", where=f"observance {observance.slug}"
        )
    for language in observance.names:
        languages.normalise_tag(language)
    start = max(observance.since, 2000)
    if all(observance.find_date(year) is None for year in range(start, start + 9)):
        raise InputError(
            "the day never comes", where=f"observance {observance.slug}", hint="check its rule"
        )
    return observance


def parse_observances(tables: Mapping[str, tuple[object, object]]) -> dict[str, Observance]:
    """Read observances from `tables`, which map a slug to (table, file).

    Raises InputError that names file and table."""
    return {
        slug: _parse_observance(slug, table, f"{file}, [{slug}]")
        for slug, (table, file) in tables.items()
    }


def _parse_observance(slug: str, table: object, where: str) -> Observance:
    if not isinstance(table, dict):
        raise InputError(
            "the entry is not a table", where=where, hint="see config/observances.toml"
        )
    words = {name: table.get(name, "") for name in ("rule", "source")}
    years = {name: table.get(name, 0) for name in ("since", "until")}
    names = {name: value for name, value in table.items() if name not in {*words, *years}}
    for name, value in {**words, **names}.items():
        if not isinstance(value, str) or (name in names and not value.strip()):
            raise InputError(f"{name} is {value!r}", where=where, hint="write a text in quotes")
    for name, year in years.items():
        if not isinstance(year, int) or isinstance(year, bool) or not 0 <= year <= 9999:
            raise InputError(f"{name} is {year!r}", where=where, hint="write a year, such as 2000")
    try:
        return check_observance(
            Observance(slug, words["rule"].lower(), names, words["source"], **years)
        )
    except InputError as error:
        error.where = where
        raise


def to_toml(observance: Observance) -> str:
    """Return an observance as a TOML table, which :func:`parse_observances` reads."""
    lines = [f"[{observance.slug}]", f"rule = {_quote_toml(observance.rule)}"]
    if observance.source:
        lines.append(f"source = {_quote_toml(observance.source)}")
    for name, year in (("since", observance.since), ("until", observance.until)):
        if year:
            lines.append(f"{name} = {year}")
    lines += [f"{language} = {_quote_toml(name)}" for language, name in observance.names.items()]
    return "\n".join(lines) + "\n"


def _quote_toml(text: str) -> str:
    """Return a basic string of TOML. JSON can write it, since its escapes are a subset of
    TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
