"""Read and write suppressions: files of addresses that must not be mailed.

The file is CSV with a header (address, reason, detail, since), or has one address per line. A file
is read in batches, so that memory does not grow with the file.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, TextIO

from mailer import addresses
from mailer.audience.imports.address_cells import split_addresses
from mailer.audience.imports.columns import ALIASES, ImportColumn, normalise_header
from mailer.audience.imports.dates import DateOrder, DateOrderFinder, parse_date
from mailer.audience.imports.rows import describe_row_error
from mailer.audience.imports.state_words import STATE_WORDS, is_nothing
from mailer.audience.lists import check_line
from mailer.errors import InputError
from mailer.intake.csv_reader import (
    CsvLine,
    FileChoices,
    escape_formula,
    name_file_in_errors,
    open_for_reading,
    read_table_or_lines,
    unescape_formula,
)
from mailer.model.imports import OmittedValue, RowOutcome, RowResult, RowState
from mailer.model.suppressions import Suppression, SuppressionReason

BATCH = 1000
EXPORT_HEADER = ("address", "reason", "detail", "since")
REASONS = (SuppressionReason.MANUAL, SuppressionReason.BOUNCE, SuppressionReason.COMPLAINT)
"""Reasons that a file can give. Erasure is not among them, since the address of an erased person is
not stored."""

_ALIASES = {
    **{head: "address" for head, column in ALIASES.items() if column is ImportColumn.ADDRESS},
    "address": "address",
    "reason": "reason",
    "detail": "detail",
    "since": "since",
}


@dataclass(frozen=True, slots=True)
class SuppressionBatch:
    """A batch of a file: suppressions with their line numbers, and results for invalid lines.

    `bytes_read` counts from the file's beginning; `passed_over` counts unknown columns by name;
    `omitted` has the values of each line that could not be read; `notes` say how the file was read,
    in its first batch."""

    rows: tuple[tuple[int, Suppression], ...]
    refused: tuple[RowResult, ...]
    bytes_read: int
    passed_over: Mapping[str, int]
    omitted: Mapping[int, tuple[OmittedValue, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_suppressions(
    path: Path,
    reason: SuppressionReason,
    now: datetime,
    batch_size: int = BATCH,
    choices: FileChoices | None = None,
    date_order: DateOrder | None = None,
) -> Iterator[SuppressionBatch]:
    """Yield the file's suppressions, `batch_size` lines at a time.

    `reason` and `now` are used if a line has no reason or no date. `date_order` is the order of day
    and month that staff stated. An invalid line is refused. Raises InputError for a file that can't
    be read, a header that can't be used, or dates that may be read in two ways."""
    with open_for_reading(path) as raw:
        yield from _read_batches(path, raw, reason, now, batch_size, choices, date_order)


