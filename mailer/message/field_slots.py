"""Slots of the office's own fields of readers.

The argument of such a slot is ``NAME|TYPE|LANGUAGE|DEFAULT``. All that a message needs stands in
it, so that a frozen body needs no settings: a field that was removed from the settings since is
still printed in mails that were approved before.
"""

import json
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache

from mailer import languages
from mailer.field_types import FieldType
from mailer.lines import holds_visible
from mailer.message.slots import Slot
from mailer.model.editions import EditionBody


def build_field_argument(name: str, field_type: FieldType, language: str, default: str) -> str:
    """Return the argument of a slot. `language` decides how dates and numbers are written, and
    `default` is printed for readers without a value."""
    return f"{name}|{field_type}|{language}|{default}"


def replace_default(argument: str, default: str) -> str:
    """Return the argument with another text for readers without a value."""
    return "|".join((*argument.split("|", 3)[:3], default))


def get_default(argument: str) -> str:
    """Return the text of a slot for readers without a value."""
    return argument.split("|", 3)[3]


def fill_field(argument: str, values: str) -> str:
    """Return the text of a slot for a reader. `values` are the fields of a delivery: a JSON object,
    or an empty text."""
    name, field_type, language, default = argument.split("|", 3)
    value = json.loads(values).get(name) if values else None
    if not value or not holds_visible(value):
        return default
    return format_value(value, FieldType(field_type), language)


@lru_cache(maxsize=4096)
def format_value(value: str, field_type: FieldType, language: str) -> str:
    """Format a stored value for readers of `language`. A value that was stored under another type
    stays as it is."""
    try:
        if field_type is FieldType.DATE:
            from babel.dates import format_date  # takes 0.1 s, and most commands need no dates

            locale = languages.get_format_locale(language)
            return str(format_date(date.fromisoformat(value), "long", locale=locale))
        if field_type is FieldType.NUMBER:
            from babel.numbers import format_decimal

            locale = languages.get_format_locale(language)
            return str(format_decimal(Decimal(value), locale=locale, decimal_quantization=False))
    except (ValueError, ArithmeticError):
        pass
    return value


def find_field_names(bodies: Iterable[EditionBody]) -> frozenset[str]:
    """Return the names of the fields that bodies print."""
    names: set[str] = set()
    for body in bodies:
        pattern = re.compile(rf"{body.marker}{Slot.FIELD}((?:[0-9a-f]{{2}})*)z")
        for text in (body.subject, body.text, body.html):
            names |= {
                bytes.fromhex(match[1]).decode().partition("|")[0]
                for match in pattern.finditer(text)
            }
    return frozenset(names)
