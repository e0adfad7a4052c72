"""The recipient that templates see: personal fields, with one for each of the office's own."""

from dataclasses import dataclass, make_dataclass
from functools import lru_cache
from typing import Any

from mailer.audience.reader_fields import get_fallback, load_fields
from mailer.config import Settings
from mailer.message import Slot, build_field_argument
from mailer.render.environment import PersonalField


@dataclass(frozen=True, slots=True)
class RecipientView:
    name: PersonalField
    address: PersonalField
    fields: Any


def build_recipient_view(marker: str, language: str, settings: Settings) -> RecipientView:
    """Return the recipient of a mail in `language`."""
    fields = load_fields(settings)
    view_type = _build_view_type(tuple(fields))
    return RecipientView(
        name=PersonalField(marker, Slot.NAME),
        address=PersonalField(marker, Slot.ADDRESS),
        fields=view_type(
            *(
                PersonalField(
                    marker,
                    Slot.FIELD,
                    build_field_argument(
                        field.name, field.field_type, language, get_fallback(field, language)
                    ),
                )
                for field in fields.values()
            )
        ),
    )


@lru_cache(maxsize=16)
def _build_view_type(names: tuple[str, ...]) -> type[Any]:
    """Build the class of a view with these fields. The sandbox refuses any other name."""
    return make_dataclass("FieldsView", names, frozen=True, slots=True)
