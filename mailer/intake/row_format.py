"""Read the lines of one kind of file: which columns they have, and how a line becomes rows.

A file is read twice. The first time, its dates and the columns that say who may be mailed are
surveyed; the second time, its rows are read.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailer.audience.imports import state_words
from mailer.audience.imports.columns import (
    ImportColumn,
    assign_fields,
    map_columns,
    normalise_header,
)
from mailer.audience.imports.dates import DateOrder, DateOrderFinder
from mailer.audience.imports.field_columns import find_field_columns
from mailer.audience.imports.rows import RowRules, RowSkipped, parse_rows
from mailer.audience.imports.states import StateReader
from mailer.audience.imports.topic_names import TopicNames
from mailer.errors import InputError, NextStep
from mailer.field_types import FieldType
from mailer.intake.csv_reader import CsvLine, CsvTable, FileChoices, unescape_formula
from mailer.model.imports import ImportRow, OmittedValue, RowResult, RowState
from mailer.model.reader_fields import NO_FIELDS, ReaderFields
from mailer.model.suppressions import SuppressionReason

_DATE_COLUMNS = frozenset({ImportColumn.JOINED, ImportColumn.LEFT, ImportColumn.PAUSED_UNTIL})
_RANKS: Mapping[str, int] = {
    RowState.ACTIVE: state_words.ACTIVE.rank,
    RowState.PENDING: state_words.PENDING.rank,
    RowState.UNSUBSCRIBED: state_words.LEFT.rank,
    RowState.SUPPRESSED: state_words.COMPLAINED.rank,
}
_BREVO_HEADS = frozenset({"blacklist", "addedtime"})
"""Columns of Brevo's exports, which have the day first (DD-MM-YYYY)."""


