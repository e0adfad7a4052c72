"""The indexes that searches use: created, checked and described."""

from typing import Any

from sqlalchemy import Column, Connection

from mailer.model.searches import SearchIndexStatus, SearchMethod
from mailer.store import schema
from mailer.store.search import postgresql, sqlite

SEARCHED_COLUMNS: tuple[Column[Any], ...] = (
    schema.subscriber.c.search_text,
    schema.article.c.search_text,
    schema.edition_words.c.words,
)
"""The columns that have an index of trigrams, if the database can have one."""


def prepare_indexes(db: Connection) -> None:
    """Create the indexes that the database can have and does not have yet, or create them again if
    they are unusable. If it can't have indexes of trigrams, create one of beginnings for people."""
    _choose_module(db).prepare_indexes(db, SEARCHED_COLUMNS)


def find_method(db: Connection, column: Column[Any]) -> SearchMethod:
    """Return what the index of a searched column can find."""
    has_parts = _choose_module(db).has_part_index(db, column)
    return SearchMethod.PARTS if has_parts else SearchMethod.BEGINNINGS


def describe_index(db: Connection) -> SearchIndexStatus:
    """Describe the index that searches for people use."""
    column = schema.subscriber.c.search_text
    method = find_method(db, column)
    if method is SearchMethod.PARTS:
        return SearchIndexStatus(method)
    return SearchIndexStatus(method, _choose_module(db).explain_missing_index(db))


def _choose_module(db: Connection) -> Any:
    return postgresql if db.dialect.name == "postgresql" else sqlite
