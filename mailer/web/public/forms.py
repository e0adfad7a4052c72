"""Read a submitted form in ``application/x-www-form-urlencoded``, which browsers use for forms
without files."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

FORM_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 500


class SubmittedForm:
    """The fields of a form by name, each with all its values.

    For a body that cannot be read, there are no fields, and no error is raised."""

    def __init__(self, body: bytes) -> None:
        try:
            self._fields: Mapping[str, Sequence[str]] = parse_qs(
                body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS
            )
        except ValueError:  # too many fields
            self._fields = {}

    def get_value(self, name: str) -> str:
        """Return the field's first value without spaces around it, or "" if it has none."""
        return next(iter(self._fields.get(name, ())), "").strip()

    def get_values(self, name: str) -> tuple[str, ...]:
        """Return the field's values without empty and repeated ones."""
        values = (value.strip() for value in self._fields.get(name, ()))
        return tuple(dict.fromkeys(value for value in values if value))

    def __contains__(self, name: str) -> bool:
        return name in self._fields
