"""Make many rows from one: copies of rows that verbs have made, with other keys and times.

Everything happens in the database, by ``INSERT … SELECT``, on both databases alike.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    MetaData,
    Table,
    Text,
    cast,
    insert,
    literal,
    select,
    text,
    true,
)

from mailer.store import SqlTransaction
from mailer.store.schema import database_now

numbers = Table("bench_number", MetaData(), Column("n", BigInteger, primary_key=True))
"""The numbers from 0 on, in a temporary table of the transaction's connection."""

n: ColumnElement[int] = numbers.c.n


def create_numbers(tx: SqlTransaction, count: int) -> None:
    """Make the table of the numbers below `count`. :func:`drop_numbers` removes it."""
    tx.connection.execute(
        text("CREATE TEMPORARY TABLE bench_number (n BIGINT NOT NULL PRIMARY KEY)")
    )
    tx.connection.execute(
        text(
            "INSERT INTO bench_number WITH RECURSIVE counted(n) AS "
            "(SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < :count) "
            "SELECT n FROM counted"
        ),
        {"count": count},
    )


def drop_numbers(tx: SqlTransaction) -> None:
    tx.connection.execute(text("DROP TABLE bench_number"))


def copy_rows(
    tx: SqlTransaction,
    table: Table,
    condition: ColumnElement[bool],
    values: Mapping[str, Any],
) -> None:
    """Insert a copy of each row of `table` that meets the condition, with other `values`. The
    condition and the values may use :data:`n`, for a copy for each number. A primary key that is
    not among the values is left to the database."""
    columns = [
        column for column in table.c if column.name in values or not _is_generated(table, column)
    ]
    source = select(
        *(_get_value(values, column).label(f"new_{column.name}") for column in columns)
    ).select_from(table.join(numbers, true()))
    tx.connection.execute(insert(table).from_select(columns, source.where(condition)))


def _is_generated(table: Table, column: Column[Any]) -> bool:
    return column is table.autoincrement_column and not column.foreign_keys


def _get_value(values: Mapping[str, Any], column: Column[Any]) -> ColumnElement[Any]:
    if column.name not in values:
        return column
    value = values[column.name]
    if isinstance(value, ColumnElement):
        return value
    return literal(value, column.type)


def join_texts(*parts: Any) -> ColumnElement[str]:
    """Join texts and numbers to one text."""
    first, *others = [
        literal(part) if isinstance(part, str) else cast(part, Text()) for part in parts
    ]
    joined: ColumnElement[str] = first
    for part in others:
        joined = joined.op("||")(part)
    return joined


def compute_moment(hours_ago: Any) -> ColumnElement[Any]:
    """Compute the moment so many hours before now, by the database's clock."""
    return database_now(cast(hours_ago * -3600, Float()))
