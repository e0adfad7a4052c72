"""Indexes of searches on PostgreSQL: GIN indexes.

If the server has the extension ``pg_trgm`` and the database's user may create it, the indexes are
of trigrams. It makes trigrams of letters and digits as the database's locale knows them, so a
database with the locale C, which knows no other letters than ASCII's, has no use for it.

Otherwise, people have an index of whole words, which finds words by their beginning. Its words are
those of the column itself, as neither text search configurations nor locales take part.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, cast, func, literal_column, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.exc import DBAPIError

from mailer.store import schema

_EXTENSION = "pg_trgm"
_WORDS_INDEX = "ix_subscriber_search_words"

_REFUSALS = {"42501", "0A000"}
"""SQLSTATEs of a server that won't create an extension: insufficient privilege, and a feature that
is not supported."""


def has_part_index(db: Connection, column: Column[Any]) -> bool:
    """Check whether the column has an index of trigrams."""
    return _has_index(db, _get_index_name(column))


def explain_missing_index(db: Connection) -> str:
    extension_schema = _find_extension_schema(db)
    if extension_schema is not None:
        if not _knows_letters(db, extension_schema):
            return "the database's locale knows only the letters of ASCII"
        return "its index has not been made yet"
    if _is_extension_available(db):
        return f"the extension {_EXTENSION} was not created in this database"
    return f"the server does not have the extension {_EXTENSION}"


def prepare_indexes(db: Connection, columns: Sequence[Column[Any]]) -> None:
    extension_schema = _find_extension_schema(db)
    if extension_schema is None and _create_extension(db):
        extension_schema = _find_extension_schema(db)
    if extension_schema is None or not _knows_letters(db, extension_schema):
        db.execute(
            text(
                f"CREATE INDEX IF NOT EXISTS {_WORDS_INDEX} ON subscriber "
                f"USING gin ({_WORDS_EXPRESSION})"
            )
        )
        return
    for column in columns:
        db.execute(
            text(
                f"CREATE INDEX IF NOT EXISTS {_get_index_name(column)} ON {column.table.name} "
                f'USING gin ({column.name} "{extension_schema}".gin_trgm_ops)'
            )
        )
    db.execute(text(f"DROP INDEX IF EXISTS {_WORDS_INDEX}"))


def _get_index_name(column: Column[Any]) -> str:
    return f"ix_{column.table.name}_search_parts"


def _has_index(db: Connection, name: str) -> bool:
    return bool(db.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name}))


def _find_extension_schema(db: Connection) -> str | None:
    """Return the schema of the extension, or None if this database does not have it."""
    extension_schema: str | None = db.scalar(
        text(
            "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace "
            "WHERE extname = :name"
        ),
        {"name": _EXTENSION},
    )
    return extension_schema


def _is_extension_available(db: Connection) -> bool:
    statement = text("SELECT count(*) FROM pg_available_extensions WHERE name = :name")
    return bool(db.scalar(statement, {"name": _EXTENSION}))


def _create_extension(db: Connection) -> bool:
    """Create the extension. It is trusted: the right to create objects in the database suffices.
    Returns False if the server does not have it, or refuses."""
    if not _is_extension_available(db):
        return False
    try:
        with db.begin_nested():
            db.execute(text(f"CREATE EXTENSION IF NOT EXISTS {_EXTENSION}"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") not in _REFUSALS:
            raise
        return False
    return True


def _knows_letters(db: Connection, extension_schema: str) -> bool:
    """Check that the extension makes trigrams of letters beyond ASCII."""
    statement = text(f"""SELECT cardinality("{extension_schema}".show_trgm('ж')) > 0""")
    return bool(db.scalar(statement))


_WORDS_EXPRESSION = "array_to_tsvector(string_to_array(ltrim(search_text), '  '))"


def build_beginnings_condition(needles: Sequence[str]) -> ColumnElement[bool]:
    """Build the condition that a person's words include those of the needles, in terms of the index
    of words. The last word of a needle may be the beginning of a word."""
    terms = []
    for needle in needles:
        *whole_words, beginning = map(_quote_term, needle.split())
        terms += [*whole_words, f"{beginning}:*"]
    column = schema.subscriber.c.search_text
    column_words = func.string_to_array(func.ltrim(column), literal_column("'  '"))
    condition: ColumnElement[bool] = func.array_to_tsvector(column_words).bool_op("@@")(
        cast(" & ".join(terms), TSQUERY)
    )
    return condition


def _quote_term(word: str) -> str:
    """Quote a word for the text form of ``tsquery`` (PostgreSQL 18, §8.11.2)."""
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
