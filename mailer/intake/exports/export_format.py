"""The code that the formats of other programs share."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from mailer.audience.imports.rows import ImportColumn, map_columns, normalise_header
from mailer.audience.subscribers import check_person
from mailer.errors import InputError
from mailer.intake.csv_reader import CsvLine
from mailer.model.imports import RowState
from mailer.model.subscribers import Person


class ExportFormat:
    """The base of all formats.

    `own_heads` are the columns that only this program writes, given by the letters of their names.
    `ignored_heads` are columns that only this program can use."""

    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default_state: RowState,
        *,
        aliases: Mapping[str, ImportColumn],
        own_heads: frozenset[str],
        ignored_heads: frozenset[str] = frozenset(),
    ) -> None:
        own_heads -= {normalise_header(head) for head in mapping}
        self.columns = map_columns(header, mapping, aliases)
        self.topics = topics
        self.default_state = default_state
        self.own_columns = {
            normalise_header(head): index
            for index, head in enumerate(header)
            if normalise_header(head) in own_heads
        }
        self.passed_over: Counter[str] = Counter(
            {
                head: 0
                for index, head in enumerate(header)
                if head
                and head not in mapping
                and index not in self.columns
                and normalise_header(head) not in own_heads | ignored_heads
            }
        )
        self._address_index = next(
            index for index, column in self.columns.items() if column is ImportColumn.ADDRESS
        )

    def get_value(self, line: CsvLine, name: str) -> str:
        """Return the line's value in one of the program's own columns, or ""."""
        index = self.own_columns.get(name, len(line.fields))
        return line.fields[index].strip() if index < len(line.fields) else ""

    def offer_value(
        self, values: dict[ImportColumn, str], column: ImportColumn, value: str, name: str
    ) -> None:
        """Use `value` for `column` if it is valid there and the column is empty.

        An invalid value is ignored and counted."""
        if value and not values.get(column):
            if _fits_column(column, value):
                values[column] = value
            else:
                self.passed_over[f"{name} {value[:40]!r}"] += 1

    def get_address(self, line: CsvLine) -> str:
        """Return the line's address, unchecked."""
        return (
            line.fields[self._address_index].strip()
            if self._address_index < len(line.fields)
            else ""
        )


@lru_cache(maxsize=4096)
def _fits_column(column: ImportColumn, value: str) -> bool:
    try:
        field: dict[str, Any] = {column.value: value}
        check_person(replace(Person("a@example.org"), **field))
    except InputError:
        return False
    return True
