"""Files of people -> rows, in batches, and people -> CSV files.

A file is read as it comes, a batch at a time: memory does not grow with it. What other programs
export is understood by ``exports.py``.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, TextIO

from mailer.audience.lists import Frequency
from mailer.audience.rows import (
    Column,
    Row,
    RowOutcome,
    RowResult,
    RowState,
    Skipped,
    join,
    map_columns,
    read,
    taken,
)
from mailer.audience.subscribers import Membership, Subscriber
from mailer.errors import InputError
from mailer.intake.sheets import Line, Sheet, opened, safe, sheet, unsafe

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that can be brought in, results for those that can't, and how far the file is read.
    `passed_over` counts what was not understood, by its name."""

    rows: tuple[Row, ...]
    refused: tuple[RowResult, ...]
    bytes_read: int
    passed_over: Mapping[str, int] = field(default_factory=dict)


class Format(Protocol):
    """How the lines of one kind of file are read. `passed_over` grows as they are."""

    passed_over: Counter[str]

    def row(self, line: Line) -> Row:
        """Raises InputError for a line that can't be read, Skipped for one that isn't to be."""

    def address(self, line: Line) -> str:
        """The address on a line that can't be read, as it stands there."""


class Plain:
    """Columns that are named as ours are, or by hand."""

    def __init__(
        self,
        header: list[str],
        mapping: Mapping[str, str],
        topics: frozenset[str],
        default: RowState,
    ) -> None:
        self._columns = map_columns(header, mapping)
        self._topics = topics
        self._default = default
        self._address = next(at for at, what in self._columns.items() if what is Column.ADDRESS)
        self.passed_over = Counter(
            {
                head: 0
                for at, head in enumerate(header)
                if head and at not in self._columns and head not in mapping
            }
        )

    def row(self, line: Line) -> Row:
        fields = [unsafe(value) for value in line.fields]
        got = taken(fields, self._columns)
        return read(line.number, got, self._topics, default=self._default)

    def address(self, line: Line) -> str:
        at = self._address
        return unsafe(line.fields[at].strip()) if at < len(line.fields) else ""


Opens = Callable[[Path, IO[bytes]], tuple[Sheet, Format]]
"""How a file of one kind is opened. Raises InputError for one that can't be used."""


def plain(
    mapping: Mapping[str, str], topics: frozenset[str], default: RowState = RowState.ACTIVE
) -> Opens:
    """A CSV file with a header."""

    def opens(path: Path, raw: IO[bytes]) -> tuple[Sheet, Format]:
        found = sheet(path, raw)
        return found, Plain(found.header, mapping, topics, default)

    return opens


def batches(
    path: Path, mapping: Mapping[str, str], topics: frozenset[str], size: int = BATCH
) -> Iterator[Batch]:
    """The rows of a CSV file with a header, `size` at a time: see :func:`read_file`."""
    return read_file(path, plain(mapping, topics), size)


def read_file(path: Path, opens: Opens, size: int = BATCH) -> Iterator[Batch]:
    """The file's rows, `size` at a time. Raises InputError for a file or header that can't be used;
    a bad row is only refused."""
    with opened(path) as raw:
        yield from _batches(path, raw, opens, size)


def _batches(path: Path, raw: IO[bytes], opens: Opens, size: int) -> Iterator[Batch]:
    try:
        found, form = opens(path, raw)
    except InputError as error:
        raise InputError(
            error.what,
            where=f"{path}, {error.where}" if error.where.startswith("line") else error.where,
            hint=error.hint,
        ) from error
    rows: list[Row] = []
    refused: list[RowResult] = []
    for line in found.lines:
        if line.problem:
            refused.append(RowResult(line.number, RowOutcome.REFUSED, "", line.problem))
        else:
            try:
                rows.append(form.row(line))
            except InputError as error:
                why = f"{error.where}: {error.what}" if error.where else error.what
                refused.append(RowResult(line.number, RowOutcome.REFUSED, form.address(line), why))
            except Skipped as reason:
                refused.append(
                    RowResult(line.number, RowOutcome.SKIPPED, form.address(line), str(reason))
                )
        if len(rows) + len(refused) >= size:
            yield Batch(tuple(rows), tuple(refused), raw.tell(), dict(form.passed_over))
            rows, refused = [], []
            form.passed_over.clear()
    yield Batch(tuple(rows), tuple(refused), raw.tell(), dict(form.passed_over))


EXPORT_HEADER = (
    "address", "name", "language", "country", "time_zone", "tags", "topics", "joined", "state",
    "left", "list_language", "frequency", "paused_until",
)  # fmt: skip


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
                person.language,
                person.country,
                person.time_zone,
                safe(join(person.tags)),
                *(_membership(membership) if membership else [""] * 7),
            ]
        )
        if count % 1000 == 0:
            progress(count)
    return count


def _membership(one: Membership) -> list[str]:
    return [
        ";".join(one.topics),
        one.joined_at.isoformat(),
        one.state.value,
        one.left_at.isoformat() if one.left_at else "",
        one.language,
        one.frequency.value if one.frequency is not Frequency.EVERY else "",
        one.paused_until.isoformat() if one.paused_until else "",
    ]
