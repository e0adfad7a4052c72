"""Read files that other programs export (listmonk, Mailchimp, Mailman) as rows.

Nothing is guessed: a row with an unknown state is refused, and columns and values that can't be
used are counted by name. If neither the file nor its name gives the state of its people, the person
who imports it must give the state.

export_format.py  the code that the formats share
listmonk.py       listmonk's file of subscribers
mailchimp.py      Mailchimp's files of contacts, one for each state
mailman.py        Mailman's lists of members
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO

from mailer.intake.csv_reader import CsvTable, read_table, read_table_or_lines
from mailer.intake.exports.listmonk import ListmonkFormat
from mailer.intake.exports.mailchimp import MailchimpFormat
from mailer.intake.exports.mailman import MailmanFormat
from mailer.intake.table import FileOpener, RowFormat
from mailer.model.imports import RowState


class ExportOrigin(StrEnum):
    """The programs whose exports the mailer reads."""

    LISTMONK = "listmonk"
    MAILCHIMP = "mailchimp"
    MAILMAN = "mailman"


def create_export_opener(
    origin: ExportOrigin,
    mapping: Mapping[str, str],
    topics: frozenset[str],
    default_state: RowState | None,
) -> FileOpener:
    """Return a function that opens files exported by `origin`.

    `default_state` is the state of people if the file gives none."""

    def open_export(path: Path, raw: IO[bytes]) -> tuple[CsvTable, RowFormat]:
        if origin is ExportOrigin.MAILMAN:
            csv_table = read_table_or_lines(path, raw)
            return csv_table, MailmanFormat(
                csv_table.header, mapping, topics, default_state or RowState.ACTIVE
            )
        csv_table = read_table(path, raw)
        if origin is ExportOrigin.LISTMONK:
            return csv_table, ListmonkFormat(
                csv_table.header, mapping, topics, default_state or RowState.ACTIVE
            )
        return csv_table, MailchimpFormat(
            csv_table.header, mapping, topics, default_state, path.name
        )

    return open_export