@dataclass(frozen=True, slots=True)
class ImportChoices:
    """The choices of staff for an import of people.

    `mapping` says what the column under each header contains; `fields` are the office's own fields;
    `state_words` says which state each of the file's own words means. `default_state` is the state
    of people whose row states none."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    topics: TopicNames = field(default_factory=lambda: TopicNames({}))
    default_state: RowState | None = None
    date_order: DateOrder | None = None
    state_words: Mapping[str, str] = field(default_factory=dict)
    file: FileChoices = field(default_factory=FileChoices)
    fields: ReaderFields = field(default_factory=lambda: NO_FIELDS)
    field_columns: Mapping[int, str] = field(default_factory=dict)

    def find_fields(self, header: Sequence[str]) -> "ImportChoices":
        """Return the choices for a file with this header: with the columns of the office's own
        fields in `field_columns`, which have no other content. Raises InputError."""
        columns = find_field_columns(header, self.mapping, self.fields)
        ignored = {header[index]: ImportColumn.IGNORED.value for index in columns}
        return replace(self, mapping={**self.mapping, **ignored}, field_columns=columns)


class RowFormat:
    """Reads lines of tables with the mailer's own column names, or with other names that it knows.

    `passed_over` counts values and columns that were not understood, by name, as lines are read.
    `notes` say how the file was read. `own_heads` are columns that a subclass or a caller
    reads itself; `text_heads` are those of them that hold words."""

    def __init__(
        self,
        header: Sequence[str],
        choices: ImportChoices,
        columns: Mapping[int, ImportColumn],
        own_heads: frozenset[str] = frozenset(),
        text_heads: frozenset[str] = frozenset(),
    ) -> None:
        self.notes: list[str] = []
        self.header = header
        self.columns = dict(columns)
        self.rules = RowRules(
            choices.topics, choices.default_state or RowState.ACTIVE, fields=choices.fields
        )
        self._choices = choices
        heads = [normalise_header(head) for head in header]
        own_indexes = {
            index: ImportColumn.IGNORED
            for index, head in enumerate(heads)
            if head in own_heads - text_heads and index not in columns
        }
        self._states = StateReader(
            header, {**own_indexes, **columns}, choices.mapping, choices.state_words
        )
        self.value_columns = {
            index: column
            for index, column in columns.items()
            if index not in self._states.indexes or column is ImportColumn.LEFT
        }
        self._date_indexes = tuple(
            index
            for index, column in columns.items()
            if column in _DATE_COLUMNS or index in self._states.indexes
        ) + tuple(
            index
            for index, name in choices.field_columns.items()
            if choices.fields[name].field_type is FieldType.DATE
        )
        self._address_index = next(
            index for index, column in columns.items() if column is ImportColumn.ADDRESS
        )
        self._is_brevo = set(heads) >= _BREVO_HEADS
        self.passed_over: Counter[str] = Counter(
            {
                head: 0
                for index, head in enumerate(header)
                if head
                and index not in self.columns
                and head not in choices.mapping
                and heads[index] not in own_heads
            }
        )

    def survey_lines(self, lines: Iterable[CsvLine]) -> None:
        """Look at all lines, and decide how dates and states are read.

        Raises InputError if a guess would be needed."""
        finder = DateOrderFinder()
        for line in lines if self._date_indexes or self._states.needs_survey else ():
            self._states.survey_line(line.fields, line.number)
            for index in self._date_indexes:
                if index < len(line.fields) and (value := line.fields[index].strip()):
                    finder.survey_value(value, self.header[index], line.number)
        self.notes += self._states.check_columns()
        for index in self._states.indexes:
            self.passed_over.pop(self.header[index], None)
        stated = self._choices.date_order or (DateOrder.DAY_FIRST if self._is_brevo else None)
        order, note = finder.decide_order(stated)
        self.rules = replace(self.rules, date_order=order)
        if self._is_brevo and not self._choices.date_order:
            note = "dates have the day first, as in all exports of Brevo"
        self.notes += [note] if note else []

    def check_list_name(self, name: str) -> None:
        """Check that the name of the file or sheet does not say that its people left, or must not
        be mailed, while nothing in it does. Raises InputError."""
        word = state_words.find_name_of_list(name)
        if word and not self._choices.default_state and not self._states.has_statements:
            raise InputError(
                f"{name!r} is called {word!r}, and no column says who may be mailed",
                field="state",
                code="state_not_understood",
                hint="state what these people are, such as unsubscribed, or active if the name "
                "means something else",
                next_steps=[
                    NextStep("state_people", state=RowState.UNSUBSCRIBED.value),
                    NextStep("state_people", state=RowState.ACTIVE.value),
                ],
            )

    def read_rows(self, line: CsvLine) -> list[ImportRow | RowResult]:
        """Read a line. Raises InputError for an invalid line, RowSkipped for a line to leave
        out."""
        fields = [unescape_formula(value) for value in line.fields]
        values = assign_fields(fields, self.value_columns)
        self.take_state(fields, values)
        return parse_rows(
            line.number, values, self.rules, field_texts=self.read_field_texts(fields)
        )

    def read_field_texts(self, fields: Sequence[str]) -> dict[str, str]:
        """Return the texts of the office's own fields on a line, by the fields' names."""
        return {
            name: unescape_formula(fields[index].strip())
            for index, name in self._choices.field_columns.items()
            if index < len(fields)
        }

    def report_surplus(
        self, line: CsvLine, rows: Iterable[ImportRow | RowResult]
    ) -> list[ImportRow | RowResult]:
        """Return the rows of a line, which name its fields beyond the last column as left out."""
        surplus = [value.strip() for value in line.fields[len(self.header) :] if value.strip()]
        if not surplus:
            return list(rows)
        omitted = OmittedValue(
            "fields beyond the last column",
            ", ".join(surplus)[:200],
            f"the line has {len(line.fields)} fields, and the header {len(self.header)}: does "
            "a field contain the separator?",
        )
        return [
            replace(row, omitted=(*row.omitted, omitted)) if isinstance(row, ImportRow) else row
            for row in rows
        ]

    def take_state(self, fields: Sequence[str], values: dict[ImportColumn, str]) -> None:
        """Put the strictest state that a line states into `values`, unless `values` has a state
        that is as strict.

        A reason for a suppression is such a statement, too. Raises RowSkipped if that state means
        that the person is not to be imported."""
        if values.get(ImportColumn.REASON, "").lower() in set(SuppressionReason):
            values[ImportColumn.STATE] = RowState.SUPPRESSED
        person_state = self._states.read_state(fields)
        own_rank = _RANKS.get(values.get(ImportColumn.STATE, ""), -1)
        if person_state is None or own_rank >= person_state.state.rank:
            return
        state = person_state.state
        if state.skip_reason:
            evidence = f" ({person_state.evidence})" if person_state.evidence else ""
            raise RowSkipped(f"{state.skip_reason}{evidence}")
        values[ImportColumn.STATE] = state.state
        if state.state is RowState.SUPPRESSED:
            values[ImportColumn.REASON] = values.get(ImportColumn.REASON) or state.reason
            if not values.get(ImportColumn.EVIDENCE):
                values[ImportColumn.EVIDENCE] = person_state.evidence
        if person_state.left and not values.get(ImportColumn.LEFT):
            values[ImportColumn.LEFT] = person_state.left

    def get_address(self, line: CsvLine) -> str:
        """Return the address on a line, unchecked, to report a line that can't be read."""
        index = self._address_index
        return unescape_formula(line.fields[index].strip()) if index < len(line.fields) else ""


def create_plain_format(csv_table: CsvTable, choices: ImportChoices) -> RowFormat:
    """Return the format of a table that is not another program's export. Its header, or the staff's
    mapping of the header, says what each column contains. Raises InputError."""
    choices = choices.find_fields(csv_table.header)
    return RowFormat(csv_table.header, choices, map_columns(csv_table.header, choices.mapping))
