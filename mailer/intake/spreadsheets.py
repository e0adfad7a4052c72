"""Read the sheets of Excel and LibreOffice files (.xlsx, .xls, .ods) as lines of text.

A whole sheet is read into memory, so its rows and its unpacked size are bounded. CSV is read line
by line and has no bound.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from mailer.errors import InputError, NextStep

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

LARGEST_FILE = 50 << 20
LARGEST_CONTENT = 150 << 20
"""Maximum size of a file in bytes, packed and unpacked. A sheet of 200,000 people with six columns
has some 70 MB of XML."""

MOST_ROWS = 200_000
"""Maximum number of rows of a sheet. So many rows of six columns take some 120 MB of memory."""

MOST_CELLS = 5_000_000
"""Maximum number of cells between a sheet's first and last cell, which the reader fills with empty
cells."""

_CHUNK = 1 << 20
_LONGEST_TAG = 1_000
_ROW_TAG = re.compile(rb"<(?:\w+:)?row[\s>/]")
_CELL = re.compile(rb"""<(?:\w+:)?c\s[^<>]*?\br=["']([A-Z]{1,3})([0-9]{1,7})["'][^<>/]*>""")
"""Matches the tag of a cell with content, and captures its column and row."""

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Sheet(NamedTuple):
    """A sheet: its name, its content, and a note on why this sheet was chosen."""

    name: str
    content: "CalamineSheet"
    note: str


def is_spreadsheet(raw: IO[bytes]) -> bool:
    """Check by its first bytes whether a file is a spreadsheet, and rewind it."""
    raw.seek(0)
    head = raw.read(8)
    raw.seek(0)
    return head.startswith(_ZIP) or head == _OLE


def read_sheet(path: Path, raw: IO[bytes], name: str = "") -> Sheet:
    """Read one sheet: the sheet `name`, or the first that is not empty.

    Raises InputError for a file that can't be read, is too large or is protected by a password, or
    if there is no such sheet."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    _check_size(path, raw)
    try:
        workbook = CalamineWorkbook.from_filelike(raw)
        return _choose_sheet(path, workbook, name)
    except PasswordError as error:
        raise _create_password_error(path) from error
    except CalamineError as error:
        raise InputError(
            f"the file can't be read as a spreadsheet ({error})",
            where=str(path),
            hint="save it as CSV (UTF-8) and import that",
        ) from error


def _check_size(path: Path, raw: IO[bytes]) -> None:
    """Check the size of a file and of its sheets before they are read into memory."""
    size = raw.seek(0, 2)
    raw.seek(0)
    if size > LARGEST_FILE:
        raise _create_size_error(path, f"the file has more than {LARGEST_FILE >> 20} MB")
    if raw.read(4) == _ZIP:
        try:
            with zipfile.ZipFile(raw) as archive:
                _check_archive(path, archive)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise InputError("the file is damaged", where=str(path)) from error
        except RuntimeError as error:
            raise _create_password_error(path) from error
    raw.seek(0)


def _check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if sum(member.file_size for member in members) > LARGEST_CONTENT:
        raise _create_size_error(
            path, f"its content has more than {LARGEST_CONTENT >> 20} MB unpacked"
        )
    for member in members:
        # Reading a member to its end checks that its size is the stated one.
        with archive.open(member) as part:
            if member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml"):
                _check_worksheet(path, part)
            else:
                while part.read(_CHUNK):
                    pass


def _check_worksheet(path: Path, part: IO[bytes]) -> None:
    """Count the rows of a sheet in Excel's format, and the cells between its first and last."""
    row_count, last_row, last_column = 0, 0, 0
    rest = b""
    while chunk := part.read(_CHUNK):
        text = rest + chunk
        # A tag that is not complete yet is read with the next chunk.
        end = text.rfind(b"<", -_LONGEST_TAG)
        text, rest = (text[:end], text[end:]) if end > 0 else (text, b"")
        row_count += sum(1 for _ in _ROW_TAG.finditer(text))
        columns: set[bytes] = set()
        for column, row in _CELL.findall(text):
            columns.add(column)
            last_row = int(row)
        last_column = max([last_column, *map(_get_column_number, columns)])
        _check_rows(path, row_count, max(row_count, last_row) * last_column)


def _get_column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _check_rows(path: Path, row_count: int, cell_count: int) -> None:
    if row_count > MOST_ROWS:
        raise _create_size_error(path, f"a sheet has more than {MOST_ROWS:,} rows")
    if cell_count > MOST_CELLS:
        raise _create_size_error(path, f"a sheet has more than {MOST_CELLS:,} cells")


def _create_size_error(path: Path, reason: str) -> InputError:
    return InputError(
        f"the spreadsheet is too large: {reason}",
        where=str(path),
        hint="save it as CSV (UTF-8) and import that: CSV has no limit",
    )


def _create_password_error(path: Path) -> InputError:
    return InputError(
        "the file is protected by a password", where=str(path), hint="save it without one"
    )


def _choose_sheet(path: Path, workbook: "CalamineWorkbook", name: str) -> Sheet:
    names = workbook.sheet_names
    if name and name not in names:
        raise InputError(
            f"there is no sheet {name!r}",
            where=str(path),
            field="sheet",
            hint=f"the file has {', '.join(map(repr, names))}",
        )
    for candidate in [name] if name else names:
        sheet: CalamineSheet = workbook.get_sheet_by_name(candidate)
        _check_rows(path, sheet.height, sheet.height * sheet.width)
        chosen_sheet = Sheet(candidate, sheet, "")
        if next(iterate_rows(chosen_sheet), None) is None:
            continue
        others = [other for other in names if other != candidate]
        note = ""
        if others and not name:
            listed = ", ".join(map(repr, others))
            note = f"read the sheet {candidate!r}, the first that is not empty; not read: {listed}"
        return chosen_sheet._replace(note=note)
    raise InputError(
        f"the sheet {name!r} is empty" if name else "the file has no rows",
        where=str(path),
        hint="begin the sheet with a row of column names",
        next_steps=[NextStep("choose_sheet")] if len(names) > 1 else [],
    )


def format_cell(value: Any) -> str:
    """Return a cell as text: dates in ISO form, whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def iterate_rows(sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each row that is not empty."""
    for number, row in enumerate(sheet.content.iter_rows(), 1):
        cells = [format_cell(cell) for cell in row]
        if any(cell.strip() for cell in cells):
            yield number, cells
