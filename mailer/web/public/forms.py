"""What a form sent: ``application/x-www-form-urlencoded``, as browsers send what has no files."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

MAX_FIELDS = 500


class SubmittedForm:
    """Fields by name, each with all its values. What can't be read is as if it weren't there."""

    def __init__(self, body: bytes) -> None:
        try:
            self._fields: Mapping[str, Sequence[str]] = parse_qs(
                body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS
            )
        except ValueError:  # too many fields
            self._fields = {}

    def get_value(self, name: str) -> str:
        """The first value, without spaces around it; empty where there is none."""
        return next(iter(self._fields.get(name, ())), "").strip()

    def get_values(self, name: str) -> tuple[str, ...]:
        """All values, each once, without empty ones."""
        return tuple(
            dict.fromkeys(one.strip() for one in self._fields.get(name, ()) if one.strip())
        )

    def __contains__(self, name: str) -> bool:
        return name in self._fields
