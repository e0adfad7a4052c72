"""Prepared statements, which are compiled once for each database and then run with plain values.

SQLAlchemy processes a statement's parameters again for each row, and its execution context costs
more than most of these statements. Together this took two thirds of the ledger's time at several
thousand messages a second. Therefore statements and values go directly to the driver. Values are
only numbers and text, not moments. The driver's errors are not wrapped;
``engine.begin_transaction`` handles them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
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


class among(ColumnElement[bool]):  # noqa: N801  (reads as SQL does)
    """The condition that `column` is one of the values in the parameter `name`. The statement is
    the same whatever the count of values. :func:`encode_numbers` or :func:`encode_texts` makes the
    value of the parameter."""

    type = Boolean()
    inherit_cache = False

    def __init__(self, column: Column[Any], name: str) -> None:
        self.column = column
        self.name = name

    def self_group(self, against: Any = None) -> "among":
        """Return the condition unchanged: SQLAlchemy would append ``= 1`` for SQLite, which
        prevents the use of an index."""
        return self


@compiles(among, "sqlite")
def _compile_among_sqlite(element: among, compiler: Any, **options: Any) -> str:
    parameter = compiler.process(BindParameter(element.name, type_=Text()), **options)
    subquery = f"SELECT value FROM json_each({parameter})"  # noqa: S608  (bound is a parameter)
    return f"{compiler.process(element.column, **options)} IN ({subquery})"


@compiles(among, "postgresql")
def _compile_among_postgresql(element: among, compiler: Any, **options: Any) -> str:
    parameter = compiler.process(
        BindParameter(element.name, type_=ARRAY(element.column.type)), **options
    )
    return f"{compiler.process(element.column, **options)} = ANY({parameter})"


class _json_rows(FunctionElement[Any]):  # noqa: N801
    """The elements of the JSON array in a parameter, as rows with a column ``value``."""

    inherit_cache = True


@compiles(_json_rows, "sqlite")
def _compile_rows_sqlite(element: _json_rows, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_json_rows, "postgresql")
def _compile_rows_postgresql(element: _json_rows, compiler: Any, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **options)} AS json))"


class _json_field(FunctionElement[Any]):  # noqa: N801
    """A field of a JSON array by its index, as a value of `type`."""

    inherit_cache = True

    def __init__(self, array: ColumnElement[Any], place: int, type_: TypeEngine[Any]) -> None:
        super().__init__(array)
        self.place = place
        self.type = type_


@compiles(_json_field, "sqlite")
def _compile_field_sqlite(element: _json_field, compiler: Any, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)}, '$[{element.place}]')"


@compiles(_json_field, "postgresql")
def _compile_field_postgresql(element: _json_field, compiler: Any, **options: Any) -> str:
    type_name = compiler.dialect.type_compiler_instance.process(element.type)
    return (
        f"CAST({compiler.process(element.clauses, **options)} ->> {element.place} AS {type_name})"
    )


def build_json_columns(name: str, *types: TypeEngine[Any]) -> list[ColumnElement[Any]]:
    """Build the columns of a table that is passed as the parameter `name` (see
    :func:`encode_rows`).

    One statement with many rows replaces a statement for each row, since SQLite's driver releases
    the interpreter lock at each step, and has to wait each time to get it back."""
    rows = _json_rows(bindparam(name, type_=Text())).table_valued("value").alias(name)
    return [_json_field(rows.c.value, place, type_) for place, type_ in enumerate(types)]


def encode_rows(rows: Sequence[Sequence[Any]]) -> str:
    """Encode rows for :func:`build_json_columns`."""
    return json.dumps(rows)


def encode_numbers(db: Connection, values: Iterable[int]) -> Any:
    """Encode numbers for :class:`among`."""
    number_list = list(values)
    return json.dumps(number_list) if db.dialect.name == "sqlite" else number_list


def encode_texts(db: Connection, values: Iterable[str]) -> Any:
    """Encode texts for :class:`among`."""
    texts = list(values)
    return json.dumps(texts) if db.dialect.name == "sqlite" else texts


class PreparedStatement:
    """A statement whose named parameters are given at each run."""

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str] | None, Mapping[str, Any]]] = {}

    def fetch_rows(self, db: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run the statement and return its rows."""
        cursor = self._execute_statement(db, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.close()
        return rows

    def run(self, db: Connection, values: Mapping[str, Any]) -> int:
        """Run the statement and return the number of changed rows."""
        cursor = self._execute_statement(db, values)
        count: int = cursor.rowcount
        cursor.close()
        return count

    def run_many(self, db: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run the statement with the parameters of each row."""
        if not rows:
            return
        sql, parameter_order, fixed_values = self._compile_for(db)
        parameters: list[Any] = [{**fixed_values, **row} for row in rows]
        if parameter_order:
            parameters = [tuple([row[name] for name in parameter_order]) for row in parameters]
        cursor = db.connection.cursor()
        cursor.executemany(sql, parameters)
        cursor.close()

    def _execute_statement(self, db: Connection, values: Mapping[str, Any]) -> Any:
        sql, parameter_order, fixed_values = self._compile_for(db)
        all_values = {**fixed_values, **values}
        cursor = db.connection.cursor()
        cursor.execute(
            sql,
            tuple([all_values[name] for name in parameter_order])
            if parameter_order
            else all_values,
        )
        return cursor

    def _compile_for(self, db: Connection) -> tuple[str, Sequence[str] | None, Mapping[str, Any]]:
        compiled = self._compiled.get(db.dialect.name)
        if compiled is None:
            statement = self._statement.compile(dialect=db.dialect)
            parameter_order = getattr(statement, "positiontup", None)
            fixed_values = dict(statement.params)
            compiled = self._compiled[db.dialect.name] = (
                str(statement),
                parameter_order,
                fixed_values,
            )
        return compiled


class PreparedInsert:
    """An INSERT of many rows at once, each a tuple of values in the order of `columns`."""

    def __init__(self, table: Table, *columns: str) -> None:
        self._statement = insert(table).values({name: bindparam(name) for name in columns})
        self._columns = columns
        self._compiled: dict[str, str] = {}

    def run(self, db: Connection, rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        sql = self._compile_for(db)
        cursor = db.connection.cursor()
        if db.dialect.positional:
            cursor.executemany(sql, rows)
        else:
            cursor.executemany(sql, [dict(zip(self._columns, row, strict=True)) for row in rows])
        cursor.close()

    def _compile_for(self, db: Connection) -> str:
        sql = self._compiled.get(db.dialect.name)
        if sql is None:
            statement = self._statement.compile(dialect=db.dialect)
            parameter_order = getattr(statement, "positiontup", None)
            assert parameter_order is None or tuple(parameter_order) == self._columns
            sql = self._compiled[db.dialect.name] = str(statement)
        return sql


def encode_moment(db: Connection, moment: datetime | None) -> Any:
    """Encode an aware moment for the database's driver, as the type :class:`Utc` does."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"a moment must be aware: {moment!r}")
    moment = moment.astimezone(UTC)
    if db.dialect.name != "sqlite":
        return moment
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def create_moment_decoder(db: Connection) -> Callable[[Any], datetime]:
    """Return a function that decodes a moment of the database's driver."""
    return _decode_text if db.dialect.name == "sqlite" else _decode_moment


def _decode_text(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _decode_moment(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
