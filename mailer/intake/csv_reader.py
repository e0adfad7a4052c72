"""Tables in files, line by line: memory does not grow with them.

Comma, semicolon and tab are told apart by the header; UTF-8, with or without a byte order mark.
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
    """`problem` says why the fields can't be told apart: then there are none."""

    number: int
    fields: list[str]
    problem: str = ""


class CsvTable(NamedTuple):
    """`header` is empty where the first line is one of the table's own."""

    header: list[str]
    lines: Iterator[CsvLine]


@contextmanager
def open_for_reading(path: Path) -> Iterator[IO[bytes]]:
    """A file to read from. Raises InputError where that can't be done."""
    try:
        with path.open("rb") as raw:
            yield raw
    except OSError as error:
        raise InputError(
            f"it can't be read ({error.strerror})", where=str(path), hint="check the path"
        ) from error


def decode_lines(path: Path, raw: IO[bytes]) -> Iterator[str]:
    """The file's lines. Raises InputError for one that is no UTF-8."""
    for number, line in enumerate(raw, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"byte 0x{line[error.start]:02x} is not UTF-8",
                where=f"{path}, line {number}",
                hint="save it as UTF-8 and import it again: rows that are in stay as they are",
            ) from error
        yield text.replace("\0", "")


def read_table(path: Path, raw: IO[bytes]) -> CsvTable:
    """A table whose first line names its columns. Raises InputError for a header that can't be
    used."""
    lines = decode_lines(path, raw)
    first = next(lines, "")
    if not first.strip():
        raise InputError(
            "the file has no header", where=f"{path}, line 1", hint="begin with a line of names"
        )
    return _read_with_header(path, first, lines)


def read_table_or_lines(path: Path, raw: IO[bytes]) -> CsvTable:
    """A table, or a file whose lines hold an address each: its first then holds an @, which no
    header does. Empty lines, and those that begin with a #, are left out of the latter."""
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
            f"its header is not CSV ({error})",
            where=f"{path}, line 1",
            hint="save the file as CSV, with line ends as on Windows or Unix",
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
    """`value` so that a spreadsheet takes it for text, not for a formula: with an apostrophe
    before it. :func:`unescape_formula` takes it away again."""
    return f"'{value}" if value.lstrip("'").startswith(_FORMULA) else value


def unescape_formula(value: str) -> str:
    """What :func:`escape_formula` was given."""
    return value[1:] if value[:1] == "'" and value.lstrip("'").startswith(_FORMULA) else value
