"""The types of the fields of readers that an office declares in its settings."""

from enum import StrEnum


class FieldType(StrEnum):
    """The type of a field's values."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
