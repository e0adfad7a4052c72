"""A messy file of people as an office keeps it, written as CSV, .xlsx and .ods by hand."""

import csv
import io
import zipfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

PEOPLE = 2000
ROWS = 2060

HEADER = ["VORNAME", "Nachname", "E-Mail-Adresse", "Sprache", "LAND", "Themen", "Zeitzone", "Seit"]

_LANGUAGES = ["Deutsch", "FRENCH", "español", "en", "русский", "العربية"]
_COUNTRIES = ["UK", "Deutschland", "SUISSE", "Estados Unidos", "fr", "Россия"]
_TOPICS = ["Health", "SANTÉ, work", "health; Arbeit", "WORK", "здоровье", ""]
_ZONES = ["europe/berlin", "W. Europe Standard Time", "Europe/Paris", "UTC", "", ""]
_DATES = ["31/12/2025", "2026-01-05 10:00:00 UTC", "5. Januar 2026", "01/02/2026", "46027", ""]
_BROKEN = [
    ("Sprache", "Klingonisch", "language"), ("LAND", "Atlantis", "country"),
    ("Themen", "Gardening", "topics"), ("Zeitzone", "Mars/Base", "time_zone"),
    ("Seit", "letztes Jahr", "joined"),
]  # fmt: skip


@dataclass(frozen=True)
class OfficeFile:
    """The cells, the addresses of the people in it, and (line, column, value) of the values that
    can't be read."""

    rows: list[list[str]]
    addresses: set[str]
    unreadable: set[tuple[int, str, str]]
    invalid_lines: set[int]
    duplicate_lines: set[int]


def make_office_file() -> OfficeFile:
    """Make 2,060 rows: 2,000 of one person each, 20 with two addresses, 20 repeated in capitals,
    and 20 without a valid address."""
    rows: list[list[str]] = []
    addresses: set[str] = set()
    unreadable: set[tuple[int, str, str]] = set()
    for number in range(PEOPLE):
        address = f"person{number}@example{number % 7}.org"
        addresses.add(address)
        written = address
        if number % 10 == 1:
            written = f"Dr. Person {number} <{address.upper()}>"
        elif number % 10 == 2:
            written = f"\ufeff{address}\xa0"
        elif number % 10 == 3:
            written = f"mailto:{address}"
        row = [
            f"Zoë{number}",
            "MÜLLER",
            written,
            _LANGUAGES[number % 6] if number % 6 < 4 else "de",
            _COUNTRIES[number % 6] if number % 6 < 5 else "FRANCE",
            _TOPICS[number % 6] if number % 6 != 4 else "Work",
            _ZONES[number % 6],
            _DATES[number % 6],
        ]
        if number % 100 == 7:
            column, value, field = _BROKEN[number // 100 % len(_BROKEN)]
            row[HEADER.index(column)] = value
            unreadable.add((number + 2, field, value))
        rows.append(row)
    for number in range(20):
        pair = [f"left{number}@example.org", f"right{number}@example.org"]
        addresses.update(pair)
        rows.append(["", "", "; ".join(pair), "", "", "", "", ""])
    first_duplicate = len(rows) + 2
    rows += [["", "", f"PERSON{number}@Example{number % 7}.org", *[""] * 5] for number in range(20)]
    first_invalid = len(rows) + 2
    rows += [["No", "Address", f"root{number}@test", *[""] * 5] for number in range(20)]
    return OfficeFile(
        rows,
        addresses,
        unreadable,
        set(range(first_invalid, first_invalid + 20)),
        set(range(first_duplicate, first_duplicate + 20)),
    )


def write_csv(path: Path, rows: list[list[str]], encoding: str, delimiter: str = ";") -> Path:
    """Write the rows below the header as CSV. Characters that the encoding lacks are replaced."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([HEADER, *rows])
    path.write_bytes(out.getvalue().encode(encoding, "replace"))
    return path


def write_xlsx(path: Path, sheets: dict[str, list[list[str]]]) -> Path:
    """Write sheets as Excel does, with inline strings, and numbers as numbers."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        archive.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/>'
            "</Relationships>",
        )
        names = "".join(
            f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>'
            for number, name in enumerate(sheets, 1)
        )
        archive.writestr(
            "xl/workbook.xml",
            '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
            'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
            f"<sheets>{names}</sheets></workbook>",
        )
        relations = "".join(
            f'<Relationship Id="rId{number}" Target="worksheets/sheet{number}.xml" Type="http://'
            'schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/>'
            for number in range(1, len(sheets) + 1)
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f"{relations}</Relationships>",
        )
        for number, rows in enumerate(sheets.values(), 1):
            body = "".join(
                f'<row r="{line}">'
                + "".join(
                    _format_xlsx_cell(f"{chr(65 + column)}{line}", value)
                    for column, value in enumerate(row)
                )
                + "</row>"
                for line, row in enumerate(rows, 1)
            )
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                f"<sheetData>{body}</sheetData></worksheet>",
            )
    return path


def _format_xlsx_cell(reference: str, value: str) -> str:
    if not value:
        return ""
    if value.isdigit():
        return f'<c r="{reference}"><v>{value}</v></c>'
    text = escape(value, quote=False)
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def write_ods(path: Path, sheets: dict[str, list[list[str]]]) -> Path:
    """Write sheets as LibreOffice does."""
    tables = "".join(
        f'<table:table table:name="{name}">'
        + "".join(
            "<table:table-row>"
            + "".join(
                f'<table:table-cell office:value-type="string"><text:p>'
                f"{escape(value, quote=False)}</text:p></table:table-cell>"
                if value
                else "<table:table-cell/>"
                for value in row
            )
            + "</table:table-row>"
            for row in rows
        )
        + "</table:table>"
        for name, rows in sheets.items()
    )
    namespace = "urn:oasis:names:tc:opendocument:xmlns"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            f'<manifest:manifest xmlns:manifest="{namespace}:manifest:1.0"/>',
        )
        archive.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{namespace}:office:1.0" '
            f'xmlns:table="{namespace}:table:1.0" xmlns:text="{namespace}:text:1.0">'
            f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    return path
