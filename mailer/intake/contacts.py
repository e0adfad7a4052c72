"""Read CSV files of media contacts.

Each line holds a person, as in ``table.py``, with their outlet, beats and trust. Column names of
other press databases are understood."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mailer.audience.contacts import check_profile
from mailer.audience.imports.columns import ALIASES, WEAK_ALIASES, map_columns, normalise_header
from mailer.audience.imports.contacts import ContactRow
from mailer.audience.imports.rows import RowSkipped, describe_row_error, split_values
from mailer.errors import InputError
from mailer.intake.csv_reader import (
    CsvLine,
    CsvTable,
    name_file_in_errors,
    open_for_reading,
    read_table,
    unescape_formula,
)
from mailer.intake.row_format import ImportChoices, RowFormat
from mailer.model.contacts import ContactProfile, FollowUp, Trust
from mailer.model.imports import ImportRow, RowOutcome, RowResult

COLUMNS: Mapping[str, str] = {
    "outlet": "outlet", "media": "outlet", "mediaoutlet": "outlet", "publication": "outlet",
    "organisation": "outlet", "organization": "outlet", "company": "outlet",
    "beat": "beats", "beats": "beats", "subjects": "beats",
    "trust": "trust", "trusted": "trust", "trustedwithembargoes": "trust", "embargo": "trust",
    "followup": "follow_up", "donotfollowup": "no_follow_up",
    "note": "note", "notes": "note",
}  # fmt: skip
"""The field that each column fills, by the column's name reduced to lower-case letters."""

_TEXT_HEADS = frozenset({"note", "notes", "beat", "beats", "subjects"})
"""Columns of words, of which one may say that a person left."""

_YES = {"yes", "y", "true", "1", "x", "trusted", "welcome"}
_NO = {"no", "n", "false", "0", "", "untrusted", "never"}


class ContactFile:
    """A file of media contacts. `notes` say how it was read; `unknown_columns` are the names of
    columns that no field matches."""

    def __init__(self, csv_table: CsvTable, choices: ImportChoices, name: str = "") -> None:
        header = csv_table.header
        self._table = csv_table
        self._contact_columns = {
            index: COLUMNS[normalise_header(head)]
            for index, head in enumerate(header)
            if normalise_header(head) in COLUMNS and head not in choices.mapping
        }
        aliases, weak_aliases = (
            {head: column for head, column in known_aliases.items() if head not in COLUMNS}
            for known_aliases in (ALIASES, WEAK_ALIASES)
        )
        columns = map_columns(header, choices.mapping, aliases, weak_aliases)
        self._format = RowFormat(header, choices, columns, frozenset(COLUMNS), _TEXT_HEADS)
        self.unknown_columns = list(self._format.passed_over)
        self._format.survey_lines(csv_table.lines)
        for list_name in (name, csv_table.sheet):
            self._format.check_list_name(list_name)
        self.notes = [*csv_table.notes, *self._format.notes]

    def iterate_rows(self) -> Iterator[ContactRow | RowResult]:
        """Yield the file's lines in order; an invalid line yields a result with the reason."""
        for line in self._table.lines:
            address = self._format.get_address(line)
            try:
                yield from self._read_line(line)
            except InputError as error:
                message = describe_row_error(error)
                yield RowResult(line.number, RowOutcome.REFUSED, address, message)
            except RowSkipped as reason:
                yield RowResult(line.number, RowOutcome.SKIPPED, address, str(reason))

    def _read_line(self, line: CsvLine) -> list[ContactRow | RowResult]:
        if line.problem:
            raise InputError(line.problem)
        fields = [unescape_formula(value) for value in line.fields]
        profile, stated_columns = _build_profile(fields, self._contact_columns)
        return [
            ContactRow(row, profile, stated_columns) if isinstance(row, ImportRow) else row
            for row in self._format.report_surplus(line, self._format.read_rows(line))
        ]


@contextmanager
def open_contacts(path: Path, choices: ImportChoices) -> Iterator[ContactFile]:
    """Open a file of media contacts.

    Raises InputError for a file that can't be read or a header that can't be used."""
    with open_for_reading(path) as raw:
        with name_file_in_errors(path):
            contact_file = ContactFile(read_table(path, raw, choices.file), choices, path.stem)
        yield contact_file


def _build_profile(
    fields: Sequence[str], contact_columns: Mapping[int, str]
) -> tuple[ContactProfile, frozenset[str]]:
    values = {
        name: fields[index].strip()
        for index, name in contact_columns.items()
        if index < len(fields)
    }
    stated_columns = {name for name in values if name != "no_follow_up"}
    follow_up = FollowUp.WELCOME
    if "follow_up" in values:
        # An empty field allows follow-up calls.
        is_welcome = not values["follow_up"] or _parse_flag(values["follow_up"], "follow_up")
        follow_up = FollowUp.WELCOME if is_welcome else FollowUp.NEVER
    if "no_follow_up" in values:
        stated_columns.add("follow_up")
        follow_up = (
            FollowUp.NEVER
            if _parse_flag(values["no_follow_up"], "do not follow up")
            else FollowUp.WELCOME
        )
    is_trusted = _parse_flag(values.get("trust", ""), "trust")
    profile = ContactProfile(
        outlet=values.get("outlet", ""),
        beats=tuple(split_values(values.get("beats", ""))),
        trust=Trust.TRUSTED if is_trusted else Trust.UNTRUSTED,
        follow_up=follow_up,
        note=values.get("note", ""),
    )
    return check_profile(profile), frozenset(stated_columns)


def _parse_flag(value: str, where: str) -> bool:
    word = value.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise InputError(f"{value!r} is neither yes nor no", where=where, hint="write yes or no")
