"""The code that the formats of other programs' exports share."""

from collections.abc import Mapping, Sequence

from mailer.audience.imports.columns import ImportColumn, map_columns, normalise_header
from mailer.intake.csv_reader import CsvLine
from mailer.intake.row_format import ImportChoices, RowFormat


class ExportFormat(RowFormat):
    """The base of the formats of other programs' exports.

    `own_heads` are columns that only this program writes, and that the subclass reads.
    `ignored_heads` are columns that mean something only to this program, so they are not imported;
    they are reported like other columns that are ignored.
    Both are given in the spelling of ``normalise_header``."""

    def __init__(
        self,
        header: Sequence[str],
        choices: ImportChoices,
        *,
        aliases: Mapping[str, ImportColumn],
        own_heads: frozenset[str],
        ignored_heads: frozenset[str] = frozenset(),
    ) -> None:
        choices = choices.find_fields(header)
        own_heads -= {normalise_header(head) for head in choices.mapping}
        other_aliases = {head: column for head, column in aliases.items() if head not in own_heads}
        columns = map_columns(header, choices.mapping, other_aliases, {})
        super().__init__(header, choices, columns, own_heads | ignored_heads)
        self.passed_over.update(
            {
                head: 0
                for index, head in enumerate(header)
                if normalise_header(head) in ignored_heads - own_heads
                and index not in columns
                and head not in choices.mapping
            }
        )
        self.own_columns = {
            normalise_header(head): index
            for index, head in enumerate(header)
            if normalise_header(head) in own_heads
        }

    def get_value(self, line: CsvLine, name: str) -> str:
        """Return the line's value in one of the program's own columns, or ""."""
        index = self.own_columns.get(name, len(line.fields))
        return line.fields[index].strip() if index < len(line.fields) else ""
