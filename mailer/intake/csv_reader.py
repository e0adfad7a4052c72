"""Read CSV files line by line, so that memory does not grow with the file.

The header decides whether comma, semicolon or tab separates the fields. Files are UTF-8, with or
without a byte order mark.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from mailer.errors import InputError

LONGEST_FIELD = 100_000


class CsvLine(NamedTuple):
    """A line of a CSV file, with its number. If the line is not CSV, `problem` says why and
    `fields` is empty."""

    number: int
    fields: list[str]
    problem: str = ""


class CsvTable(NamedTuple):
    """A header and the lines below it. `header` is empty if the file has none."""

    header: list[str]
    lines: Iterator[CsvLine]


@contextmanager
def open_for_reading(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading. Raises InputError if opening or reading it fails."""
    try:
        with path.open("rb") as raw:
            yield raw
    except OSError as error:
        raise InputError(
            f"the file can't be read ({error.strerror})", where=str(path), hint="check the path"
        ) from error


def decode_lines(path: Path, raw: IO[bytes]) -> Iterator[str]:
    """Yield the file's lines as text. Raises InputError for a line that is not UTF-8."""
    for number, line in enumerate(raw, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"byte 0x{line[error.start]:02x} is not UTF-8",
                where=f"{path}, line {number}",
                hint="save the file as UTF-8 and import it again: rows that were imported stay",
            ) from error
        yield text.replace("\0", "")


def read_table(path: Path, raw: IO[bytes]) -> CsvTable:
    """Read a table whose first line names its columns.

    Raises InputError if the header is missing or not CSV."""
    lines = decode_lines(path, raw)
    first = next(lines, "")
    if not first.strip():
        raise InputError(
            "the file has no header",
            where=f"{path}, line 1",
            hint="begin the file with a line of column names",
        )
    return _read_with_header(path, first, lines)


def read_table_or_lines(path: Path, raw: IO[bytes]) -> CsvTable:
    """Read a table with a header, or a file with one address per line.

    If the first line contains an @, it is an address and not a header. A file of addresses may have
    empty lines and comments (lines that begin with #), which are ignored. Raises InputError for a
    header that is not CSV."""
    lines = decode_lines(path, raw)
    first = next(lines, "")
    if first.strip() and "@" not in first and not first.startswith("#"):
        return _read_with_header(path, first, lines)
    numbered = enumerate(chain([first], lines), 1)
    return CsvTable(
        [],
        (
            CsvLine(number, [text.strip()])
            for number, text in numbered
            if text.strip() and not text.startswith("#")
        ),
    )


def _read_with_header(path: Path, first: str, lines: Iterator[str]) -> CsvTable:
    csv.field_size_limit(LONGEST_FIELD)
    delimiter = max(",;\t", key=first.count)
    try:
        header = [head.strip() for head in next(csv.reader([first], delimiter=delimiter))]
    except csv.Error as error:
        raise InputError(
            f"the header is not CSV ({error})",
            where=f"{path}, line 1",
            hint="save the file as CSV with the line ends of Windows or Unix",
        ) from error
    return CsvTable(header, _parse_lines(lines, delimiter))


def _parse_lines(lines: Iterator[str], delimiter: str) -> Iterator[CsvLine]:
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        number = reader.line_num + 2
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
    return f"'{value}" if value.lstrip("'").startswith(_FORMULA) else value


def unescape_formula(value: str) -> str:
    """Return the original value of a result of :func:`escape_formula`."""
    return value[1:] if value[:1] == "'" and value.lstrip("'").startswith(_FORMULA) else value
