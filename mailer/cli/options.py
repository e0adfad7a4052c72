"""Options and arguments that several commands share, and the parsing of their values."""

import os
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated

import typer

from mailer.actor import Actor, check_person_name
from mailer.cli.transactions import load_settings
from mailer.errors import InputError
from mailer.schedules import times_of_day

MAX_NUMBER = 2**63 - 1
"""The largest number that a database column or a LIMIT holds."""


_LANGUAGE_TEXT = re.compile(r"([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*)=(.*)", re.DOTALL)


def check_number(number: int | None) -> int | None:
    """Check that the database can hold a number, and return it. Raises BadParameter.

    Typer's own `max` would print all 19 digits of the limit in the help."""
    if number is not None and number > MAX_NUMBER:
        raise typer.BadParameter("the number is too large")
    return number


def check_numbers(numbers: list[int] | None) -> list[int] | None:
    """Check that the database can hold each of the numbers, and return them. Raises
    BadParameter."""
    for number in numbers or []:
        check_number(number)
    return numbers


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout; notes go to stderr.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would happen, and save nothing.")
]
ByOption = Annotated[
    str,
    typer.Option(
        "--by", help="A note in the log on who acts, beside the login; default: MAILER_ACTOR."
    ),
]
EditionNumber = Annotated[
    int, typer.Argument(help="The edition's number.", min=1, callback=check_number)
]
LimitOption = Annotated[
    int, typer.Option("--limit", help="The maximum number to show.", min=1, callback=check_number)
]
StorySlug = Annotated[str, typer.Argument(help="The story's slug.")]
DigestSlug = Annotated[str, typer.Argument(help="The digest's slug.")]


def parse_pairs(
    option_texts: list[str] | None,
    option: str,
    check: Callable[[str], str] = str,
    *,
    allow_empty: bool = False,
) -> dict[str, str]:
    """Parse ``KEY=VALUE`` options into a dictionary. Raises InputError, also for an empty value
    unless `allow_empty`."""
    values: dict[str, str] = {}
    for option_text in option_texts or []:
        key, sign, value = option_text.partition("=")
        if not sign or not key.strip() or not (value.strip() or allow_empty):
            raise InputError(f"{option_text!r} is not KEY=VALUE", where=option)
        values[check(key.strip())] = value.strip()
    return values


def parse_language_texts(
    option_texts: list[str] | None,
    option: str,
    default_language: str,
    *,
    allow_empty: bool = False,
) -> dict[str, str]:
    """Parse options that are ``LANGUAGE=TEXT``, or a text in the default language. Raises
    InputError, also for two texts in one language, and for an empty one unless `allow_empty`."""
    from mailer import languages

    texts: dict[str, str] = {}
    for option_text in option_texts or []:
        match = _LANGUAGE_TEXT.fullmatch(option_text.strip())
        language = languages.normalise_tag(match[1]) if match else default_language
        if language in texts:
            raise InputError(f"there are two texts in {language}", where=option)
        texts[language] = (match[2] if match else option_text).strip()
        if not texts[language] and not allow_empty:
            raise InputError(f"the text in {language} is empty", where=option)
    return texts


def parse_changes(option_texts: list[str] | None, option: str) -> dict[str, str] | None:
    """Parse ``LANGUAGE=TEXT`` options that change translations; an empty text removes that of its
    language. Return None if the option was not given. Raises InputError."""
    return None if option_texts is None else parse_pairs(option_texts, option, allow_empty=True)


def parse_local_time(text: str, option: str) -> datetime:
    """Parse a wall-clock time to the minute, such as ``2026-12-18 09:00`` or ``2026-12-18 9am``.
    Raises InputError."""
    try:
        day_text, _, time_text = text.strip().replace("T", " ").partition(" ")
        return datetime.combine(
            date.fromisoformat(day_text), times_of_day.parse_time_of_day(time_text)
        )
    except (ValueError, InputError) as error:
        hint = error.hint if isinstance(error, InputError) and "noon" in error.message else ""
        raise InputError(
            f"{text!r} is not a local time",
            where=option,
            hint=hint or "write it as '2026-12-18 09:00'",
        ) from error


def resolve_actor(by: str) -> Actor:
    """Return the person who acts: the login of the effective user of this process. --by or
    MAILER_ACTOR is only a note for the log. Raises InputError for a note that
    ``check_person_name`` refuses, and ConfigError for invalid settings."""
    from mailer.app.staff import build_staff_directory, find_login

    note = by or os.environ.get("MAILER_ACTOR", "")
    if note:
        try:
            note = check_person_name(note)
        except InputError as error:
            place = "--by" if by else "MAILER_ACTOR"
            hint = error.hint if by else "set MAILER_ACTOR to the name of the person who acts"
            raise InputError(error.message, where=place, hint=hint) from error
    return build_staff_directory(load_settings()).identify_login(find_login(), note)
