"""Read files that other programs export (listmonk, Mailchimp, Mailman) as rows.

Nothing is guessed: a row with an unknown state is refused, and columns and values that can't be
used are counted by name. If neither the file nor its name gives the state of its people, the person
who imports it must give the state. A file with the columns of listmonk or Mailchimp is read as that
program's export even if staff did not name the program. Tables that other programs export are not
read here: ``audience/imports`` understands their columns.

export_format.py  the code that the formats share
listmonk.py       listmonk's file of subscribers
mailchimp.py      Mailchimp's files of contacts, one for each state
mailman.py        Mailman's lists of members
"""

from enum import StrEnum
from pathlib import Path
from typing import IO

from mailer.audience.imports.columns import normalise_header
from mailer.intake.csv_reader import CsvTable, read_table, read_table_or_lines
from mailer.intake.exports.listmonk import ListmonkFormat
from mailer.intake.exports.mailchimp import MailchimpFormat
from mailer.intake.exports.mailman import MailmanFormat
from mailer.intake.row_format import ImportChoices, RowFormat, create_plain_format
from mailer.intake.table import FileOpener


class ExportOrigin(StrEnum):
    """The programs whose exports the mailer reads."""

    LISTMONK = "listmonk"
    MAILCHIMP = "mailchimp"
    MAILMAN = "mailman"


_SIGNATURES = (
    (ExportOrigin.LISTMONK, frozenset({"uuid", "email", "attributes", "status"})),
    (ExportOrigin.MAILCHIMP, frozenset({"leid", "euid"})),
    (ExportOrigin.MAILCHIMP, frozenset({"memberrating", "optintime"})),
    (ExportOrigin.MAILCHIMP, frozenset({"cleantime", "cleancampaigntitle"})),
    (ExportOrigin.MAILCHIMP, frozenset({"unsubtime", "unsubcampaigntitle"})),
    (ExportOrigin.MAILCHIMP, frozenset({"unsubtime", "unsubreason"})),
)
"""Columns that no other program writes together. Mailchimp's files of different states have
different columns, and staff may have removed some."""


def recognise_origin(header: list[str]) -> ExportOrigin | None:
    """Return the program that wrote a file with this header, if its columns leave no doubt."""
    heads = set(map(normalise_header, header))
    return next((origin for origin, signature in _SIGNATURES if signature <= heads), None)


def create_export_opener(origin: ExportOrigin | None, choices: ImportChoices) -> FileOpener:
    """Return a function that opens files of people. Without `origin`, the columns of a file decide
    which program exported it."""

    def open_export(path: Path, raw: IO[bytes]) -> tuple[CsvTable, RowFormat]:
        if origin is ExportOrigin.MAILMAN:
            csv_table = read_table_or_lines(path, raw, choices.file)
            return csv_table, MailmanFormat(csv_table.header, choices)
        csv_table = read_table(path, raw, choices.file)
        writer = origin or recognise_origin(csv_table.header)
        row_format: RowFormat
        if writer is ExportOrigin.LISTMONK:
            row_format = ListmonkFormat(csv_table.header, choices)
        elif writer is ExportOrigin.MAILCHIMP:
            row_format = MailchimpFormat(csv_table.header, choices, path.name)
        else:
            row_format = create_plain_format(csv_table, choices)
        if writer and not origin:
            row_format.notes.append(f"the columns are those of {writer}: read as its export")
        return csv_table, row_format

    return open_export
