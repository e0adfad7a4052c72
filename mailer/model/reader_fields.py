"""The fields of readers that an office declares in its settings.

A value is stored as a text in one spelling: a number such as ``12.5``, a day such as
``2026-12-18``, a choice as it is declared. ``mailer/audience/reader_fields.py`` parses values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailer.field_types import FieldType


@dataclass(frozen=True, slots=True)
class ReaderField:
    """A declared field. `labels` and `fallbacks` are by language. A fallback is what mails print
    for readers without a value."""

    name: str
    field_type: FieldType
    labels: Mapping[str, str]
    choices: tuple[str, ...] = ()
    fallbacks: Mapping[str, str] = field(default_factory=dict)


ReaderFields = Mapping[str, ReaderField]
"""The declared fields, by name, in the order of the settings."""

NO_FIELDS: ReaderFields = {}
