"""Read files of people as rows, and write people to CSV files.

A file is read in batches, so that memory does not grow with it. Files that other programs export
are read by ``exports``.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, TextIO

from mailer.audience.imports.rows import (
    ImportColumn,
    RowSkipped,
    assign_fields,
    join_values,
    map_columns,
    parse_row,
)
from mailer.errors import InputError
from mailer.intake.csv_reader import (
    CsvLine,
    CsvTable,
    escape_formula,
    open_for_reading,
    read_table,
    unescape_formula,
)
from mailer.model.imports import ImportRow, RowOutcome, RowResult, RowState
from mailer.model.lists import Frequency
from mailer.model.subscribers import Membership, Subscriber

BATCH = 1000


@dataclass(frozen=True, slots=True)
class RowBatch:
    """A batch of a file: rows that can be imported, and results for lines that can't.

    `bytes_read` counts from the file's beginning; `passed_over` counts ignored columns and values
    by name."""

    rows: tuple[ImportRow, ...]
    refused: tuple[RowResult, ...]
    bytes_read: int
    passed_over: Mapping[str, int] = field(default_factory=dict)


class RowFormat(Protocol):
    """A reader for the lines of one kind of file. `passed_over` grows as lines are read."""

    passed_over: Counter[str]

    def read_row(self, line: CsvLine) -> ImportRow:
        """Read a line. Raises InputError for an invalid line, and RowSkipped for a line to leave
        out."""

    def get_address(self, line: CsvLine) -> str:
        """Return the address on a line, unchecked, to report a line that can't be read."""


class PlainCsvFormat:
    """CSV with the mailer's own column names, or names that `mapping` maps to them."""

    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default_state: RowState,
    ) -> None:
        self._columns = map_columns(header, mapping)
        self._topics = topics
        self._default_state = default_state
        self._address_index = next(
            index for index, column in self._columns.items() if column is ImportColumn.ADDRESS
        )
        self.passed_over = Counter(
            {
                head: 0
                for index, head in enumerate(header)
                if head and index not in self._columns and head not in mapping
            }
        )

    def read_row(self, line: CsvLine) -> ImportRow:
        fields = [unescape_formula(value) for value in line.fields]
        values = assign_fields(fields, self._columns)
        return parse_row(line.number, values, self._topics, default_state=self._default_state)

    def get_address(self, line: CsvLine) -> str:
        index = self._address_index
        return unescape_formula(line.fields[index].strip()) if index < len(line.fields) else ""


FileOpener = Callable[[Path, IO[bytes]], tuple[CsvTable, RowFormat]]
"""A function that opens a file of one kind. Raises InputError for a file that can't be used."""


def create_csv_opener(
    mapping: Mapping[str, str], topics: frozenset[str], default_state: RowState = RowState.ACTIVE
) -> FileOpener:
    """Return a function that opens CSV files with a header."""

    def open_csv(path: Path, raw: IO[bytes]) -> tuple[CsvTable, RowFormat]:
        csv_table = read_table(path, raw)
        return csv_table, PlainCsvFormat(csv_table.header, mapping, topics, default_state)

    return open_csv


def read_csv_file(
    path: Path, mapping: Mapping[str, str], topics: frozenset[str], batch_size: int = BATCH
) -> Iterator[RowBatch]:
    """Yield the rows of a CSV file with a header, as :func:`read_file` does."""
    return read_file(path, create_csv_opener(mapping, topics), batch_size)


def read_file(path: Path, open_file: FileOpener, batch_size: int = BATCH) -> Iterator[RowBatch]:
    """Yield the file's rows, `batch_size` lines at a time. An invalid line is refused.

    Raises InputError for a file that can't be read or a header that can't be used."""
    with open_for_reading(path) as raw:
        yield from _read_batches(path, raw, open_file, batch_size)


def _read_batches(
    path: Path, raw: IO[bytes], open_file: FileOpener, batch_size: int
) -> Iterator[RowBatch]:
    try:
        csv_table, row_format = open_file(path, raw)
    except InputError as error:
        raise InputError(
            error.message,
            where=f"{path}, {error.where}" if error.where.startswith("line") else error.where,
            hint=error.hint,
            field=error.field,
            value=error.value,
            next_steps=error.next_steps,
        ) from error
    rows: list[ImportRow] = []
    refused: list[RowResult] = []
    for line in csv_table.lines:
        if line.problem:
            refused.append(RowResult(line.number, RowOutcome.REFUSED, "", line.problem))
        else:
            try:
                rows.append(row_format.read_row(line))
            except InputError as error:
                message = (
                    f"{error.where or error.field}: {error.message}"
                    if error.where or error.field
                    else error.message
                )
                refused.append(
                    RowResult(
                        line.number, RowOutcome.REFUSED, row_format.get_address(line), message
                    )
                )
            except RowSkipped as reason:
                refused.append(
                    RowResult(
                        line.number, RowOutcome.SKIPPED, row_format.get_address(line), str(reason)
                    )
                )
        if len(rows) + len(refused) >= batch_size:
            yield RowBatch(tuple(rows), tuple(refused), raw.tell(), dict(row_format.passed_over))
            rows, refused = [], []
            row_format.passed_over.clear()
    yield RowBatch(tuple(rows), tuple(refused), raw.tell(), dict(row_format.passed_over))


EXPORT_HEADER = (
    "address", "name", "language", "country", "time_zone", "tags", "topics", "joined", "state",
    "left", "list_language", "frequency", "paused_until",
)  # fmt: skip


def write_subscribers(
    people: Iterable[tuple[Subscriber, Membership | None]],
    out: TextIO,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write people as CSV that :func:`read_csv_file` reads back, and return their number.

    Addresses, names and tags that a spreadsheet would run as formulas get an apostrophe before
    them. `on_progress` is called with the number of people written, every thousand."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(EXPORT_HEADER)
    count = 0
    for count, (subscriber, membership) in enumerate(people, 1):
        person = subscriber.person
        writer.writerow(
            [
                escape_formula(person.address),
                escape_formula(person.name),
                person.language,
                person.country,
                person.time_zone,
                escape_formula(join_values(person.tags)),
                *(_format_membership(membership) if membership else [""] * 7),
            ]
        )
        if count % 1000 == 0:
            on_progress(count)
    return count


def _format_membership(membership: Membership) -> list[str]:
    return [
        ";".join(membership.topics),
        membership.joined_at.isoformat(),
        membership.state.value,
        membership.left_at.isoformat() if membership.left_at else "",
        membership.language,
        membership.frequency.value if membership.frequency is not Frequency.EVERY else "",
        membership.paused_until.isoformat() if membership.paused_until else "",
    ]
