"""Rows of a SQLite database that PostgreSQL would refuse: SQLite stores any value in any column,
texts of any length, and texts with NUL bytes."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from mailer.errors import InputError
from mailer.store import schema
from mailer.store.copying.contents import list_key_columns, quote_name
from mailer.store.schema import Utc

LISTED_VALUES = 10
"""Maximum number of values in an error."""

_NUL = "instr({c}, char(0)) > 0"


def _list_faults(column: Column[Any]) -> Iterator[tuple[str, str]]:
    """List (condition, words) of each fault that a value of a column may have, in this order."""
    kind = column.type
    if isinstance(kind, JSON):
        yield _NUL, "has a NUL byte"
        yield "NOT json_valid({c})", "is not JSON"
    elif isinstance(kind, Utc):
        yield "julianday(substr({c}, 1, 19)) IS NULL", "is not a moment"
    elif isinstance(kind, Date):
        yield "date({c}) IS NOT {c}", "is not a day"
    elif isinstance(kind, Boolean):
        yield "{c} NOT IN (0, 1)", "is neither 0 nor 1"
    elif isinstance(kind, LargeBinary):
        yield "typeof({c}) <> 'blob'", "is not a blob"
    elif isinstance(kind, String):
        yield "typeof({c}) <> 'text'", "is not a text"
        yield _NUL, "has a NUL byte"
        if kind.length:
            yield f"length({{c}}) > {kind.length}", f"is longer than {kind.length} characters"
    elif isinstance(kind, BigInteger):
        yield "typeof({c}) <> 'integer'", "is not a whole number"
    elif isinstance(kind, Integer):
        yield "typeof({c}) <> 'integer'", "is not a whole number"
        if not column.primary_key and not column.foreign_keys:
            yield "{c} NOT BETWEEN -2147483648 AND 2147483647", "has more than 32 bits"


def _list_refused_values(db: Connection, table: Table) -> Iterator[str]:
    conditions = []
    reasons = []
    for column in table.columns:
        name = quote_name(column.name)
        for template, words in _list_faults(column):
            condition = f"{name} IS NOT NULL AND {template.format(c=name)}"
            conditions.append(f"({condition})")
            reasons.append(f"WHEN {condition} THEN '{column.name} {words}'")
    key_columns = list_key_columns(table)
    keys = ", ".join(quote_name(column.name) for column in key_columns)
    statement = (
        f"SELECT {keys}, CASE {' '.join(reasons)} END FROM {quote_name(table.name)} "  # noqa: S608
        f"WHERE {' OR '.join(conditions)} LIMIT {LISTED_VALUES}"
    )
    for *key, reason in db.execute(text(statement.replace(":", r"\:"))):
        pairs = zip(key_columns, key, strict=True)
        place = ", ".join(f"{column.name} {value}" for column, value in pairs)
        yield f"{table.name} ({place}): {reason}"


def check_values(db: Connection) -> None:
    """Check that PostgreSQL can store all rows of a SQLite database. Raises InputError, which names
    the first ones that it can't."""
    refused_values: list[str] = []
    for table in schema.metadata.sorted_tables:
        refused_values += _list_refused_values(db, table)
        if len(refused_values) >= LISTED_VALUES:
            break
    if refused_values:
        listed = "; ".join(refused_values[:LISTED_VALUES])
        more = " …" if len(refused_values) >= LISTED_VALUES else ""
        raise InputError(
            f"PostgreSQL can't store these values: {listed}{more}",
            hint="correct them in the old database, then copy it; nothing was changed",
            code="unstorable_values",
        )
