"""Read files of addresses that must not be mailed as suppressions, and write them.

The file is CSV with a header (address, reason, detail, since), or has one address per line. A file
is read in batches, so that memory does not grow with the file.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TextIO

from mailer import addresses
from mailer.audience.imports.rows import normalise_header
from mailer.audience.lists import check_line
from mailer.errors import InputError
from mailer.intake.csv_reader import (
    CsvLine,
    escape_formula,
    open_for_reading,
    read_table_or_lines,
    unescape_formula,
)
from mailer.model.imports import RowOutcome, RowResult
from mailer.model.suppressions import Suppression, SuppressionReason

BATCH = 1000
EXPORT_HEADER = ("address", "reason", "detail", "since")
REASONS = (SuppressionReason.MANUAL, SuppressionReason.BOUNCE, SuppressionReason.COMPLAINT)
"""Reasons that a file can give. Erasure is not among them, since the address of an erased person is
not stored."""

_ALIASES = {
    "address": "address",
    "email": "address",
    "emailaddress": "address",
    "mail": "address",
    "reason": "reason",
    "detail": "detail",
    "since": "since",
}


@dataclass(frozen=True, slots=True)
class SuppressionBatch:
    """A batch of a file: suppressions with their line numbers, and results for invalid lines.

    `bytes_read` counts from the file's beginning; `passed_over` counts ignored columns by name."""

    rows: tuple[tuple[int, Suppression], ...]
    refused: tuple[RowResult, ...]
    bytes_read: int
    passed_over: Mapping[str, int]


def read_suppressions(
    path: Path, reason: SuppressionReason, now: datetime, batch_size: int = BATCH
) -> Iterator[SuppressionBatch]:
    """Yield the file's suppressions, `batch_size` lines at a time.

    `reason` and `now` are used if a line has no reason or no date. An invalid line is refused.
    Raises InputError for a file that can't be read or a header that can't be used."""
    with open_for_reading(path) as raw:
        yield from _read_batches(path, raw, reason, now, batch_size)


def _read_batches(
    path: Path, raw: IO[bytes], reason: SuppressionReason, now: datetime, batch_size: int
) -> Iterator[SuppressionBatch]:
    csv_table = read_table_or_lines(path, raw)
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
    rows: list[tuple[int, Suppression]] = []
    refused: list[RowResult] = []
    for line in csv_table.lines:
        fields = {
            name: unescape_formula(line.fields[index].strip())
            for name, index in columns.items()
            if index < len(line.fields)
        }
        try:
            rows.append((line.number, _build_suppression(line, fields, reason, now)))
        except InputError as error:
            message = (
                f"{error.where or error.field}: {error.message}"
                if error.where or error.field
                else error.message
            )
            refused.append(
                RowResult(line.number, RowOutcome.REFUSED, fields.get("address", ""), message)
            )
        if len(rows) + len(refused) >= batch_size:
            yield SuppressionBatch(tuple(rows), tuple(refused), raw.tell(), passed_over)
            rows, refused, passed_over = [], [], {}
    yield SuppressionBatch(tuple(rows), tuple(refused), raw.tell(), passed_over)


def _build_suppression(
    line: CsvLine, fields: Mapping[str, str], reason: SuppressionReason, now: datetime
) -> Suppression:
    if line.problem:
        raise InputError(line.problem)
    reason_text = fields.get("reason", "").lower()
    if reason_text and reason_text not in REASONS:
        raise InputError(f"{reason_text!r} is not one of {', '.join(REASONS)}", where="reason")
    return Suppression(
        addresses.normalise_address(fields.get("address", "")),
        SuppressionReason(reason_text) if reason_text else reason,
        check_line(fields.get("detail", ""), "detail", required=False),
        _parse_since(fields.get("since", "")) or now,
    )


def _parse_since(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if value else None
        if moment is None:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{value!r} is not a date", where="since", hint="write it as 2026-12-18"
        ) from error


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
