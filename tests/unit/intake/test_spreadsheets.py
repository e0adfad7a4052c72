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


def test_huge_spreadsheet_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "LARGEST_CONTENT", 100)
    with pytest.raises(InputError, match="too large"):
        read_people(write_xlsx(tmp_path / "a.xlsx", {"People": PEOPLE}))