def _read_batches(
    path: Path,
    raw: IO[bytes],
    reason: SuppressionReason,
    now: datetime,
    batch_size: int,
    choices: FileChoices | None = None,
    date_order: DateOrder | None = None,
) -> Iterator[SuppressionBatch]:
    csv_table = read_table_or_lines(path, raw, choices)
    notes = csv_table.notes
    header = csv_table.header or ["address"]
    columns: dict[str, int] = {}
    passed_over: dict[str, int] = {}
    for index, head in enumerate(header):
        name = _ALIASES.get(normalise_header(head))
        if name is None:
            passed_over[head] = 0
        elif name in columns:
            raise InputError(f"two columns hold the {name}", where=f"{path}, line 1")
        else:
            columns[name] = index
    if "address" not in columns:
        raise InputError(
            "no column holds addresses",
            where=f"{path}, line 1",
            hint="name a column 'address', or write one address a line",
        )
    if "since" in columns:
        index = columns["since"]
        finder = DateOrderFinder()
        for line in csv_table.lines:
            if index < len(line.fields) and (value := line.fields[index].strip()):
                finder.survey_value(unescape_formula(value), header[index], line.number)
        with name_file_in_errors(path):
            date_order, note = finder.decide_order(date_order, can_ignore=False)
        notes = (*notes, note) if note else notes
    rows: list[tuple[int, Suppression]] = []
    refused: list[RowResult] = []
    omitted_by_line: dict[int, tuple[OmittedValue, ...]] = {}
    for line in csv_table.lines:
        fields = {
            name: unescape_formula(line.fields[index].strip())
            for name, index in columns.items()
            if index < len(line.fields)
        }
        try:
            for suppression, omitted in _build_suppressions(line, fields, reason, now, date_order):
                rows.append((line.number, suppression))
                omitted_by_line |= {line.number: omitted} if omitted else {}
        except InputError as error:
            message = describe_row_error(error)
            refused.append(
                RowResult(line.number, RowOutcome.REFUSED, fields.get("address", ""), message)
            )
        if len(rows) + len(refused) >= batch_size:
            yield SuppressionBatch(
                tuple(rows), tuple(refused), raw.tell(), passed_over, omitted_by_line, notes
            )
            rows, refused, passed_over, omitted_by_line, notes = [], [], {}, {}, ()
    yield SuppressionBatch(
        tuple(rows), tuple(refused), raw.tell(), passed_over, omitted_by_line, notes
    )


def _build_suppressions(
    line: CsvLine,
    fields: Mapping[str, str],
    reason: SuppressionReason,
    now: datetime,
    date_order: DateOrder | None,
) -> list[tuple[Suppression, tuple[OmittedValue, ...]]]:
    """Build the suppressions of a line. A reason, detail or date that can't be read is left out,
    since the address must not be mailed whatever the reason is. Raises InputError for an invalid
    address."""
    if line.problem:
        raise InputError(line.problem)
    omitted: list[OmittedValue] = []
    reason_text = fields.get("reason", "")
    stated_reason = _parse_reason(reason_text)
    if reason_text and stated_reason is None:
        message = f"{reason_text!r} is not one of {', '.join(REASONS)}"
        omitted.append(OmittedValue("reason", reason_text, message))
    detail = fields.get("detail", "")
    try:
        detail = check_line(detail, "detail", required=False)
    except InputError as error:
        omitted.append(OmittedValue("detail", detail, error.message))
        detail = ""
    since_text = fields.get("since", "")
    since = None if is_nothing(since_text) else parse_date(since_text, date_order)
    if since is None and not is_nothing(since_text):
        problem = (
            "may have the day or the month first: the file has both"
            if parse_date(since_text, DateOrder.DAY_FIRST)
            else "is not a date"
        )
        message = f"{since_text!r} {problem}; the day of the import is recorded"
        omitted.append(OmittedValue("since", since_text, message))
    return [
        (
            Suppression(
                addresses.normalise_address(cell.address),
                stated_reason or reason,
                detail,
                since or now,
            ),
            tuple(omitted),
        )
        for cell in split_addresses(fields.get("address", ""))
    ]


def _parse_reason(text: str) -> SuppressionReason | None:
    """Return the reason that a word stands for. Words that other programs use are understood,
    too."""
    if text.lower() in REASONS:
        return SuppressionReason(text.lower())
    state = STATE_WORDS.get(normalise_header(text))
    return state.reason if state and state.state is RowState.SUPPRESSED else None


def write_suppressions(suppressions: Iterable[Suppression], out: TextIO) -> tuple[int, int]:
    """Write suppressions as CSV that :func:`read_suppressions` reads back.

    Returns (written, hashes): the number of suppressions written, and the number that are left out
    because only a hash is stored (of erased people), which other programs could not use."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(EXPORT_HEADER)
    written = hashes = 0
    for suppression in suppressions:
        if not suppression.address:
            hashes += 1
            continue
        since = suppression.created_at.isoformat()
        writer.writerow(
            [
                escape_formula(suppression.address),
                suppression.reason.value,
                escape_formula(suppression.detail),
                since,
            ]
        )
        written += 1
    return written, hashes
