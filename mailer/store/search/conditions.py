"""The conditions of statements that search.

Needles come from ``words.build_needle``, so each has at least three characters, if only spaces
before a beginning.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, func

from mailer.model.searches import SearchMethod
from mailer.store.search import sqlite
from mailer.store.search.indexes import find_method


def build_conditions(
    db: Connection, searched_column: Column[Any], needles: Sequence[str]
) -> list[ColumnElement[bool]]:
    """Build the conditions that a searched column contains every needle. They use the column's
    index of trigrams, and without one every row is read."""
    conditions = build_exact_conditions(db, searched_column, needles)
    if db.dialect.name == "sqlite" and find_method(db, searched_column) is SearchMethod.PARTS:
        candidates = sqlite.select_candidates(searched_column, needles)
        conditions.insert(0, searched_column.table.c.id.in_(candidates.order_by(None)))
    return conditions


def build_exact_conditions(
    db: Connection, searched_column: Column[Any], needles: Sequence[str]
) -> list[ColumnElement[bool]]:
    """Build the conditions that a searched column contains every needle. PostgreSQL's indexes of
    trigrams serve them; SQLite reads every row."""
    if db.dialect.name == "sqlite":
        return [func.instr(searched_column, needle) > 0 for needle in needles]
    return [searched_column.like(f"%{_escape_pattern(needle)}%") for needle in needles]


def _escape_pattern(needle: str) -> str:
    """Escape what LIKE takes for wildcards, with its default escape character (an ESCAPE clause
    would make a function call of the pattern)."""
    for sign in "\\%_":
        needle = needle.replace(sign, "\\" + sign)
    return needle
