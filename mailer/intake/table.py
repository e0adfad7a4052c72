"""Read files of people as rows, and write people to CSV files.

A file is read in batches, so that memory does not grow with it. Files that other programs export
are read by ``exports``.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TextIO

from mailer.audience.imports.rows import RowSkipped, describe_row_error, join_values
from mailer.errors import InputError
from mailer.intake.csv_reader import (
    CsvTable,
    escape_formula,
    name_file_in_errors,
    open_for_reading,
    read_table,
)
from mailer.intake.row_format import ImportChoices, RowFormat, create_plain_format
from mailer.model.imports import ImportRow, RowOutcome, RowResult
from mailer.model.subscribers import ExportedSubscriber

BATCH = 1000


@dataclass(frozen=True, slots=True)
class RowBatch:
    """A batch of a file: rows that can be imported, and results for lines that can't.

    `bytes_read` counts from the file's beginning; `passed_over` counts ignored columns and values
    by name. The first batch has `notes`, which say how the file was read."""

    rows: tuple[ImportRow, ...]
    refused: tuple[RowResult, ...]
    bytes_read: int
    passed_over: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


FileOpener = Callable[[Path, IO[bytes]], tuple[CsvTable, RowFormat]]
"""A function that opens a file of one kind. Raises InputError for a file that can't be used."""


def create_table_opener(choices: ImportChoices) -> FileOpener:
    """Return a function that opens tables with a header."""

    def open_table(path: Path, raw: IO[bytes]) -> tuple[CsvTable, RowFormat]:
        csv_table = read_table(path, raw, choices.file)
        return csv_table, create_plain_format(csv_table, choices)

    return open_table


def read_table_file(
    path: Path, choices: ImportChoices, batch_size: int = BATCH
) -> Iterator[RowBatch]:
    """Yield the rows of a table with a header, as :func:`read_file` does."""
    return read_file(path, create_table_opener(choices), batch_size)


def read_file(path: Path, open_file: FileOpener, batch_size: int = BATCH) -> Iterator[RowBatch]:
    """Yield the file's rows, `batch_size` lines at a time. An invalid line is refused.

    Raises InputError for a file that can't be read or a header that can't be used."""
    with open_for_reading(path) as raw:
        yield from _read_batches(path, raw, open_file, batch_size)


def _read_batches(
    path: Path, raw: IO[bytes], open_file: FileOpener, batch_size: int
) -> Iterator[RowBatch]:
    with name_file_in_errors(path):
        csv_table, row_format = open_file(path, raw)
        row_format.survey_lines(csv_table.lines)
        for name in (path.stem, csv_table.sheet):
            row_format.check_list_name(name)
    notes = (*csv_table.notes, *row_format.notes)
    rows: list[ImportRow] = []
    refused: list[RowResult] = []
    for line in csv_table.lines:
        if line.problem:
            refused.append(RowResult(line.number, RowOutcome.REFUSED, "", line.problem))
        else:
            try:
                for row in row_format.report_surplus(line, row_format.read_rows(line)):
                    if isinstance(row, ImportRow):
                        rows.append(row)
                    else:
                        refused.append(row)
            except InputError as error:
                address, message = row_format.get_address(line), describe_row_error(error)
                refused.append(RowResult(line.number, RowOutcome.REFUSED, address, message))
            except RowSkipped as reason:
                address = row_format.get_address(line)
                refused.append(RowResult(line.number, RowOutcome.SKIPPED, address, str(reason)))
        if len(rows) + len(refused) >= batch_size:
            passed_over = dict(row_format.passed_over)
            yield RowBatch(tuple(rows), tuple(refused), raw.tell(), passed_over, notes)
            rows, refused, notes = [], [], ()
            row_format.passed_over.clear()
    yield RowBatch(tuple(rows), tuple(refused), raw.tell(), dict(row_format.passed_over), notes)


EXPORT_HEADER = (
    "address", "name", "language", "country", "time_zone", "tags", "topics", "joined", "state",
    "left", "list_language", "frequency", "paused_until", "suppression_reason",
)  # fmt: skip


def write_subscribers(
    people: Iterable[ExportedSubscriber],
    out: TextIO,
    on_progress: Callable[[int], None] = lambda _: None,
    field_names: Sequence[str] = (),
) -> int:
    """Write people as CSV that :func:`read_table_file` reads back, and return their number.

    A suppressed address has the state suppressed and its reason, so that no program that reads the
    file mails it. Addresses, names and tags that a spreadsheet would run as formulas get an
    apostrophe before them. `field_names` are the office's own fields, each a column.
    `on_progress` is called with the number of people written, every thousand."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*EXPORT_HEADER, *field_names))
    count = 0
    rows = (_format_row(person, field_names) for person in people)
    while batch := list(islice(rows, BATCH)):
        writer.writerows(batch)
        count += len(batch)
        if len(batch) == BATCH:
            on_progress(count)
    return count


def _format_row(person: ExportedSubscriber, field_names: Sequence[str]) -> tuple[str, ...]:
    """Format a person as a line of the columns of :data:`EXPORT_HEADER` and their fields."""
    (
        address, name, language, country, time_zone, tags, topics, joined_at, state, left_at,
        list_language, frequency, paused_until, suppressed, values,
    ) = person  # fmt: skip
    return (
        escape_formula(address),
        escape_formula(name),
        language,
        country,
        time_zone,
        escape_formula(join_values(tags)) if tags else "",
        ";".join(topics) if topics else "",
        joined_at,
        "suppressed" if suppressed else state,
        left_at,
        list_language,
        frequency if frequency != "every" else "",
        paused_until,
        suppressed or "",
        *(_escape_value(values.get(name, "")) for name in field_names),
    )


def _escape_value(value: str) -> str:
    """Escape a field's value for a spreadsheet. A negative number is not a formula."""
    return value if _NEGATIVE_NUMBER.fullmatch(value) else escape_formula(value)


_NEGATIVE_NUMBER = re.compile(r"-[0-9.]+")
