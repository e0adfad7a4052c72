"""Files of addresses that must not be mailed -> suppressions, and back.

A CSV file with a header (address, reason, detail, since), or an address a line. It is read as it
comes, a batch at a time: memory does not grow with it.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TextIO

from mailer.audience import addresses
from mailer.audience.lists import check_line
from mailer.audience.rows import RowOutcome, RowResult, plain
from mailer.audience.suppressions import Reason, Suppression
from mailer.errors import InputError
from mailer.intake.sheets import Line, opened, safe, sheet_or_lines, unsafe

BATCH = 1000
EXPORT_HEADER = ("address", "reason", "detail", "since")
REASONS = (Reason.MANUAL, Reason.BOUNCE, Reason.COMPLAINT)
"""Those that a file can give: of whom was erased there is no address."""

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
class Batch:
    """Suppressions by their lines, results for lines that can't be taken, how far the file is read,
    and what was not understood."""

    rows: tuple[tuple[int, Suppression], ...]
    refused: tuple[RowResult, ...]
    bytes_read: int
    passed_over: Mapping[str, int]


def batches(path: Path, reason: Reason, now: datetime, size: int = BATCH) -> Iterator[Batch]:
    """The file's addresses, `size` at a time; `reason` and `now` serve where a line gives none.
    Raises InputError for a file or header that can't be used; a bad line is only refused."""
    with opened(path) as raw:
        yield from _batches(path, raw, reason, now, size)


def _batches(
    path: Path, raw: IO[bytes], reason: Reason, now: datetime, size: int
) -> Iterator[Batch]:
    found = sheet_or_lines(path, raw)
    header = found.header or ["address"]
    columns: dict[str, int] = {}
    passed_over: dict[str, int] = {}
    for at, head in enumerate(header):
        name = _ALIASES.get(plain(head))
        if name is None:
            passed_over[head] = 0
        elif name in columns:
            raise InputError(f"two columns hold the {name}", where=f"{path}, line 1")
        else:
            columns[name] = at
    if "address" not in columns:
        raise InputError(
            "no column holds addresses",
            where=f"{path}, line 1",
            hint="name one 'address', or write an address a line",
        )
    rows: list[tuple[int, Suppression]] = []
    refused: list[RowResult] = []
    for line in found.lines:
        fields = {
            name: unsafe(line.fields[at].strip())
            for name, at in columns.items()
            if at < len(line.fields)
        }
        try:
            rows.append((line.number, _suppression(line, fields, reason, now)))
        except InputError as error:
            why = f"{error.where}: {error.what}" if error.where else error.what
            refused.append(
                RowResult(line.number, RowOutcome.REFUSED, fields.get("address", ""), why)
            )
        if len(rows) + len(refused) >= size:
            yield Batch(tuple(rows), tuple(refused), raw.tell(), passed_over)
            rows, refused, passed_over = [], [], {}
    yield Batch(tuple(rows), tuple(refused), raw.tell(), passed_over)


def _suppression(
    line: Line, fields: Mapping[str, str], reason: Reason, now: datetime
) -> Suppression:
    if line.problem:
        raise InputError(line.problem)
    given = fields.get("reason", "").lower()
    if given and given not in REASONS:
        raise InputError(f"{given!r} is none of {', '.join(REASONS)}", where="reason")
    return Suppression(
        addresses.normalise(fields.get("address", "")),
        Reason(given) if given else reason,
        check_line(fields.get("detail", ""), "detail", required=False),
        _since(fields.get("since", "")) or now,
    )


def _since(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if value else None
        if found is None:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{value!r} is not a date", where="since", hint="write it as 2026-12-18"
        ) from error


def write(some: Iterable[Suppression], out: TextIO) -> tuple[int, int]:
    """Suppressions as CSV that :func:`batches` reads back; how many, and of how many there is only
    a hash, which is worth nothing elsewhere."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(EXPORT_HEADER)
    written = hashes = 0
    for one in some:
        if not one.address:
            hashes += 1
            continue
        since = one.created_at.isoformat()
        writer.writerow([safe(one.address), one.reason.value, safe(one.detail), since])
        written += 1
    return written, hashes
