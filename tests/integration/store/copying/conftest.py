"""Pairs of databases, each of either kind, with rows in every table of the one."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Integer,
    LargeBinary,
    Table,
    insert,
    select,
)

from mailer.store import Store, schema
from mailer.store.copying import CopySummary, DatabaseMove
from mailer.store.copying.last_ids import save_last_ids
from mailer.store.schema import Utc
from tests.actors import STAFF
from tests.conftest import BACKENDS, KEY
from tests.integration.factories import NOW
from tests.postgresql import Postgresql, run_sql

ROWS = 3
"""Rows of each table."""

BIG_NUMBERS = (2**63 - 1, -(2**63), -1)
MOMENTS = (
    datetime(2026, 12, 1, 9, 0, 0, 1, UTC),
    datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=-12))),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
)
_numbers = count(1)


@pytest.fixture
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Make the URL of an empty database of a kind."""
    names = []

    def make(backend: str) -> str:
        number = next(_numbers)
        if backend == "sqlite":
            return f"sqlite:///{tmp_path / f'copy{number}.db'}"
        server: Postgresql = request.getfixturevalue("postgresql")
        name = f"copy{number}"
        run_sql(server.make_url("postgres"), f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        names.append((server, name))
        return server.make_url(name)

    yield make
    for server, name in names:
        run_sql(server.make_url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=[BACKENDS, BACKENDS[::-1]], ids="→".join)
def databases(
    request: pytest.FixtureRequest, make_database: Callable[[str], str]
) -> Iterator[tuple[Store, Store]]:
    """A database with rows in each table, and an empty one."""
    first, second = request.param
    with (
        closing(Store(make_database(first), KEY)) as source,
        closing(Store(make_database(second), KEY)) as target,
    ):
        source.upgrade_schema()
        fill_tables(source)
        yield source, target


def move_database(source: Store, target: Store) -> CopySummary:
    move = DatabaseMove(source, target, STAFF, lambda: NOW)
    identity = move.begin_move()
    summary = move.copy_rows(lambda _: None)
    move.complete_move(identity)
    return summary


def fill_tables(store: Store) -> None:
    """Insert rows into every table, with the values at the ends of each type."""
    rows: dict[str, list[dict[str, Any]]] = {}
    with store.begin() as tx:
        for table in schema.metadata.sorted_tables:
            if table is schema.database_identity:
                continue
            rows[table.name] = [_make_row(table, number, rows) for number in range(ROWS)]
            tx.connection.execute(insert(table), rows[table.name])
        save_last_ids(tx.connection, dict.fromkeys(rows, ROWS))


def _make_row(table: Table, number: int, rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    values = {}
    for column in table.columns:
        references = [key.column for key in column.foreign_keys]
        if references:
            parent = rows.get(references[0].table.name)
            values[column.name] = parent[number][references[0].name] if parent else None
        elif column.nullable and number == 2:
            values[column.name] = None
        else:
            values[column.name] = _make_value(column, number)
    return values


def _make_value(column: Column[Any], number: int) -> Any:
    kind = column.type
    if isinstance(kind, Utc):
        return MOMENTS[number]
    if isinstance(kind, Date):
        return date(2026, 12, 1 + number)
    if isinstance(kind, Boolean):
        return number == 0
    if isinstance(kind, JSON):
        return [{"é": [None, True, 1.5, 2**60]}, [], "\u0000 \ud83d\ude00"][number]
    if isinstance(kind, LargeBinary):
        return [bytes(range(256)), b"", b"\x00\\x\n"][number]
    if column.primary_key and isinstance(kind, Integer | BigInteger):
        return number + 1
    if isinstance(kind, BigInteger):
        return BIG_NUMBERS[number]
    if isinstance(kind, Integer):
        return (2**31 - 1, -(2**31), 0)[number]
    words = f"{number}é\t\\N\n\u202e漢\U0001f600 'quoted' {{}} \\."
    return words[: getattr(kind, "length", None)]


def read_rows(db: Connection, table: Table) -> list[tuple[Any, ...]]:
    """Return the rows of a table as the program sees them, in any order."""
    return sorted(map(tuple, db.execute(select(table))), key=repr)
