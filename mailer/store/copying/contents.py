"""The rows of a table in one form on both databases: numbers, texts, bytes and nulls.

A moment is its text in UTC with microseconds, as SQLite stores it; a boolean is 0 or 1; JSON is the
text that was stored. PostgreSQL converts between this form and its own types, so a row that is
copied there and back is the same.

Rows are read by their primary key, in the order that the database itself gives to its keys, some
megabytes at a time.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from mailer.store.engine import begin_transaction
from mailer.store.schema import Utc

Row = tuple[int | str | bytes | None, ...]
Key = tuple[int | str, ...]

FIRST_BATCH = 50
"""Rows of a table's first batch, as long as the size of its rows is unknown."""

MAX_BATCH = 5000
BATCH_CHARACTERS = 4_000_000
"""Characters that a batch should have. A row that is larger is a batch of its own."""

MOMENT_LENGTH = len("2026-12-01 09:00:00.000000")
CHECKSUM_BITS = 256

_PASSED_THROUGH = (String, Integer, BigInteger, LargeBinary)
_POSTGRESQL_FORMS = (
    (Utc, "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"),
    (Boolean, "CAST({} AS integer)"),
    (JSON, "CAST({} AS text)"),
    (Date, "to_char({}, 'YYYY-MM-DD')"),  # a cast depends on DateStyle
)
_SQLITE_FORMS = (
    (Utc, "{}"),
    (Boolean, "{}"),
    (JSON, "CAST({} AS text)"),  # a bare number would come as a number
    (Date, "{}"),
)


def quote_name(name: str) -> str:
    """Quote the name of a table or a column, which are lower case on both databases."""
    return f'"{name}"'


def list_key_columns(table: Table) -> list[Column[Any]]:
    return list(table.primary_key.columns)


def _select_form(column: Column[Any], dialect: str) -> str:
    """Return the SQL expression of a column in the common form. Raises TypeError for a type that
    this module does not know."""
    forms = _POSTGRESQL_FORMS if dialect == "postgresql" else _SQLITE_FORMS
    for kind, form in forms:
        if isinstance(column.type, kind):
            return form.format(quote_name(column.name))
    if not isinstance(column.type, _PASSED_THROUGH):
        raise TypeError(f"{column.table.name}.{column.name}: no form for {column.type!r}")
    return quote_name(column.name)


def _format_parameter(column: Column[Any], parameter: str, dialect: str) -> str:
    """Return the SQL expression of a key's value in the common form. A moment is in UTC, whatever
    the time zone of the session."""
    if dialect == "postgresql" and isinstance(column.type, Utc):
        return f"CAST(CAST({parameter} AS text) || '+00' AS timestamp with time zone)"
    return parameter


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that follow each other. `last_key`: the primary key of the last one; `is_last`: no rows
    follow."""

    rows: list[Row]
    last_key: Key
    checksum: int
    is_last: bool


class TableReader:
    """Reads the rows of a table in batches, each in a short transaction of its own."""

    def __init__(self, engine: Engine, table: Table) -> None:
        self._engine = engine
        self._key_columns = list_key_columns(table)
        columns = list(table.columns)
        self._key_places = [columns.index(column) for column in self._key_columns]
        self._moments = [
            place for place, column in enumerate(columns) if isinstance(column.type, Utc)
        ]
        self._has_blobs = any(isinstance(column.type, LargeBinary) for column in columns)
        dialect = engine.dialect.name
        forms = ", ".join(_select_form(column, dialect) for column in columns)
        keys = ", ".join(quote_name(column.name) for column in self._key_columns)
        parameters = ", ".join(
            _format_parameter(column, f":key{number}", dialect)
            for number, column in enumerate(self._key_columns)
        )
        select = f"SELECT {forms} FROM {quote_name(table.name)}"  # noqa: S608  (names of the schema)
        order = f"ORDER BY {keys} LIMIT :limit"
        self._first_statement = text(f"{select} {order}")
        self._next_statement = text(f"{select} WHERE ({keys}) > ({parameters}) {order}")

    def read_batches(self, after: Key | None) -> Iterator[Batch]:
        """Yield the rows after a key, or all rows."""
        limit = 1 if self._has_blobs else FIRST_BATCH
        while True:
            with begin_transaction(self._engine, reading=True) as connection:
                rows = self._read_rows(connection, after, limit)
            if not rows:
                return
            checksum, characters = hash_rows(rows, has_blobs=self._has_blobs)
            after = tuple(rows[-1][place] for place in self._key_places)  # type: ignore[misc]
            yield Batch(rows, after, checksum, is_last := len(rows) < limit)
            if is_last:
                return
            if not self._has_blobs:
                fitting = BATCH_CHARACTERS * len(rows) // max(characters, 1)
                limit = max(1, min(fitting, limit * 4, MAX_BATCH))

    def _read_rows(self, connection: Connection, after: Key | None, limit: int) -> list[Row]:
        if after is None:
            result = connection.execute(self._first_statement, {"limit": limit})
        else:
            key = {f"key{number}": value for number, value in enumerate(after)}
            result = connection.execute(self._next_statement, {**key, "limit": limit})
        rows = [tuple(row) for row in result]
        if self._engine.dialect.name == "sqlite" and self._moments:
            rows = [self._complete_moments(row) for row in rows]
        return rows

    def _complete_moments(self, row: Row) -> Row:
        """Give a moment its microseconds, if another program stored it without."""
        short = [
            place
            for place in self._moments
            if row[place] is not None and len(row[place]) != MOMENT_LENGTH  # type: ignore[arg-type]
        ]
        if not short:
            return row
        values = list(row)
        for place in short:
            values[place] = _format_moment(str(values[place]))
        return tuple(values)


def _format_moment(words: str) -> str:
    moment = datetime.fromisoformat(words)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def hash_rows(rows: Sequence[Row], *, has_blobs: bool = False) -> tuple[int, int]:
    """Return (checksum, number of characters) of rows. The checksum is the sum of the rows'
    SHA-256, so it depends neither on the order of rows, which differs between databases with the
    order of texts, nor on the batches."""
    checksum = characters = 0
    for row in rows:
        if has_blobs:
            row = tuple(
                hashlib.sha256(value).digest() if isinstance(value, bytes) else value
                for value in row
            )
        encoded = repr(row).encode("utf-8", "surrogatepass")
        characters += len(encoded)
        checksum += int.from_bytes(hashlib.sha256(encoded).digest(), "big")
    return checksum % (1 << CHECKSUM_BITS), characters


def add_checksums(first: int, second: int) -> int:
    return (first + second) % (1 << CHECKSUM_BITS)


def format_checksum(checksum: int) -> str:
    return f"{checksum:0{CHECKSUM_BITS // 4}x}"


def write_rows(db: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows in the common form. On PostgreSQL the session's time zone must be UTC, in which
    it reads moments."""
    names = ", ".join(quote_name(column.name) for column in table.columns)
    target = f"{quote_name(table.name)} ({names})"
    driver_connection: Any = db.connection.driver_connection
    if db.dialect.name == "postgresql":
        with (
            driver_connection.cursor() as cursor,
            cursor.copy(f"COPY {target} FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(table.columns))
    driver_connection.executemany(f"INSERT INTO {target} VALUES ({marks})", rows)  # noqa: S608


def count_rows(db: Connection, table: Table) -> int:
    return int(db.scalar(text(f"SELECT count(*) FROM {quote_name(table.name)}")) or 0)  # noqa: S608
