"""Read tables of people line by line, so that memory does not grow with the file.

The header decides whether comma, semicolon, tab or bar separates the fields. Files are CSV in any
encoding that ``text_encoding.py`` knows, or spreadsheets (``spreadsheets.py``).
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from mailer.errors import InputError
from mailer.intake import spreadsheets, text_encoding
from mailer.regular_files import open_regular_file

LONGEST_FIELD = 100_000


class CsvLine(NamedTuple):
    """A line of a CSV file, with its number. If the line is not CSV, `problem` says why and
    `fields` is empty."""

    number: int
    fields: list[str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A header and the lines below it. `header` is empty if the file has none. `notes` say how the
    file was read. `sheet` is the name of the sheet of a spreadsheet."""

    header: list[str]
    open_lines: Callable[[], Iterator[CsvLine]]
    notes: tuple[str, ...] = ()
    sheet: str = ""

    @property
    def lines(self) -> Iterator[CsvLine]:
        """The lines, from the first."""
        return self.open_lines()


@dataclass(frozen=True, slots=True)
class FileChoices:
    """Facts about a file that staff state: its encoding, and the sheet of a spreadsheet."""

    encoding: str = ""
    sheet: str = ""


@contextmanager
def open_for_reading(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading. Raises InputError if it is not a regular file, or can't be read."""
    try:
        with open_regular_file(path) as raw:
            yield raw
    except OSError as error:
        raise InputError(
            f"the file can't be read ({error.strerror})", where=str(path), hint="check the path"
        ) from error


@contextmanager
def name_file_in_errors(path: Path) -> Iterator[None]:
    """Add the file's path to an InputError that names only a line of the file."""
    try:
        yield
    except InputError as error:
        raise InputError(
            error.message,
            where=f"{path}, {error.where}" if error.where.startswith("line") else error.where,
            hint=error.hint,
            code=error.code,
            field=error.field,
            value=error.value,
            next_steps=error.next_steps,
        ) from error


def read_table(path: Path, raw: IO[bytes], choices: FileChoices | None = None) -> CsvTable:
    """Read a table whose first line names its columns.

    Raises InputError if the header is missing or not CSV."""
    choices = choices or FileChoices()
    if spreadsheets.is_spreadsheet(raw):
        return _read_spreadsheet(path, raw, choices)
    encoding = text_encoding.detect_encoding(path, raw, choices.encoding)
    lines = text_encoding.decode_lines(path, raw, encoding.name)
    first = next(lines, "")
    return _read_with_header(path, raw, encoding, first, next(lines, ""))


def read_table_or_lines(path: Path, raw: IO[bytes], choices: FileChoices | None = None) -> CsvTable:
    """Read a table with a header, or a file of one address a line.

    If the first line contains an @, it is an address and not a header. A file of addresses may have
    empty lines and comments (lines that begin with #), which are ignored. Raises InputError for a
    header that is not CSV."""
    choices = choices or FileChoices()
    if spreadsheets.is_spreadsheet(raw):
        return _read_spreadsheet(path, raw, choices)
    encoding = text_encoding.detect_encoding(path, raw, choices.encoding)
    decoded = text_encoding.decode_lines(path, raw, encoding.name)
    first = next(decoded, "")
    if first.strip() and "@" not in first and not first.startswith("#"):
        return _read_with_header(path, raw, encoding, first, next(decoded, ""))

    def open_lines() -> Iterator[CsvLine]:
        for number, text in enumerate(text_encoding.decode_lines(path, raw, encoding.name), 1):
            if text.strip() and not text.startswith("#"):
                yield CsvLine(number, [text.strip()])

    return CsvTable([], open_lines, _list_notes(encoding.note))


def _list_notes(note: str) -> tuple[str, ...]:
    return (note,) if note else ()


def _read_spreadsheet(path: Path, raw: IO[bytes], choices: FileChoices) -> CsvTable:
    sheet = spreadsheets.read_sheet(path, raw, choices.sheet)
    _, header = next(spreadsheets.iterate_rows(sheet))

    def open_lines() -> Iterator[CsvLine]:
        for number, cells in islice(spreadsheets.iterate_rows(sheet), 1, None):
            yield CsvLine(number, cells)

    return CsvTable(
        [head.strip() for head in header], open_lines, _list_notes(sheet.note), sheet.name
    )


def _read_separator_line(line: str) -> str:
    """Return the delimiter that Excel's first line ``sep=;`` names, or ""."""
    text = line.strip().strip('"').lower()
    return line.strip().strip('"')[4] if text.startswith("sep=") and len(text) == 5 else ""


def _count_outside_quotes(line: str, delimiter: str) -> int:
    return "".join(line.split('"')[0::2]).count(delimiter)


def _read_with_header(
    path: Path, raw: IO[bytes], encoding: text_encoding.TextEncoding, first: str, second: str
) -> CsvTable:
    csv.field_size_limit(LONGEST_FIELD)
    delimiter = _read_separator_line(first) or ("\t" if first.strip().lower() == "sep=" else "")
    header_line, text = (2, second) if delimiter else (1, first)
    if not text.strip():
        raise InputError(
            "the file has no header",
            where=f"{path}, line {header_line}",
            hint="begin the file with a line of column names",
        )
    if not delimiter:
        delimiter = max(",;\t|", key=lambda sign: _count_outside_quotes(text, sign))
    try:
        header = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise InputError(
            f"the header is not CSV ({error})",
            where=f"{path}, line {header_line}",
            hint="save the file as CSV with the line ends of Windows or Unix",
        ) from error

    def open_lines() -> Iterator[CsvLine]:
        lines = text_encoding.decode_lines(path, raw, encoding.name)
        return _parse_lines(islice(lines, header_line, None), delimiter, header_line + 1)

    return CsvTable([head.strip() for head in header], open_lines, _list_notes(encoding.note))


def _parse_lines(lines: Iterator[str], delimiter: str, first_number: int) -> Iterator[CsvLine]:
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")
    while True:
        number = reader.line_num + first_number
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield CsvLine(number, [], f"not CSV: {error}")
            continue
        if any(field.strip() for field in fields):
            yield CsvLine(number, fields)


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def escape_formula(value: str) -> str:
    """Return `value`, with an apostrophe before it if a spreadsheet would run it as a formula.

    :func:`unescape_formula` removes the apostrophe again."""
    first = value[:1]
    if first.isalnum() or not value:  # nearly every value
        return value
    return f"'{value}" if value.lstrip("'").startswith(_FORMULA) else value


def unescape_formula(value: str) -> str:
    """Return the original value of a result of :func:`escape_formula`."""
    return value[1:] if value[:1] == "'" and value.lstrip("'").startswith(_FORMULA) else value
