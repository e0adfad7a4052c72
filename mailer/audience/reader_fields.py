"""Fields of readers that an office declares in its settings: parsing and showing their values.

Values of a field that the settings no longer declare stay stored until they are erased. They are
shown to staff, and can't be used.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from mailer import languages
from mailer.audience.imports.dates import DateOrder, parse_date
from mailer.audience.lists import check_line
from mailer.errors import InputError
from mailer.field_types import FieldType
from mailer.lines import holds_visible
from mailer.model.reader_fields import ReaderField, ReaderFields

if TYPE_CHECKING:
    from mailer.config import Settings

MAX_VALUE_LENGTH = 500
"""Maximum number of characters of a value."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?")


def load_fields(settings: "Settings") -> ReaderFields:
    """Return the fields that the settings declare, by name."""
    return {
        name: ReaderField(
            name, section.type, section.labels, section.choices, dict(section.fallback)
        )
        for name, section in settings.fields.items()
    }


def get_field(fields: ReaderFields, name: str) -> ReaderField:
    """Return the declared field with this name. Raises InputError."""
    if name in fields:
        return fields[name]
    raise InputError(
        f"there is no field {name!r} in the settings",
        field="fields",
        value=name,
        hint=f"use one of {', '.join(fields)}" if fields else "declare it as [fields.NAME]",
    )


def parse_values(fields: ReaderFields, texts: Mapping[str, str]) -> dict[str, str]:
    """Parse texts by the names of their fields. An empty text stays empty. Raises InputError for an
    undeclared field, and for a value that its type does not allow."""
    values: dict[str, str] = {}
    for name, text in texts.items():
        field = get_field(fields, name)
        try:
            values[name] = parse_value(field, text) if text.strip() else ""
        except InputError as error:
            raise InputError(error.message, field=name, value=text, hint=error.hint) from error
    return values


def parse_iso_day(text: str) -> str:
    """Return a day that is written as 2026-12-18. Raises InputError."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError(f"{text!r} is not a date", hint="write it as 2026-12-18") from error


def parse_day_of_file(text: str, order: DateOrder | None) -> str:
    """Return a day that a file of people states, in one of the spellings that imports know. `order`
    is that of the file's dates, or None if it is unknown. Raises InputError."""
    moment = parse_date(text, order)
    if moment is None and parse_date(text, DateOrder.DAY_FIRST):
        raise InputError(
            f"{text!r} may have the day or the month first", hint="write it as 2026-12-18"
        )
    if moment is None:
        raise InputError(f"{text!r} is not a date", hint="write it as 2026-12-18")
    return moment.date().isoformat()


def parse_value(
    field: ReaderField, text: str, parse_day: Callable[[str], str] = parse_iso_day
) -> str:
    """Return the stored spelling of a value that is not empty. Raises InputError, which says how
    the value should be written. An import has its own `parse_day`."""
    match field.field_type:
        case FieldType.NUMBER:
            return _parse_number(text.strip())
        case FieldType.DATE:
            return parse_day(text.strip())
        case FieldType.CHOICE:
            return _parse_choice(field, text)
        case _:
            return _parse_text(text)


def _parse_text(text: str) -> str:
    line = check_line(text, "")
    if not holds_visible(line):
        raise InputError("it has no visible character", hint="give it some text")
    if len(line) > MAX_VALUE_LENGTH:
        raise InputError(f"it is longer than {MAX_VALUE_LENGTH} characters", hint="shorten it")
    return line


def _parse_number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise InputError(f"{text!r} is not a number", hint="write it as 1200 or 12.5")
    if re.match(r"[+-]?0[0-9]", text):
        raise InputError(
            f"{text!r} begins with a zero, which a number would lose",
            hint="write the number without it, or declare the field as text",
        )
    number = Decimal(text)
    plain = f"{number:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if number == 0 else plain


def _parse_choice(field: ReaderField, text: str) -> str:
    folded = " ".join(text.split()).casefold()
    for choice in field.choices:
        if choice.casefold() == folded:
            return choice
    raise InputError(f"{text!r} is not one of {', '.join(field.choices)}")


def get_label(field: ReaderField, language: str) -> str:
    """Return a field's name in words for staff: in `language`, otherwise in another language, or
    its name."""
    return languages.choose_text(field.labels, language)[0] if field.labels else field.name


def get_fallback(field: ReaderField, language: str) -> str:
    """Return what mails in `language` print for readers without a value, or an empty text."""
    if not field.fallbacks:
        return ""
    tag = languages.choose_language(language, sorted(field.fallbacks), "")
    return field.fallbacks.get(tag, "")


def merge_values(stored: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return stored values with new ones. An empty new value removes the stored one."""
    merged = {**stored, **new}
    return {name: value for name, value in sorted(merged.items()) if value}
