"""The office's own fields of readers in the database: a JSON object in a text column, which is
empty for people without values, and SQL expressions for its values."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Numeric, String, Text, case, cast, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def encode_values(values: Mapping[str, str]) -> str:
    """Encode values by name for the column. The same values give the same text."""
    if not values:
        return ""
    return json.dumps(dict(sorted(values.items())), ensure_ascii=False, separators=(",", ":"))


def decode_values(text: str) -> dict[str, str]:
    """Decode the text of the column. Values that are not set are left out."""
    if not text:
        return {}
    return {name: value for name, value in json.loads(text).items() if value is not None}


class field_text(FunctionElement[str]):  # noqa: N801  (reads as SQL does)
    """The value of a field in a column of fields, or NULL."""

    type = String()
    inherit_cache = True

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        super().__init__(column, literal(name, String()))


@compiles(field_text, "sqlite")
def _compile_text_sqlite(element: field_text, compiler: Any, **options: Any) -> str:
    column, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract(nullif({column}, ''), '$.' || {name})"


@compiles(field_text, "postgresql")
def _compile_text_postgresql(element: field_text, compiler: Any, **options: Any) -> str:
    column, name = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(CAST(nullif({column}, '') AS json) ->> {name})"


class _has_number(FunctionElement[bool]):  # noqa: N801
    """The condition that a text is a number as fields store it. A value that was stored under
    another type may be any text, and PostgreSQL would fail to convert it."""

    inherit_cache = True


@compiles(_has_number, "sqlite")
def _compile_check_sqlite(element: _has_number, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    patterns = ("*[^0-9.-]*", "?*-*", "*.*.*")
    return (
        f"({text} GLOB '*[0-9]*'"
        + "".join(f" AND {text} NOT GLOB '{pattern}'" for pattern in patterns)
        + ")"
    )


@compiles(_has_number, "postgresql")
def _compile_check_postgresql(element: _has_number, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"({text} ~ '^-?[0-9]+(\\.[0-9]+)?$')"


def build_number(column: ColumnElement[str], name: str) -> ColumnElement[Any]:
    """Return the number in a field, or NULL if the stored value is not a number."""
    value = field_text(column, name)
    return case((_has_number(value), cast(value, Numeric(40, 12))))


class _values_object(FunctionElement[str]):  # noqa: N801
    """A JSON object, as text, of names and values that alternate."""

    type = Text()
    inherit_cache = True


@compiles(_values_object, "sqlite")
def _compile_object_sqlite(element: _values_object, compiler: Any, **options: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **options)})"


@compiles(_values_object, "postgresql")
def _compile_object_postgresql(element: _values_object, compiler: Any, **options: Any) -> str:
    return f"CAST(json_build_object({compiler.process(element.clauses, **options)}) AS text)"


def select_values(column: ColumnElement[str], names: Iterable[str]) -> ColumnElement[str]:
    """Return the expression of a column of fields with the fields `names` alone."""
    clauses: list[ColumnElement[Any]] = []
    for name in sorted(names):
        clauses += [literal(name, String()), field_text(column, name)]
    if not clauses:
        return literal("", Text())
    return case((column == "", ""), else_=_values_object(*clauses))
