"""Read the sheets of Excel and LibreOffice files (.xlsx, .xls, .ods) as lines of text.

A whole sheet is read into memory. The programs that write such files limit the number of rows.
"""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from mailer.errors import InputError, NextStep

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

LARGEST_FILE = 200 << 20
LARGEST_CONTENT = 1 << 30
"""Maximum size of a file in bytes, packed and unpacked. A full sheet of addresses has some 300 MB
of XML."""

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Sheet(NamedTuple):
    """A sheet: its name, the number of its first row, the rows from that one on, and a note on why
    this sheet was chosen."""

    name: str
    first_line: int
    rows: list[list[Any]]
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
        raise InputError(
            "the file is protected by a password", where=str(path), hint="save it without one"
        ) from error
    except CalamineError as error:
        raise InputError(
            f"the file can't be read as a spreadsheet ({error})",
            where=str(path),
            hint="save it as CSV (UTF-8) and import that",
        ) from error


def _check_size(path: Path, raw: IO[bytes]) -> None:
    size = raw.seek(0, 2)
    raw.seek(0)
    content = size
    if raw.read(4) == _ZIP:
        try:
            with zipfile.ZipFile(raw) as archive:
                content = sum(member.file_size for member in archive.infolist())
        except zipfile.BadZipFile as error:
            raise InputError("the file is damaged", where=str(path)) from error
    raw.seek(0)
    if size > LARGEST_FILE or content > LARGEST_CONTENT:
        raise InputError(
            "the spreadsheet is too large", where=str(path), hint="save it as CSV and import that"
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
        rows = sheet.to_python(skip_empty_area=True)
        if not any(any(format_cell(cell).strip() for cell in row) for row in rows):
            continue
        others = [other for other in names if other != candidate]
        note = ""
        if others and not name:
            listed = ", ".join(map(repr, others))
            note = f"read the sheet {candidate!r}, the first that is not empty; not read: {listed}"
        return Sheet(candidate, (sheet.start[0] if sheet.start else 0) + 1, rows, note)
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
    for number, row in enumerate(sheet.rows, sheet.first_line):
        cells = [format_cell(cell) for cell in row]
        if any(cell.strip() for cell in cells):
            yield number, cells
