"""The columns of a table of people that hold the office's own fields."""

from collections.abc import Mapping, Sequence

from mailer.audience.imports.columns import ALIASES, normalise_header
from mailer.errors import InputError, NextStep
from mailer.model.reader_fields import ReaderFields


def find_field_columns(
    header: Sequence[str], mapping: Mapping[str, str], fields: ReaderFields
) -> dict[int, str]:
    """Return the names of the fields that columns hold, by the columns' indexes: by `mapping`
    (header -> content) first, then by the names and labels of the fields.

    Raises InputError if two columns hold the same field, and if a header is a field's label and
    also means something else: the mapping must then say which."""
    names = _index_names(fields)
    columns: dict[int, str] = {}
    for index, head in enumerate(header):
        content = mapping.get(head)
        if content is None:
            name = names.get(normalise_header(head))
            if name and (alias := ALIASES.get(normalise_header(head))):
                raise InputError(
                    f"the column {head!r} may hold the field {name} or the {alias}",
                    where="line 1",
                    hint="map its header to the one that it holds",
                    next_steps=[NextStep("map_column", content=name)],
                )
        else:
            name = content.strip() if content.strip() in fields else None
        if name is None:
            continue
        if name in columns.values():
            raise InputError(
                f"two columns hold the field {name}",
                where="line 1",
                hint="rename one of them, or ignore it",
                next_steps=[NextStep("map_column", content=name)],
            )
        columns[index] = name
    return columns


def _index_names(fields: ReaderFields) -> dict[str, str]:
    """Return the fields' names by their names and labels in the form of headers. A label of two
    fields means neither."""
    names: dict[str, str] = {}
    ambiguous: set[str] = set()
    for field in fields.values():
        for label in field.labels.values():
            key = normalise_header(label)
            if names.setdefault(key, field.name) != field.name:
                ambiguous.add(key)
    names = {key: name for key, name in names.items() if key and key not in ambiguous}
    return names | {normalise_header(name): name for name in fields}
