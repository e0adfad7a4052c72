"""Sheets of Excel and LibreOffice files as tables of people."""

import zipfile
from pathlib import Path

import pytest

from mailer.errors import InputError
from mailer.intake import spreadsheets, table
from mailer.intake.csv_reader import FileChoices
from mailer.intake.row_format import ImportChoices
from mailer.model.imports import ImportRow
from tests.unit.intake.office_files import write_ods, write_xlsx

PEOPLE = [["E-Mail", "Name", "Since"], [], ["ana@example.org", "Ana", "46027"], ["nobody", "Bo"]]


def read_people(path: Path, sheet: str = "") -> tuple[list[ImportRow], list[int], list[str]]:
    choices = ImportChoices(file=FileChoices(sheet=sheet))
    (batch,) = table.read_table_file(path, choices)
    return list(batch.rows), [result.line for result in batch.refused], list(batch.notes)


@pytest.mark.parametrize("write", [write_xlsx, write_ods])
def test_first_sheet_that_is_not_empty_is_read(tmp_path: Path, write: object) -> None:
    assert callable(write)
    sheets = {"Cover": [[""]], "People": PEOPLE, "Old": [["email"], ["cy@example.org"]]}
    path = write(tmp_path / "a.bin", sheets)
    (row,), refused, notes = read_people(path)
    assert (row.line, row.person.address, row.person.name) == (3, "ana@example.org", "Ana")
    assert row.joined_at
    assert row.joined_at.date().isoformat() == "2026-01-05"
    assert refused == [4]
    (note,) = notes
    assert note == "read the sheet 'People', the first that is not empty; not read: 'Cover', 'Old'"
    (other,), *_ = read_people(path, "Old")
    assert other.person.address == "cy@example.org"
    with pytest.raises(InputError, match="there is no sheet 'New'; the file has 'Cover', 'People'"):
        read_people(path, "New")
    with pytest.raises(InputError, match="the sheet 'Cover' is empty"):
        read_people(path, "Cover")


@pytest.mark.parametrize("raw", [b"PK\x03\x04 no archive", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 x"])
def test_damaged_spreadsheet_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"damaged|can't be read"):
        read_people(path)


def test_other_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("people.csv", "email\n")
    with pytest.raises(InputError, match="can't be read as a spreadsheet"):
        read_people(path)


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("LARGEST_FILE", 100, "the file has more than 0 MB"),
        ("LARGEST_CONTENT", 100, "its content has more than 0 MB unpacked"),
        ("MOST_ROWS", 3, "a sheet has more than 3 rows"),
        ("MOST_CELLS", 9, "a sheet has more than 9 cells"),
    ],
)
@pytest.mark.parametrize("write", [write_xlsx, write_ods])
def test_huge_spreadsheet_is_refused_with_advice_to_use_csv(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: object,
    limit: str,
    value: int,
    reason: str,
) -> None:
    assert callable(write)
    path = write(tmp_path / "a.bin", {"People": PEOPLE})
    monkeypatch.setattr(spreadsheets, limit, value)
    with pytest.raises(InputError, match=f"too large: {reason}; save it as CSV"):
        read_people(path)


def test_spreadsheet_at_its_limits_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"People": PEOPLE})
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 4)
    monkeypatch.setattr(spreadsheets, "MOST_CELLS", 12)
    monkeypatch.setattr(spreadsheets, "_CHUNK", 7)
    (row,), _, _ = read_people(path)
    assert row.person.address == "ana@example.org"


def test_rows_are_counted_before_the_sheet_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"People": PEOPLE})
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 3)
    monkeypatch.setattr(spreadsheets, "_choose_sheet", lambda *_: pytest.fail("read"))
    with pytest.raises(InputError, match="more than 3 rows"):
        read_people(path)


def test_cells_far_apart_are_refused(tmp_path: Path) -> None:
    """The reader would fill the space between the two cells: 17 thousand million cells."""
    path = write_xlsx(tmp_path / "a.xlsx", {"People": [["email"], ["ana@example.org"]]})
    far_path = tmp_path / "far.xlsx"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(far_path, "w") as far_archive:
        for name in archive.namelist():
            content = archive.read(name).replace(b'"A2"', b'"XFD1048576"')
            far_archive.writestr(name, content)
    with pytest.raises(InputError, match="more than 5,000,000 cells; save it as CSV"):
        read_people(far_path)


def test_content_larger_than_stated_is_refused(tmp_path: Path) -> None:
    """A file may state a smaller size of its content than unpacking gives."""
    path = write_xlsx(tmp_path / "a.xlsx", {"People": [["email"], *[["a@example.org"]] * 5000]})
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    data = path.read_bytes()
    stated = size.to_bytes(4, "little")
    assert data.count(stated) == 2
    path.write_bytes(data.replace(stated, (100).to_bytes(4, "little")))
    with pytest.raises(InputError, match="damaged"):
        read_people(path)


def test_password_of_archive_is_told(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"People": PEOPLE})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.find(signature)
        while position >= 0:
            data[position + offset] |= 1
            position = data.find(signature, position + 4)
    path.write_bytes(data)
    with pytest.raises(InputError, match="protected by a password"):
        read_people(path)
