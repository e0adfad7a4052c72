"""Statements of the hot paths: compiled once for each database, then run with plain values.

SQLAlchemy works out a statement's parameters anew for each row that it is given, and its execution
context costs more than most of these statements: together two thirds of the ledger's time at
several thousand messages a second. So they go to the driver as they are, and so do values: numbers
and text only, no moments. The driver's errors come through; ``engine.begin`` knows them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Boolean, Column, Connection
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement, ColumnElement


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

    def many(self, db: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of `rows`."""
        sql, order, fixed = self._for(db)
        given: list[Any] = [{**fixed, **row} for row in rows]
        if order:
            given = [tuple([row[name] for name in order]) for row in given]
        cursor = db.connection.cursor()
        cursor.executemany(sql, given)
        cursor.close()

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
