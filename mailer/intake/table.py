"""CSV files -> rows of people, in batches, and people -> CSV files.

A file is read as it comes, a batch at a time: memory does not grow with it. Comma, semicolon and
tab are told apart by the header; UTF-8, with or without a byte order mark.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

from mailer.audience.rows import Column, Row, RowOutcome, RowResult, map_columns, read
from mailer.audience.subscribers import Membership, Subscriber
from mailer.errors import InputError

BATCH = 1000
LONGEST_FIELD = 100_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that can be brought in, results for those that can't, and how far the file is read."""

    rows: tuple[Row, ...]
    refused: tuple[RowResult, ...]
    bytes_read: int


def batches(
    path: Path, mapping: Mapping[str, str], topics: frozenset[str], size: int = BATCH
) -> Iterator[Batch]:
    """The file's rows, `size` at a time. Raises InputError for a file or header that can't be used;
    a bad row is only refused."""
    try:
        with path.open("rb") as raw:
            yield from _batches(path, raw, mapping, topics, size)
    except OSError as error:
        raise InputError(
            f"it can't be read ({error.strerror})", where=str(path), hint="check the path"
        ) from error


def _lines(path: Path, raw: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(raw, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"byte 0x{line[error.start]:02x} is not UTF-8",
                where=f"{path}, line {number}",
                hint="save the file as UTF-8; the rows before it are in",
            ) from error
        yield text.replace("\0", "")


def _batches(
    path: Path, raw: IO[bytes], mapping: Mapping[str, str], topics: frozenset[str], size: int
) -> Iterator[Batch]:
    csv.field_size_limit(LONGEST_FIELD)
    lines = _lines(path, raw)
    first = next(lines, "")
    if not first.strip():
        raise InputError(
            "the file has no header", where=f"{path}, line 1", hint="begin with a line of names"
        )
    delimiter = max(",;\t", key=first.count)
    try:
        header = [head.strip() for head in next(csv.reader([first], delimiter=delimiter))]
    except csv.Error as error:
        raise InputError(
            f"its header is not CSV ({error})",
            where=f"{path}, line 1",
            hint="save the file as CSV, with line ends as on Windows or Unix",
        ) from error
    try:
        columns = map_columns(header, mapping)
    except InputError as error:
        raise InputError(
            error.what,
            where=f"{path}, {error.where}" if error.where.startswith("line") else error.where,
            hint=error.hint,
        ) from error
    reader = csv.reader(lines, delimiter=delimiter)
    rows: list[Row] = []
    refused: list[RowResult] = []
    address_at = next(index for index, column in columns.items() if column is Column.ADDRESS)
    while True:
        line = reader.line_num + 2
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            refused.append(RowResult(line, RowOutcome.REFUSED, "", f"not CSV: {error}"))
            continue
        if any(field.strip() for field in fields):
            try:
                rows.append(read(line, [unsafe(field) for field in fields], columns, topics))
            except InputError as error:
                address = unsafe(fields[address_at].strip()) if address_at < len(fields) else ""
                why = f"{error.where}: {error.what}" if error.where else error.what
                refused.append(RowResult(line, RowOutcome.REFUSED, address, why))
        if len(rows) + len(refused) >= size:
            yield Batch(tuple(rows), tuple(refused), raw.tell())
            rows, refused = [], []
    yield Batch(tuple(rows), tuple(refused), raw.tell())


EXPORT_HEADER = (
    "address", "name", "language", "country", "time_zone", "tags", "topics", "joined", "state",
)  # fmt: skip


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(value: str) -> str:
    """`value` so that a spreadsheet takes it for text, not for a formula: with an apostrophe
    before it. :func:`unsafe` takes it away again."""
    return f"'{value}" if value.lstrip("'").startswith(_FORMULA) else value


def unsafe(value: str) -> str:
    """What :func:`safe` was given."""
    return value[1:] if value[:1] == "'" and value.lstrip("'").startswith(_FORMULA) else value


def write(
    people: Iterable[tuple[Subscriber, Membership | None]],
    out: TextIO,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """People as CSV that :func:`batches` reads back; how many. Addresses, names and tags that a
    spreadsheet would take for a formula get an apostrophe before them."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(EXPORT_HEADER)
    count = 0
    for count, (subscriber, membership) in enumerate(people, 1):
        person = subscriber.person
        writer.writerow(
            [
                safe(person.address),
                safe(person.name),
                membership.language or person.language if membership else person.language,
                person.country,
                person.time_zone,
                safe(";".join(person.tags)),
                ";".join(membership.topics) if membership else "",
                membership.joined_at.isoformat() if membership else "",
                membership.state.value if membership else "",
            ]
        )
        if count % 1000 == 0:
            progress(count)
    return count
