"""Statements of the hot paths: compiled once for each database, then run with plain values.

SQLAlchemy works out a statement's parameters anew for each row that it is given, and its execution
context costs more than most of these statements: together two thirds of the ledger's time at
several thousand messages a second. So they go to the driver as they are, and so do values: numbers
and text only, no moments. The driver's errors come through; ``engine.begin`` knows them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    Connection,
    Table,
    Text,
    bindparam,
    insert,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement, ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from mailer.store.schema.base import Utc


class among(ColumnElement[bool]):  # noqa: N801  (reads as SQL does)
    """`column` is one of the numbers that the parameter `name` lists, however many: the statement
    stays the same. Give them through :func:`numbers`."""

    type = Boolean()
    inherit_cache = False

    def __init__(self, column: Column[int], name: str) -> None:
        self.column = column
        self.name = name

    def self_group(self, against: Any = None) -> "among":
        """As it is: SQLAlchemy would write ``= 1`` behind it for SQLite, and no index be used."""
        return self


@compiles(among, "sqlite")
def _sqlite_among(element: among, compiler: Any, **how: Any) -> str:
    bound = compiler.process(BindParameter(element.name, type_=BigInteger()), **how)
    listed = f"SELECT value FROM json_each({bound})"  # noqa: S608  (bound is a parameter)
    return f"{compiler.process(element.column, **how)} IN ({listed})"


@compiles(among, "postgresql")
def _postgresql_among(element: among, compiler: Any, **how: Any) -> str:
    bound = compiler.process(BindParameter(element.name, type_=ARRAY(BigInteger())), **how)
    return f"{compiler.process(element.column, **how)} = ANY({bound})"


class _json_rows(FunctionElement[Any]):  # noqa: N801
    """The elements of the JSON array in a parameter, as rows with a column ``value``."""

    inherit_cache = True


@compiles(_json_rows, "sqlite")
def _sqlite_rows(element: _json_rows, compiler: Any, **how: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **how)})"


@compiles(_json_rows, "postgresql")
def _postgresql_rows(element: _json_rows, compiler: Any, **how: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **how)} AS json))"


class _json_field(FunctionElement[Any]):  # noqa: N801
    """One field of an array in JSON, by its place, as a value of `type`."""

    inherit_cache = True

    def __init__(self, array: ColumnElement[Any], place: int, type_: TypeEngine[Any]) -> None:
        super().__init__(array)
        self.place = place
        self.type = type_


@compiles(_json_field, "sqlite")
def _sqlite_field(element: _json_field, compiler: Any, **how: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **how)}, '$[{element.place}]')"


@compiles(_json_field, "postgresql")
def _postgresql_field(element: _json_field, compiler: Any, **how: Any) -> str:
    kind = compiler.dialect.type_compiler_instance.process(element.type)
    return f"CAST({compiler.process(element.clauses, **how)} ->> {element.place} AS {kind})"


def fields(name: str, *types: TypeEngine[Any]) -> list[ColumnElement[Any]]:
    """The columns of a table that is given as the parameter `name`: see :func:`table`. In one
    statement with many rows, instead of one statement for each: SQLite's driver lets go of the
    interpreter at each step, and each time has to wait to get it back."""
    rows = _json_rows(bindparam(name, type_=Text())).table_valued("value").alias(name)
    return [_json_field(rows.c.value, place, type_) for place, type_ in enumerate(types)]


def table(rows: Sequence[Sequence[Any]]) -> str:
    """Rows as :func:`fields` takes them."""
    return json.dumps(rows)


def numbers(db: Connection, some: Iterable[int]) -> Any:
    """Numbers as the database's driver takes them for :class:`among`."""
    listed = list(some)
    return json.dumps(listed) if db.dialect.name == "sqlite" else listed


class Prepared:
    """A statement whose named parameters are given at each run."""

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str] | None, Mapping[str, Any]]] = {}

    def rows(self, db: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows that it gives."""
        cursor = self._execute(db, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.close()
        return found

    def run(self, db: Connection, values: Mapping[str, Any]) -> int:
        """Run it; how many rows it changed."""
        cursor = self._execute(db, values)
        count: int = cursor.rowcount
        cursor.close()
        return count

    def _execute(self, db: Connection, values: Mapping[str, Any]) -> Any:
        sql, order, fixed = self._for(db)
        both = {**fixed, **values}
        cursor = db.connection.cursor()
        cursor.execute(sql, tuple([both[name] for name in order]) if order else both)
        return cursor

    def _for(self, db: Connection) -> tuple[str, Sequence[str] | None, Mapping[str, Any]]:
        known = self._compiled.get(db.dialect.name)
        if known is None:
            made = self._statement.compile(dialect=db.dialect)
            order = getattr(made, "positiontup", None)
            fixed = dict(made.params)
            known = self._compiled[db.dialect.name] = (str(made), order, fixed)
        return known


class Inserted:
    """An INSERT of many rows at once, each a tuple of values for `columns` in their order."""

    def __init__(self, table: Table, *columns: str) -> None:
        self._statement = insert(table).values({name: bindparam(name) for name in columns})
        self._columns = columns
        self._compiled: dict[str, str] = {}

    def run(self, db: Connection, rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        sql = self._for(db)
        cursor = db.connection.cursor()
        if db.dialect.positional:
            cursor.executemany(sql, rows)
        else:
            cursor.executemany(sql, [dict(zip(self._columns, row, strict=True)) for row in rows])
        cursor.close()

    def _for(self, db: Connection) -> str:
        known = self._compiled.get(db.dialect.name)
        if known is None:
            made = self._statement.compile(dialect=db.dialect)
            order = getattr(made, "positiontup", None)
            assert order is None or tuple(order) == self._columns
            known = self._compiled[db.dialect.name] = str(made)
        return known


def moment(db: Connection, when: datetime) -> Any:
    """An aware moment as the database's driver takes it."""
    made = Utc().dialect_impl(db.dialect).bind_processor(db.dialect)
    return made(when) if made else when
