"""The section of the settings that declares an office's own fields of readers."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from mailer.config.sections import LanguageTag, OneLine, RequiredLine
from mailer.field_types import FieldType

MAX_FIELDS = 20
"""Maximum number of declared fields. An import notes in one number of 63 bits which fields of a
person the earlier lines of a file fill."""

RESERVED_NAMES = frozenset(
    {
        "address", "after", "and", "beat", "before", "blocked", "bounced", "complained",
        "confirmed", "country", "deleted", "disabled", "evidence", "first_name", "follow_up",
        "frequency", "ignore", "ignored", "in", "is", "joined", "language", "last_name", "left",
        "list_language", "name", "not", "opted_in", "opted_out", "or", "outlet", "paused_until",
        "reason", "refused", "sent", "set", "state", "status", "suppression_reason", "tag", "tags",
        "time_zone", "topic", "topics", "trust", "within",
    }
)  # fmt: skip
"""Names that filters, imports or exports use for something else."""


def _check_field_name(value: str) -> str:
    letters = value.replace("_", "a")
    is_plain = letters.isascii() and letters.isalnum() and letters == letters.lower()
    if not is_plain or not value[0].isalpha() or len(value) > 40:
        raise ValueError(
            "must begin with a small letter, and have at most 40 small letters, digits and _"
        )
    if value in RESERVED_NAMES:
        raise ValueError(f"can't be {value!r}, which imports and filters use for something else")
    return value


FieldName = Annotated[
    str,
    AfterValidator(_check_field_name),
    WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"}),
]


class FieldSection(BaseModel):
    """A field of readers. `labels`: its name in the languages of staff and files. `choices`: the
    values of a field of the type choice. `fallback`: by language, the text that mails print for
    readers who have no value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: FieldType = FieldType.TEXT
    labels: dict[LanguageTag, RequiredLine] = {}
    choices: Annotated[tuple[RequiredLine, ...], Field(max_length=200)] = ()
    fallback: dict[LanguageTag, OneLine] = {}

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        if (self.type is FieldType.CHOICE) != bool(self.choices):
            raise ValueError("a field of the type choice, and no other, has choices")
        if len({choice.casefold() for choice in self.choices}) != len(self.choices):
            raise ValueError("two choices differ only in capitals, or not at all")
        return self
