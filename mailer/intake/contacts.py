"""Read CSV files of media contacts.

Each line holds a person, as in ``table.py``, with their outlet, beats and trust. Column names of
other press databases are understood."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mailer.audience.contacts import check_profile
from mailer.audience.imports.contacts import ContactRow
from mailer.audience.imports.rows import (
    ALIASES,
    assign_fields,
    map_columns,
    normalise_header,
    parse_row,
    split_values,
)
from mailer.errors import InputError
from mailer.intake.csv_reader import CsvLine, open_for_reading, read_table, unescape_formula
from mailer.model.contacts import ContactProfile, FollowUp, Trust
from mailer.model.imports import RowOutcome, RowResult

COLUMNS: Mapping[str, str] = {
    "outlet": "outlet", "media": "outlet", "mediaoutlet": "outlet", "publication": "outlet",
    "organisation": "outlet", "organization": "outlet", "company": "outlet",
    "beat": "beats", "beats": "beats", "subjects": "beats",
    "trust": "trust", "trusted": "trust", "trustedwithembargoes": "trust", "embargo": "trust",
    "followup": "follow_up", "donotfollowup": "no_follow_up",
    "note": "note", "notes": "note",
}  # fmt: skip
"""Column names, as letters only in lower case -> the field that the column fills."""

_YES = {"yes", "y", "true", "1", "x", "trusted", "welcome"}
_NO = {"no", "n", "false", "0", "", "untrusted", "never"}


def read_contacts(path: Path, topics: frozenset[str]) -> Iterator[ContactRow | RowResult]:
    """Yield the file's lines in order; an invalid line yields a result with the reason.

    Raises InputError for a file that can't be read or a header that can't be used."""
    with open_for_reading(path) as raw:
        csv_table = read_table(path, raw)
        contact_columns = {
            index: COLUMNS[normalise_header(head)]
            for index, head in enumerate(csv_table.header)
            if normalise_header(head) in COLUMNS
        }
        other_heads = [
            "" if index in contact_columns else head for index, head in enumerate(csv_table.header)
        ]
        try:
            columns = map_columns(other_heads, {})
        except InputError as error:
            raise InputError(error.message, where=f"{path}, line 1", hint=error.hint) from error
        for line in csv_table.lines:
            fields = [unescape_formula(value) for value in line.fields]
            try:
                if line.problem:
                    raise InputError(line.problem)
                yield ContactRow(
                    parse_row(line.number, assign_fields(fields, columns), topics),
                    *_build_profile(line, fields, contact_columns),
                )
            except InputError as error:
                message = (
                    f"{error.where or error.field}: {error.message}"
                    if error.where or error.field
                    else error.message
                )
                address = ""
                with suppress(StopIteration, IndexError):
                    index = next(
                        index for index, column in columns.items() if column.value == "address"
                    )
                    address = fields[index].strip()
                yield RowResult(line.number, RowOutcome.REFUSED, address, message)


def find_unknown_columns(path: Path) -> list[str]:
    """Return the names of the file's columns that no field matches.

    Raises InputError for a file that can't be read or has no header."""
    with open_for_reading(path) as raw:
        return [
            head
            for head in read_table(path, raw).header
            if head.strip()
            and normalise_header(head) not in COLUMNS
            and normalise_header(head) not in ALIASES
        ]


def _build_profile(
    line: CsvLine, fields: list[str], contact_columns: Mapping[int, str]
) -> tuple[ContactProfile, frozenset[str]]:
    values = {
        name: fields[index].strip()
        for index, name in contact_columns.items()
        if index < len(fields)
    }
    stated_columns = {name for name in values if name != "no_follow_up"}
    follow_up = FollowUp.WELCOME
    if "follow_up" in values:
        # An empty field allows follow-up calls.
        is_welcome = not values["follow_up"] or _parse_flag(values["follow_up"], "follow_up")
        follow_up = FollowUp.WELCOME if is_welcome else FollowUp.NEVER
    if "no_follow_up" in values:
        stated_columns.add("follow_up")
        follow_up = (
            FollowUp.NEVER
            if _parse_flag(values["no_follow_up"], "do not follow up")
            else FollowUp.WELCOME
        )
    is_trusted = _parse_flag(values.get("trust", ""), "trust")
    profile = ContactProfile(
        outlet=values.get("outlet", ""),
        beats=tuple(split_values(values.get("beats", ""))),
        trust=Trust.TRUSTED if is_trusted else Trust.UNTRUSTED,
        follow_up=follow_up,
        note=values.get("note", ""),
    )
    return check_profile(profile), frozenset(stated_columns)


def _parse_flag(value: str, where: str) -> bool:
    word = value.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise InputError(f"{value!r} is neither yes nor no", where=where, hint="write yes or no")
